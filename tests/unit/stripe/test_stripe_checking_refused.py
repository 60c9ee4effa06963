"""What a look at a Stripe connection says of answers that tell less than they should, and what
setting it up refuses. The answers are Stripe's own, one of them changed."""

from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from canonical_models.checks import Expected, Finding, Verdict
from canonical_models.failures import CredentialsRefused, Failure
from connectors.config import ConnectionConfig
from connectors.stripe import API_VERSION
from connectors.stripe.checking import StripeConnection
from connectors.stripe.permissions import NOBODY, PERMISSIONS
from connectors.stripe.webhooks import events_heard

Json = dict[str, Any]
Answer = Callable[[httpx.Request], httpx.Response]

EXPECTED = Expected(
    webhook_path="/webhooks/acme/billing", public_url="https://trueup.example.com", payouts=True
)
URL = "https://trueup.example.com/webhooks/acme/billing"
ENDPOINTS = "/v1/webhook_endpoints"
DESTINATIONS = "/v2/core/event_destinations"


def json(body: Json, status: int = 200, version: str | None = None) -> Answer:
    headers = {} if version is None else {"stripe-version": version}
    named = {"object": "any", **body} if status == 200 else body
    return lambda _: httpx.Response(status, json=named, headers=headers)


def balance(*, live: bool = False, version: str = API_VERSION) -> Answer:
    return json({"livemode": live}, version=version)


def refused(status: int) -> Answer:
    return json({"error": {"type": "invalid_request_error", "message": "no"}}, status)


def endpoint(key: str = "we_1", **changed: Any) -> Json:
    return {
        "id": key,
        "url": URL,
        "status": "enabled",
        "enabled_events": ["*"],
        "api_version": API_VERSION,
        **changed,
    }


def account(**changed: Answer) -> dict[str, Answer]:
    """As it should be, but for what is changed."""
    return {
        "/v1/balance": balance(),
        "/v1/account": json({"id": "acct_1"}),
        ENDPOINTS: json({"data": [endpoint()], "has_more": False}),
        DESTINATIONS: json({"data": []}),
        **changed,
    }


def connection(
    answers: dict[str, Answer], *, secrets: tuple[str, ...] = ("whsec_1",), **options: Any
) -> StripeConnection:
    def respond(request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path in answers:
            answer = answers[path](request)
        else:
            answer = (
                httpx.Response(404, json={"error": {"type": "invalid_request_error"}})
                if path.endswith(NOBODY)
                else httpx.Response(200, json={"object": "list", "data": []})
            )
        answer.headers.setdefault("date", format_datetime(datetime.now(UTC)))
        return answer

    config = ConnectionConfig(
        name="billing",
        vendor="stripe",
        base_url="https://stripe.example.com",
        secrets={"api_key": SecretStr("rk_test_1")},
        webhook_secrets=tuple(map(SecretStr, secrets)),
        options=options,
        timeout_seconds=5,
    )
    return StripeConnection.connect(config, transport=httpx.MockTransport(respond))


async def found(answers: dict[str, Answer], **given: Any) -> dict[str, Finding]:
    async with connection(answers, **given) as looking:
        findings = await looking.check(EXPECTED)
    assert all(each.next_step for each in findings if each.verdict is not Verdict.RIGHT)
    return {each.looked_at: each for each in findings}


def amiss(findings: dict[str, Finding]) -> dict[str, Verdict]:
    """Whether our secret is the endpoint's is never seen before its first event."""
    return {
        name: each.verdict
        for name, each in findings.items()
        if each.verdict is not Verdict.RIGHT and name != "signing secret"
    }


async def test_an_account_that_is_as_it_should_be_has_nothing_amiss() -> None:
    findings = await found(account())
    assert amiss(findings) == {}
    assert findings["signing secret"].verdict is Verdict.UNKNOWN
    ours = await found(account(), account="acct_1")
    assert "the connected account acct_1" in ours["account"].meaning
    assert amiss(ours) == {}


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"/v1/balance": balance(live=True)}, {"mode": Verdict.WRONG}),
        (
            {"/v1/balance": refused(403)},
            {
                "mode": Verdict.UNKNOWN,
                "permission Balance: read": Verdict.WRONG,
                "API version of the account": Verdict.UNKNOWN,
            },
        ),
        ({"/v1/account": refused(403)}, {"account": Verdict.UNKNOWN}),
        ({DESTINATIONS: refused(404)}, {"event destinations": Verdict.UNKNOWN}),
        ({ENDPOINTS: refused(403)}, {"webhook endpoint": Verdict.WRONG}),
        ({ENDPOINTS: refused(500)}, {"webhook endpoint": Verdict.UNKNOWN}),
        ({ENDPOINTS: json({"data": 1})}, {"webhook endpoint": Verdict.UNKNOWN}),
        (
            {ENDPOINTS: json({"data": [endpoint(api_version=None)], "has_more": False})},
            {"API version of the endpoint": Verdict.UNKNOWN},
        ),
    ],
)
async def test_what_is_amiss_is_said_with_what_to_do(
    changed: dict[str, Answer], expected: dict[str, Verdict]
) -> None:
    assert amiss(await found(account(**changed))) == expected


async def test_a_key_of_live_mode_names_the_option_that_would_fit() -> None:
    findings = await found(account(**{"/v1/balance": balance(live=True)}))
    assert 'mode = "live"' in (findings["mode"].next_step or "")


async def test_the_version_of_the_account_is_asked_without_one_of_ours() -> None:
    def of_account(request: httpx.Request) -> httpx.Response:
        """A request that names a version is answered in it."""
        version = request.headers.get("stripe-version", "2019-12-03\x7f")
        return balance(version=version)(request)

    told = (await found(account(**{"/v1/balance": of_account})))["API version of the account"]
    assert "it is 2019-12-03, whose events are not understood" in told.meaning
    assert told.next_step is not None
    silent = await found(account(**{"/v1/balance": json({"livemode": False})}))
    assert amiss(silent) == {"API version of the account": Verdict.UNKNOWN}


async def test_permissions_that_stripe_does_not_speak_of_are_unknown_and_not_refused() -> None:
    silent = {each.path: refused(500) for each in PERMISSIONS if each.resource == "Disputes"}
    findings = await found(account(**silent))
    assert amiss(findings) == {"permissions": Verdict.UNKNOWN}
    assert "Disputes: read" in findings["permissions"].meaning
    # Nothing is said to be allowed where nothing was.
    none = {each.path: refused(500) for each in PERMISSIONS}
    async with connection(account(**none)) as looking:
        told = [each for each in await looking.check(EXPECTED) if each.looked_at == "permissions"]
    assert [each.verdict for each in told] == [Verdict.UNKNOWN]


async def test_secrets_that_are_no_signing_secrets_or_none_are_wrong() -> None:
    odd = await found(account(), secrets=("whsec_1", "sk_test_2"))
    assert odd["signing secret"].verdict is Verdict.WRONG
    assert "1 of 2" in odd["signing secret"].meaning
    assert "sk_test_2" not in odd["signing secret"].meaning
    none = await found(account(), secrets=())
    assert "401" in none["signing secret"].meaning


async def test_an_endpoint_on_the_second_page_is_found_and_a_list_without_end_is_given_up() -> None:
    asked: list[str | None] = []

    def pages(request: httpx.Request) -> httpx.Response:
        after = request.url.params.get("starting_after")
        asked.append(after)
        held = endpoint() if after else endpoint("we_0", url="https://elsewhere.example.com")
        return httpx.Response(200, json={"data": [held], "has_more": after is None})

    assert amiss(await found(account(**{ENDPOINTS: pages}))) == {}
    assert asked == [None, "we_0"]

    endless = json({"data": [endpoint()], "has_more": True})
    findings = await found(account(**{ENDPOINTS: endless}))
    assert amiss(findings) == {"webhook endpoint": Verdict.UNKNOWN}
    assert "does not end" in findings["webhook endpoint"].meaning


async def test_setting_up_needs_the_address() -> None:
    async with connection(account()) as looking:
        with pytest.raises(ValueError, match=r"api\.public_url"):
            await looking.setup(Expected(webhook_path="/webhooks/acme/billing"), keep=None)


def of(held: Json, refusal: Answer | None = None) -> tuple[dict[str, Answer], list[str]]:
    """An account with this endpoint, and what was sent to it."""
    sent: list[str] = []

    def saved(request: httpx.Request) -> httpx.Response:
        sent.append(request.content.decode())
        return refusal(request) if refusal else httpx.Response(200, json=held)

    listed = json({"data": [held], "has_more": False})
    return account(**{ENDPOINTS: listed, f"{ENDPOINTS}/{held['id']}": saved}), sent


async def test_what_would_be_changed_of_an_endpoint_is_told_and_not_done() -> None:
    fewer = [each for each in events_heard(payouts=True) if each != "invoice.paid"]
    answers, sent = of(endpoint(status="disabled", enabled_events=fewer))
    async with connection(answers) as looking:
        (step,) = await looking.setup(EXPECTED, keep=None)
    assert (step.what, step.done) == ("we_1: enable it and add the events invoice.paid", False)
    assert sent == []


async def test_one_that_is_only_disabled_keeps_its_events_as_they_are() -> None:
    answers, sent = of(endpoint(status="disabled"))
    async with connection(answers) as looking:
        (step,) = await looking.setup(EXPECTED, keep=lambda _: "a file")
    assert (step.what, step.done) == ("we_1: enable it", True)
    assert sent == ["disabled=false"]


async def test_a_key_that_may_not_change_endpoints_ends_the_setup_with_stripes_word() -> None:
    answers, sent = of(endpoint(status="disabled"), refused(403))
    async with connection(answers) as looking:
        with pytest.raises(Failure, match="change the webhook endpoint we_1") as raised:
            await looking.setup(EXPECTED, keep=lambda _: "a file")
    assert isinstance(raised.value, CredentialsRefused)
    assert len(sent) == 1
