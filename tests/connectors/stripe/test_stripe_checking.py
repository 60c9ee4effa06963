"""A Stripe connection looked at and set up, on a simulator of its own: each thing that can be wrong
is made wrong there, and nothing else is said to be."""

import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from canonical_models.checks import Expected, Finding, Verdict
from connectors.config import ConnectionConfig
from connectors.stripe import API_VERSION
from connectors.stripe.checking import StripeConnection
from connectors.stripe.webhooks import events_heard
from sandbox.simulators.child import running_child

KEY = "rk_test_PlantedKey0123456789"
SECRET = "whsec_PlantedSecret0123456789"
PATH = "/webhooks/acme/billing"
EXPECTED = Expected(
    webhook_path=PATH, public_url="http://127.0.0.1:9", signing_secrets=1, payouts=True
)
URL = "http://127.0.0.1:9/webhooks/acme/billing"


@pytest.fixture(scope="module")
async def url(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    state = tmp_path_factory.mktemp("checking") / "state.sqlite"
    async with running_child("sandbox.simulators.stripe", "--state", str(state)) as child:
        yield child.url


@pytest.fixture
async def sim(url: str) -> AsyncIterator[httpx.AsyncClient]:
    """The account's owner, who leaves no endpoint and no restriction behind."""
    headers = {"Authorization": "Bearer sk_test_owner"}
    async with httpx.AsyncClient(base_url=url, headers=headers, trust_env=False) as client:
        yield client
        await client.post("/_sim/account", json={"keys": {}, "api_version": API_VERSION})
        for each in (await client.get("/v1/webhook_endpoints")).json()["data"]:
            await client.delete(f"/v1/webhook_endpoints/{each['id']}")


@pytest.fixture
def config(url: str) -> Callable[..., ConnectionConfig]:
    def make(key: str = KEY, **options: Any) -> ConnectionConfig:
        return ConnectionConfig(
            name="billing",
            vendor="stripe",
            base_url=url,
            secrets={"api_key": SecretStr(key)},
            webhook_secrets=(SecretStr(SECRET),),
            options=options,
            timeout_seconds=5,
        )

    return make


async def found(config: ConnectionConfig, expected: Expected = EXPECTED) -> dict[str, Finding]:
    async with StripeConnection.connect(config) as connection:
        findings = await connection.check(expected)
    told = "".join(one.model_dump_json() for one in findings)
    assert KEY not in told
    assert SECRET not in told
    return {one.looked_at: one for one in findings}


def wrong(findings: dict[str, Finding]) -> set[str]:
    return {name for name, one in findings.items() if one.verdict is Verdict.WRONG}


async def set_up(
    config: ConnectionConfig, kept: list[str], expected: Expected = EXPECTED
) -> tuple[str, ...]:
    def keep(secret: str) -> str:
        kept.append(secret)
        return "a file"

    async with StripeConnection.connect(config) as connection:
        return tuple(step.what for step in await connection.setup(expected, keep=keep))


async def test_without_an_endpoint_that_alone_is_wrong(
    config: Callable[..., ConnectionConfig], sim: httpx.AsyncClient
) -> None:
    findings = await found(config())
    assert wrong(findings) == {"webhook endpoint"}
    assert "the key may 20 of the 20" in findings["permissions"].meaning
    assert findings["signing secret"].verdict is Verdict.UNKNOWN
    assert findings["clock"].verdict is Verdict.RIGHT


async def test_set_up_once_all_is_right_and_nothing_is_left_to_do(
    config: Callable[..., ConnectionConfig], sim: httpx.AsyncClient
) -> None:
    async with StripeConnection.connect(config()) as connection:
        (would,) = await connection.setup(EXPECTED, keep=None)
    assert not would.done
    assert (await sim.get("/v1/webhook_endpoints")).json()["data"] == []

    kept: list[str] = []
    told = await set_up(config(), kept)
    assert [one.startswith("whsec_") for one in kept] == [True]
    assert kept[0] not in " ".join(told)
    (endpoint,) = (await sim.get("/v1/webhook_endpoints")).json()["data"]
    assert (endpoint["url"], endpoint["api_version"]) == (URL, API_VERSION)
    assert {"invoice.finalized", "credit_note.created", "payout.paid"} <= {
        *endpoint["enabled_events"]
    }
    assert wrong(await found(config())) == set()
    assert await set_up(config(), kept) == ()
    assert len(kept) == 1


async def test_accounts_under_ours_are_heard_by_an_endpoint_of_their_own(
    config: Callable[..., ConnectionConfig], sim: httpx.AsyncClient
) -> None:
    platform = EXPECTED.model_copy(update={"connected": True})
    kept: list[str] = []
    await set_up(config(), kept)
    before = await found(config(), platform)
    assert before["endpoint of connected accounts"].verdict is Verdict.UNKNOWN
    told = await set_up(config(), kept, platform)
    assert ["of connected accounts" in one for one in told] == [True, False]
    assert len(set(kept)) == 2
    endpoints = (await sim.get("/v1/webhook_endpoints")).json()["data"]
    assert {each["url"] for each in endpoints} == {URL}
    after = await found(config(), platform)
    assert after["endpoint of connected accounts"].verdict is Verdict.RIGHT
    assert wrong(after) == set()
    assert await set_up(config(), kept, platform) == ()

    # The connected account has none, and needs none.
    account = (await sim.post("/_sim/accounts", json={})).json()["id"]
    heard = EXPECTED.model_copy(
        update={"heard_by": PATH, "webhook_path": "/webhooks/branch/stripe"}
    )
    theirs = await found(config(account=account), heard)
    assert wrong(theirs) == set()
    assert PATH in theirs["webhook endpoint"].meaning
    assert "signing secret" not in theirs
    assert await set_up(config(account=account), kept, heard) == ()


async def test_both_endpoints_are_made_at_once_where_there_is_none(
    config: Callable[..., ConnectionConfig], sim: httpx.AsyncClient
) -> None:
    kept: list[str] = []
    told = await set_up(config(), kept, EXPECTED.model_copy(update={"connected": True}))
    assert (len(told), len(set(kept))) == (4, 2)


async def test_an_endpoint_that_lacks_an_event_and_is_disabled_is_mended_and_keeps_its_own(
    config: Callable[..., ConnectionConfig], sim: httpx.AsyncClient
) -> None:
    kept: list[str] = []
    await set_up(config(), kept)
    (endpoint,) = (await sim.get("/v1/webhook_endpoints")).json()["data"]
    path = f"/v1/webhook_endpoints/{endpoint['id']}"
    fewer = [one for one in endpoint["enabled_events"] if one != "invoice.paid"]
    form = {"enabled_events[]": [*fewer, "product.created"], "disabled": "true"}
    (await sim.post(path, data=form)).raise_for_status()

    findings = await found(config())
    assert wrong(findings) == {"webhook endpoint", "events"}
    assert "invoice.paid" in findings["events"].meaning
    assert "product.created" in findings["events that are not needed"].meaning

    await set_up(config(), kept)
    assert wrong(await found(config())) == set()
    assert "product.created" in (await sim.get(path)).json()["enabled_events"]
    assert len(kept) == 1


@pytest.mark.parametrize(
    ("version", "verdict"),
    [
        ("2020-08-27", Verdict.WRONG),
        ("2022-08-01", Verdict.RIGHT),
        ("2024-06-20", Verdict.RIGHT),
        ("2027-01-31.fig", Verdict.RIGHT),
        ("none", Verdict.WRONG),
    ],
)
async def test_the_version_of_an_endpoint(
    config: Callable[..., ConnectionConfig],
    sim: httpx.AsyncClient,
    version: str,
    verdict: Verdict,
) -> None:
    form = {"url": URL, "api_version": version, "enabled_events[]": "*"}
    (await sim.post("/v1/webhook_endpoints", data=form)).raise_for_status()
    findings = await found(config())
    assert findings["API version of the endpoint"].verdict is verdict
    assert version in findings["API version of the endpoint"].meaning
    assert wrong(findings) <= {"API version of the endpoint"}


async def test_two_endpoints_of_one_address_and_one_of_another(
    config: Callable[..., ConnectionConfig], sim: httpx.AsyncClient
) -> None:
    for address in (URL, URL, "http://127.0.0.1:9/elsewhere"):
        form = {"url": address, "enabled_events[]": "*", "api_version": API_VERSION}
        (await sim.post("/v1/webhook_endpoints", data=form)).raise_for_status()
    findings = await found(config())
    assert "webhook endpoint" in findings
    whole = await found(config(), Expected(webhook_path=PATH))
    assert whole["address of the endpoint"].verdict is Verdict.UNKNOWN
    async with StripeConnection.connect(config()) as connection:
        several = [one for one in await connection.check(EXPECTED) if one.verdict is Verdict.WRONG]
    assert ["2 lead to" in one.meaning for one in several] == [True]


async def test_each_permission_that_is_refused_is_named(
    config: Callable[..., ConnectionConfig], sim: httpx.AsyncClient
) -> None:
    keys = {KEY: {"read": ["/v1/disputes", "/v1/account"], "write": ["/v1/invoices"]}}
    (await sim.post("/_sim/account", json={"keys": keys})).raise_for_status()
    findings = await found(config())
    assert wrong(findings) == {
        "webhook endpoint",
        "permission Disputes: read",
        "permission Invoices: write",
    }
    assert "18 of the 20" in findings["permissions"].meaning
    assert findings["account"].verdict is Verdict.UNKNOWN


async def test_the_accounts_default_version_is_told(
    config: Callable[..., ConnectionConfig], sim: httpx.AsyncClient
) -> None:
    (await sim.post("/_sim/account", json={"api_version": "2020-03-02"})).raise_for_status()
    findings = await found(config())
    assert "2020-03-02" in findings["API version of the account"].meaning


async def test_the_account_has_to_be_one_of_the_keys(
    config: Callable[..., ConnectionConfig], sim: httpx.AsyncClient
) -> None:
    strange = await found(config(account="acct_other"))
    assert wrong(strange) == {"account"}
    assert "no access to the account acct_other" in strange["account"].meaning
    (await sim.post("/_sim/accounts", json={"id": "acct_theirs"})).raise_for_status()
    connected = await found(config(account="acct_theirs"))
    assert "connected account acct_theirs" in connected["account"].meaning
    assert wrong(connected) == {"webhook endpoint"}


async def test_a_key_of_another_account_than_the_option_says(
    config: Callable[..., ConnectionConfig],
) -> None:
    def respond(request: httpx.Request) -> httpx.Response:
        answers = {"/v1/balance": {"livemode": False}, "/v1/account": {"id": "acct_1"}}
        return httpx.Response(200, json=answers.get(request.url.path, {"data": []}))

    transport = httpx.MockTransport(respond)
    async with StripeConnection.connect(config(account="acct_2"), transport=transport) as one:
        findings = {each.looked_at: each for each in await one.check(EXPECTED)}
    assert findings["account"].verdict is Verdict.WRONG
    assert "acts for acct_1" in findings["account"].meaning


async def test_a_key_that_is_no_key_and_a_vendor_that_is_away(
    config: Callable[..., ConnectionConfig],
) -> None:
    refused = await found(config("nonsense"))
    assert wrong(refused) == {"key"}
    away = config().model_copy(update={"base_url": "http://127.0.0.1:9"})
    assert wrong(await found(away)) == {"reachable"}


def test_a_key_of_the_other_mode_than_the_option_is_no_connection(
    config: Callable[..., ConnectionConfig],
) -> None:
    with pytest.raises(ValueError, match="option mode says 'live'") as refused:
        StripeConnection.connect(config(mode="live"))
    assert KEY not in str(refused.value)


async def test_a_thin_destination_is_one_and_nothing_is_made_beside_it(
    config: Callable[..., ConnectionConfig], sim: httpx.AsyncClient
) -> None:
    sent = [f"v1.{each}" for each in events_heard(payouts=True) if each != "invoice.paid"]
    thin = {"url": URL + "/thin", "enabled_events": sent}
    (await sim.post("/_sim/event_destinations", json=thin)).raise_for_status()
    expected = EXPECTED.model_copy(update={"webhook_path": PATH + "/thin"})
    findings = await found(config(), expected)
    assert wrong(findings) == {"events"}
    assert "does not send invoice.paid" in findings["events"].meaning
    assert "three requests" in findings["payload style"].meaning
    async with StripeConnection.connect(config()) as connection:
        assert await connection.setup(expected, keep=lambda _: "a file") == ()


def test_the_manual_lists_exactly_the_events_that_are_heard() -> None:
    manual = (Path(__file__).parents[3] / "docs" / "connectors.md").read_text(encoding="utf-8")
    always, payouts = re.findall(r"```text\n((?:[a-z_.\d]+\s)+)```", manual)
    assert always.split() == [*events_heard(payouts=False)]
    assert sorted(always.split() + payouts.split()) == [*events_heard(payouts=True)]
