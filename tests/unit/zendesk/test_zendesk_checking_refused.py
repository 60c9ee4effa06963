"""What a look at a Zendesk connection says of an account that is not as it should be, and what
setting it up refuses. The answers are Zendesk's own, one of them changed."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from canonical_models.checks import Expected, Finding, Verdict
from canonical_models.failures import Rejection
from connectors.config import ConnectionConfig
from connectors.zendesk import checking
from connectors.zendesk.checking import ZendeskConnection

Json = dict[str, Any]
Answers = dict[str, "httpx.Response | Json"]

EXPECTED = Expected(webhook_path="/webhooks/acme/support", public_url="https://trueup.example.com/")
URL = "https://trueup.example.com/webhooks/acme/support"
ME = "/api/v2/users/me"
EXPORT = "/api/v2/incremental/organizations"
FIELDS = "/api/v2/organization_fields"
WEBHOOKS = "/api/v2/webhooks"
SECRET = "/api/v2/webhooks/01HOOK/signing_secret"
KEYS = ("trueup_support_tier", "trueup_contract_end", "trueup_features")


def field(key: str, **changed: Any) -> Json:
    return {"key": key, "active": True, "type": "text", **changed}


def webhook(**changed: Any) -> Json:
    return {
        "id": "01HOOK",
        "endpoint": URL,
        "status": "active",
        "http_method": "POST",
        "request_format": "json",
        **changed,
    }


def account(**changed: Any) -> Answers:
    """As it should be, but for what is changed."""
    action = {"field": "notification_webhook", "value": ["01HOOK", "{}"]}
    return {
        ME: {"user": {"id": 7, "role": "admin"}},
        EXPORT: {"organizations": []},
        FIELDS: {"organization_fields": [field(key) for key in KEYS]},
        WEBHOOKS: {"webhooks": [webhook()]},
        SECRET: {"signing_secret": {"secret": "planted"}},
        "/api/v2/triggers/active": {"triggers": [{"id": 1, "title": "E", "actions": [action]}]},
        **changed,
    }


def looking_at(
    respond: Callable[[httpx.Request], httpx.Response],
    secrets: tuple[str, ...] = ("planted",),
    **options: Any,
) -> ZendeskConnection:
    config = ConnectionConfig(
        name="support",
        vendor="zendesk",
        base_url="https://desk.example.com",
        secrets={"token": SecretStr("t0ken"), "client_secret": SecretStr("cl1ent")},
        webhook_secrets=tuple(map(SecretStr, secrets)),
        options=options or {"email": "sync@example.com"},
        timeout_seconds=5,
    )
    return ZendeskConnection.connect(config, transport=httpx.MockTransport(respond))


def connection(
    answers: Answers, *, secrets: tuple[str, ...] = ("planted",), **options: Any
) -> tuple[ZendeskConnection, list[httpx.Request]]:
    sent: list[httpx.Request] = []

    def respond(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        found = answers[request.url.path]
        now = format_datetime(datetime.now(UTC))
        headers = {"date": now, "x-rate-limit": "700", "x-rate-limit-remaining": "699"}
        return (
            found
            if isinstance(found, httpx.Response)
            else httpx.Response(200, json=found, headers=headers)
        )

    return looking_at(respond, secrets, **options), sent


async def found(answers: Answers, **given: Any) -> dict[str, Finding]:
    looking, sent = connection(answers, **given)
    async with looking:
        findings = await looking.check(EXPECTED)
    # A look changes nothing.
    assert {each.method for each in sent if each.url.path != "/oauth/tokens"} == {"GET"}
    # Nobody is left without a word about what to do.
    assert all(each.next_step for each in findings if each.verdict is not Verdict.RIGHT)
    return {each.looked_at: each for each in findings}


def amiss(findings: dict[str, Finding]) -> dict[str, Verdict]:
    return {
        name: each.verdict for name, each in findings.items() if each.verdict is not Verdict.RIGHT
    }


async def test_an_account_that_is_as_it_should_be_has_nothing_amiss() -> None:
    assert amiss(await found(account())) == {}


def refused(status: int) -> httpx.Response:
    return httpx.Response(status, json={"error": "x", "description": "y"})


@pytest.mark.parametrize(
    ("changed", "name", "verdict", "says"),
    [
        ({ME: {"user": {"id": None, "role": "end-user"}}}, "credentials", "wrong", "nobody"),
        ({ME: refused(401)}, "credentials", "wrong", ""),
        ({ME: httpx.Response(200, text="<html>")}, "credentials", "unknown", ""),
        ({ME: {"user": {"id": 7, "role": "agent"}}}, "role", "wrong", "an agent"),
        ({ME: {"user": {"id": 7, "role": "end-user"}}}, "role", "wrong", "end-user"),
        ({EXPORT: refused(403)}, "organisations", "wrong", "not be exported"),
        ({EXPORT: refused(429)}, "organisations", "unknown", "ten exports a minute"),
        ({EXPORT: refused(503)}, "organisations", "unknown", "503"),
        (
            {FIELDS: {"organization_fields": [field(key, active=False) for key in KEYS]}},
            "organisation field trueup_features",
            "wrong",
            "switched off",
        ),
        (
            {FIELDS: {"organization_fields": [field(key, type="integer") for key in KEYS]}},
            "organisation field trueup_contract_end",
            "wrong",
            "type integer",
        ),
        ({FIELDS: refused(403)}, "organisation fields", "wrong", ""),
        ({WEBHOOKS: {"webhooks": []}}, "webhook of escalations", "wrong", "none leads to"),
        (
            {WEBHOOKS: {"webhooks": [webhook(status="inactive")]}},
            "webhook of escalations",
            "wrong",
            "is inactive",
        ),
        (
            {WEBHOOKS: {"webhooks": [webhook(request_format="form_encoded")]}},
            "webhook of escalations",
            "wrong",
            "POST as form_encoded",
        ),
        (
            {SECRET: {"signing_secret": {"secret": "of another"}}},
            "signing secret",
            "wrong",
            "would be refused",
        ),
        ({"/api/v2/triggers/active": {"triggers": []}}, "triggers", "wrong", "never sent"),
    ],
)
async def test_what_is_amiss_is_said_with_what_to_do(
    changed: Answers, name: str, verdict: str, says: str
) -> None:
    findings = await found(account(**changed))
    assert findings[name].verdict.value == verdict
    assert says in findings[name].meaning
    # One cause is told as one, but where it is a thing of several: of three fields each.
    assert {each.partition(" trueup")[0] for each in amiss(findings)} <= {
        name.partition(" trueup")[0],
        "rate limit",
        "clock",
    }


async def test_an_answer_that_is_too_large_is_no_sign_of_wrong_credentials(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("connectors.http.MAX_ANSWER", 10)
    findings = await found(account())
    assert amiss(findings) == {"credentials": Verdict.UNKNOWN}


async def test_the_clock_of_another_hour_and_what_is_announced_are_told() -> None:
    def me(**headers: str) -> httpx.Response:
        return httpx.Response(200, json={"user": {"id": 7, "role": "admin"}}, headers=headers)

    def at(minutes: int) -> str:
        return format_datetime(datetime.now(UTC) + timedelta(minutes=minutes))

    ahead = await found(account(**{ME: me(date=at(9), sunset="Sat, 31 Dec 2027\x00")}))
    assert ahead["clock"].verdict is Verdict.WRONG
    assert "seconds ahead of ours" in ahead["clock"].meaning
    assert ahead["announcements"].verdict is Verdict.RIGHT
    assert f"sunset of {ME}: Sat, 31 Dec 2027" in ahead["announcements"].meaning
    assert "\x00" not in ahead["announcements"].meaning
    assert ahead["announcements"].next_step is not None
    behind = await found(account(**{ME: me(date=at(-9))}))
    assert "seconds behind ours" in behind["clock"].meaning
    # Without the header of one answer that of the next is read.
    silent = await found(account(**{ME: me(date="yesterday")}))
    assert silent["clock"].verdict is Verdict.RIGHT
    assert silent["rate limit"].verdict is Verdict.UNKNOWN


async def test_the_way_in_is_an_oauth_client_or_tokens_that_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    token = {"access_token": "a", "token_type": "bearer", "expires_in": 3600}
    client = await found(account(**{"/oauth/tokens": token}), client_id="trueup")
    assert (client["way in"].verdict, client["way in"].next_step) == (Verdict.RIGHT, None)
    last = datetime.now(UTC).date()
    monkeypatch.setattr(checking, "TOKENS_END", last)
    assert amiss(await found(account())) == {"way in": Verdict.WRONG}
    monkeypatch.setattr(checking, "TOKENS_END", last + timedelta(days=2))
    assert "days from now" in (await found(account()))["way in"].meaning


async def test_fields_on_a_second_page_are_there() -> None:
    pages = [
        {
            "organization_fields": [field(KEYS[0])],
            "meta": {"has_more": True, "after_cursor": "next"},
        },
        {"organization_fields": [field(KEYS[1]), field(KEYS[2])]},
    ]
    asked: list[str | None] = []

    def respond(request: httpx.Request) -> httpx.Response:
        if request.url.path != FIELDS:
            return httpx.Response(200, json=account()[request.url.path])
        asked.append(request.url.params.get("page[after]"))
        return httpx.Response(200, json=pages[len(asked) - 1])

    looking = looking_at(respond)
    async with looking:
        findings = await looking.check(EXPECTED)
    assert asked == [None, "next"]
    of_fields = [each for each in findings if each.looked_at.startswith("organisation field ")]
    assert [each.verdict for each in of_fields] == [Verdict.RIGHT] * 3


def keeping(kept: list[str]) -> Callable[[str], str]:
    def keep(secret: str) -> str:
        kept.append(secret)
        return "a file"

    return keep


async def test_setting_up_needs_the_address_and_touches_no_field_that_is_switched_off() -> None:
    kept: list[str] = []
    looking, sent = connection(account())
    async with looking:
        unaddressed = Expected(webhook_path=EXPECTED.webhook_path)
        with pytest.raises(ValueError, match=r"api\.public_url"):
            await looking.setup(unaddressed, keep=keeping(kept))
    off = [field(key, active=key != KEYS[1]) for key in KEYS]
    looking, sent = connection(account(**{FIELDS: {"organization_fields": off}}))
    async with looking:
        with pytest.raises(ValueError, match=f"{KEYS[1]} is switched off"):
            await looking.setup(EXPECTED, keep=keeping(kept))
    assert {each.method for each in sent} == {"GET"}
    assert kept == []


async def test_a_field_that_zendesk_refuses_to_make_ends_the_setup_with_zendesks_word() -> None:
    def respond(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            assert json.loads(request.content)["organization_field"]["key"] == KEYS[0]
            said = {"error": "RecordInvalid", "description": "y", "details": {}}
            return httpx.Response(422, json=said)
        return httpx.Response(200, json={"organization_fields": []})

    async with looking_at(respond) as looking:
        with pytest.raises(Rejection, match=f"define the field {KEYS[0]}"):
            await looking.setup(EXPECTED, keep=lambda _: "a file")


async def test_a_webhook_that_is_there_gives_its_secret_to_who_has_none() -> None:
    kept: list[str] = []
    looking, sent = connection(account(), secrets=())
    async with looking:
        steps = await looking.setup(EXPECTED, keep=keeping(kept))
    assert kept == ["planted"]
    assert [each.done for each in steps] == [True]
    assert {each.method for each in sent} == {"GET"}
