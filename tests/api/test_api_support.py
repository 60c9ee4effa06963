"""Support context: from what is kept, asked anew, and with each system away."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import structlog.testing
from pydantic import SecretStr

from canonical_models.commerce import BillingSnapshot
from canonical_models.documents import BilledParty, DocumentStatus
from canonical_models.entitlement import SubscriptionSupport, SupportEntitlement
from canonical_models.mapping import AccountMapping
from canonical_models.support import CaseTold, CaseWord, SupportCase
from connectors.config import ConnectionConfig
from connectors.stripe.adapter import StripeBilling
from connectors.tryton.adapter import TrytonErp
from connectors.zendesk.adapter import ZendeskTicketing
from operations import support_fresh
from operations.context import AppContext
from persistence import (
    breakers,
    documents,
    mappings,
    subscriptions,
    support_contributions,
    support_desk,
)
from persistence.database import Database
from tests.api.conftest import Call
from tests.api.seeding import Ids
from tests.api.seeding_books import BOOKS_FROM, asked, movement
from tests.harness.subscriptions import item, subscription
from tests.harness.systems import Systems

EMAIL = "Erika@Example.com"
#: Parts of the answer whose source is another system.
OF = {
    "billing": ("assets", "documents", "payments", "balance"),
    "erp": (),
    "support": ("desk", "cases"),
}
Get = Callable[..., Any]


def away(part: str) -> Any:
    """The real adapter, of an address at which nobody listens."""
    secrets = {"api_key": "sk_test_1", "token": "t", "user": "u", "password": "p", "key": "k"}
    config = ConnectionConfig(
        name=part,
        vendor=part,
        base_url="http://127.0.0.1:9",
        secrets={name: SecretStr(value) for name, value in secrets.items()},
        options={"email": "sync@example.com"} if part == "support" else {},
    )
    made: dict[str, Callable[..., Any]] = {
        "billing": StripeBilling.connect,
        "support": ZendeskTicketing.connect,
    }
    if part == "erp":
        erp = config.model_copy(update={"options": {"database": "tryton", "login": "u"}})
        return TrytonErp.connect(erp)
    return made[part](config)


@pytest.fixture
async def vendors(acme: Ids, database: Database) -> Systems:
    """All three as they are now: the first invoice paid but for 50.00, and bought beside it a box
    with a serial number; kept of it is what was read before."""
    sold = subscription(item("pro", 10), subscription_id=acme.subscription)
    sold = sold.model_copy(
        update={
            "customer": sold.customer.model_copy(update={"customer_id": acme.customer}),
            "metadata": {"parent": "cus_holding", "serials": "SN-1, SN-2"},
        }
    )
    boxed = asked("in_acme_box", acme.customer, None, status=DocumentStatus.PAID)
    line = boxed.lines[0].model_copy(update={"item": "box", "metadata": {"serial": "SN-3"}})
    boxed = boxed.model_copy(
        update={
            "lines": (line,),
            "remaining": boxed.net - boxed.net,
            "bill_to": BilledParty(email=EMAIL),
        }
    )
    organization = SubscriptionSupport(tier="premium", contract_end=None, features=("seats",))
    async with database.transaction() as conn:
        await subscriptions.save(conn, "acme", sold, acme.change("done"))
        await documents.seen(conn, "acme", "billing", [boxed], books_from=BOOKS_FROM)
        await support_contributions.put(
            conn, "acme", acme.subscription, "org_1", organization, customer_id=acme.customer
        )
    now = Systems()
    paid = (movement("pi_acme", 4280, acme.invoice), movement("pi_new", 5000, acme.invoice))
    invoice = asked(acme.invoice, acme.customer, acme.subscription, settlements=paid)
    now.billing.snapshots[acme.subscription] = BillingSnapshot(
        subscription=sold, documents=(invoice,)
    )
    now.support.shown["org_1"] = SupportEntitlement(
        organization="org_1", tier="standard", contract_end=None, features=("seats",)
    )
    now.support.cases = (SupportCase(case_id="7", subject="Down", status="open"),)
    return now


@pytest.fixture
def reach(context: AppContext, vendors: Systems, app: Any) -> Callable[..., None]:
    """`reach(erp=away("erp"))`: who answers else is the tenant's own."""

    def reached(**otherwise: Any) -> None:
        def of(part: str) -> Callable[[str], Any]:
            port = otherwise.get(part, getattr(vendors, part))
            return lambda _tenant: port

        app.state.context = replace(
            context, billing=of("billing"), erp=of("erp"), support=of("support")
        )

    return reached


@pytest.fixture
def get(call: Call, reach: Callable[..., None]) -> Get:
    reach()

    async def getting(**query: Any) -> Any:
        answer = await call("GET", "/v1/support/context", "support:read", params=query)
        assert answer.status_code == 200, answer.text
        (customer,) = answer.json()["customers"]
        return customer

    return getting


async def test_what_is_kept_is_told_with_whose_word_it_is(
    get: Get, acme: Ids, vendors: Systems
) -> None:
    found = await get(customer=acme.customer)
    assert vendors.script.calls == []
    account = found["hierarchy"]["value"]
    assert (account["payer"], account["parent"]) == (acme.customer, "cus_holding")
    assert (account["erp_party"], account["legal_entity"]) == (acme.mark, "DE")
    (contract,) = found["contracts"]
    assert contract["source"] == "billing"
    assert contract["value"]["renews_at"] == "2026-12-01T00:00:00Z"
    assert contract["value"]["forecast_problem"] == acme.mark
    assert found["support"]["value"]["tier"] == "premium"
    (seats,) = found["entitlements"]["value"]["items"]
    assert (seats["feature"], seats["quantity"]) == ("seats", 10)
    assert seats["because"][0]["source_id"] == acme.mark
    owed = {each["document_id"]: each for each in found["documents"]["value"]["items"]}
    first = owed[acme.invoice]
    assert (first["remaining"]["minor"], first["dunning"]) == (10000, "suspended")
    assert (first["erp"]["source"], first["erp"]["value"]["status"]) == ("erp", "part_paid")
    assert owed["in_acme_alone"]["erp"]["source"] == "trueup"
    assert owed["in_acme_alone"]["erp"]["value"]["status"] == "unposted"
    assert {each["payment_id"] for each in found["payments"]["value"]} == {"pi_acme"}
    assert found["balance"]["value"] == [{"minor": 5000, "currency": "EUR"}]
    assert [each["change_id"] for each in found["pending"]["value"]] == [
        acme.change("waits"),
        acme.change("next"),
    ]
    (question,) = found["questions"]["value"]
    assert question["exception_id"] == acme.exception
    for part in ("desk", "cases"):
        # Never read is not: none.
        assert found[part]["value"] is None
        assert found[part]["as_of"] is None
        assert "never read" in found[part]["problem"]
    for part in OF["billing"]:
        assert found[part]["source"] == "billing"
        assert found[part]["age_seconds"] >= 0


async def test_assets_have_their_history_and_serial_numbers(get: Get, acme: Ids) -> None:
    found = (await get(customer=acme.customer))["assets"]["value"]
    assert found["complete"]
    by_id = {each["asset_id"]: each for each in found["items"]}
    seats, box = by_id["si_1"], by_id["box"]
    assert (seats["held"], seats["quantity"], seats["serials"]) == (True, "10", ["SN-1", "SN-2"])
    assert [each["document_id"] for each in seats["history"]] == [acme.invoice]
    assert seats["changed_at"] == seats["history"][0]["at"] == "2026-11-20T12:00:00Z"
    assert (box["held"], box["serials"]) == (False, ["SN-3"])
    assert box["history"][0]["net"]["minor"] == 12000


async def test_asked_anew_every_part_is_as_it_is_now(get: Get, acme: Ids) -> None:
    begun = datetime.now(UTC)
    found = await get(customer=acme.customer, fresh=True)
    owed = {each["document_id"]: each for each in found["documents"]["value"]["items"]}
    assert owed[acme.invoice]["remaining"]["minor"] == 5000
    assert {each["payment_id"] for each in found["payments"]["value"]} == {"pi_acme", "pi_new"}
    assert found["balance"]["value"] == []
    assert found["desk"]["value"]["differences"] == ["tier: should be premium, is standard"]
    assert [each["case"]["subject"] for each in found["cases"]["value"]["items"]] == ["Down"]
    for part in ("payments", "balance", "desk", "cases"):
        assert found[part]["problem"] is None
    for part in ("balance", "desk", "cases"):
        assert datetime.fromisoformat(found[part]["as_of"]) >= begun
    # The ERP knows nothing of it, and says so.
    assert owed[acme.invoice]["erp"]["value"]["status"] == "unposted"
    kept = await get(customer=acme.customer)
    assert [each["case"]["case_id"] for each in kept["cases"]["value"]["items"]] == ["7"]
    assert kept["cases"]["value"]["items"][0]["case"]["subject"] is None
    assert kept["desk"]["as_of"] == found["desk"]["as_of"]


def told_alone(value: Any) -> Any:
    """Without what another system says of each document."""
    if isinstance(value, dict) and value.get("items") and "erp" in value["items"][0]:
        return [{**each, "erp": None} for each in value["items"]]
    return value


@pytest.mark.parametrize("part", ["billing", "erp", "support"])
async def test_what_is_away_is_told_as_it_was_kept(
    part: str, get: Get, acme: Ids, reach: Callable[..., None]
) -> None:
    await get(customer=acme.customer, fresh=True)
    kept = await get(customer=acme.customer)
    reach(**{part: away(part)})
    found = await get(customer=acme.customer, fresh=True)
    for of, names in OF.items():
        for name in names:
            old, new = kept[name], found[name]
            if of == part:
                assert told_alone(new["value"]) == told_alone(old["value"])
                assert new["as_of"] == old["as_of"]
                assert new["age_seconds"] >= old["age_seconds"]
                assert "cannot be reached" in new["problem"], name
            else:
                assert new["problem"] is None, name
    first = {each["document_id"]: each for each in found["documents"]["value"]["items"]}
    standing = first[acme.invoice]["erp"]
    assert (standing["value"]["status"] == "part_paid") == (part == "erp")
    assert ("cannot be reached" in (standing["problem"] or "")) == (part == "erp")
    assert found["entitlements"]["problem"] is None


async def test_who_is_slow_keeps_nobody_waiting(
    get: Get, acme: Ids, vendors: Systems, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(support_fresh, "PATIENCE", 0.05)
    vendors.script.seconds = 60
    found = await get(customer=acme.customer, fresh=True)
    for name in (*OF["billing"], *OF["support"]):
        assert "gave no answer within 0.05 seconds" in found[name]["problem"], name
    assert found["balance"]["value"] == [{"minor": 5000, "currency": "EUR"}]


async def test_what_workers_found_away_is_said_without_asking(
    get: Get, call: Call, acme: Ids, database: Database
) -> None:
    async with database.transaction() as conn:
        await breakers.opened(conn, "acme", "billing", reason="ConnectError", probe_in=60)
    answer = await call(
        "GET", "/v1/support/context", "support:read", params={"customer": acme.customer}
    )
    assert {each["connection"] for each in answer.json()["away"]} == {"billing"}
    (customer,) = answer.json()["customers"]
    assert "billing has been away since" in customer["documents"]["problem"]
    assert customer["documents"]["value"]["items"]
    assert customer["entitlements"]["problem"] is None


async def test_an_escalated_case_is_seen_at_once_and_is_not_called_all(
    get: Get, acme: Ids, database: Database
) -> None:
    at = datetime(2026, 11, 22, 10, tzinfo=UTC)
    word = CaseTold(event_id="e", word=CaseWord.ESCALATED, case_id="9", organization="ORG_1", at=at)
    async with database.transaction() as conn:
        await support_desk.told(conn, "acme", word)
    cases = (await get(organization="org_1"))["cases"]
    assert [each["escalated_at"] for each in cases["value"]["items"]] == ["2026-11-22T10:00:00Z"]
    assert not cases["value"]["complete"]
    assert "only what the desk has told of" in cases["problem"]


async def test_a_customer_is_found_by_organisation_and_address(
    get: Get, call: Call, acme: Ids, database: Database
) -> None:
    assert (await get(organization="ORG_1"))["customer_id"] == acme.customer
    with structlog.testing.capture_logs() as logs:
        assert (await get(email=f" {EMAIL.upper()} "))["customer_id"] == acme.customer
    assert "example.com" not in str(logs).lower()
    for query in ({"email": "nobody@example.com"}, {"organization": "o"}, {"customer": "c"}):
        answer = await call("GET", "/v1/support/context", "support:read", params=query)
        assert answer.status_code == 404
        assert "nobody" not in answer.text
    elsewhere = await call(
        "GET", "/v1/support/context", "support:read", tenant="globex", params={"email": EMAIL}
    )
    assert elsewhere.status_code == 404
    for wrong in ({}, {"email": EMAIL, "customer": acme.customer}):
        answer = await call("GET", "/v1/support/context", "support:read", params=wrong)
        assert answer.status_code == 422
        assert EMAIL not in answer.text
    async with database.statement() as conn:
        found = await conn.execute("select document::text, email_digest from documents")
        assert all(EMAIL not in f"{row}" for row in await found.fetchall())


async def test_those_beside_it_are_named_and_many_are_not_shown_at_once(
    call: Call, get: Get, acme: Ids, database: Database
) -> None:
    async with database.transaction() as conn:
        for number in range(6):
            mapping = AccountMapping(
                billing_customer=f"cus_b{number}",
                erp_party=acme.mark if number == 0 else f"P-{number}",
                support_organization="org_1",
                legal_entity="DE",
            )
            await mappings.put(conn, "acme", mapping, by="anna")
            later = datetime.now(UTC) + timedelta(days=1)
            gone = mapping.model_copy(update={"billing_customer": "cus_later"})
            await mappings.put(conn, "acme", gone, by="anna", valid_from=later)
    account = (await get(customer=acme.customer))["hierarchy"]["value"]
    assert account["same_party"] == ["cus_b0"]
    assert account["same_organization"] == [f"cus_b{number}" for number in range(6)]
    answer = await call(
        "GET", "/v1/support/context", "support:read", params={"organization": "org_1"}
    )
    assert len(answer.json()["customers"]) == 5
    assert answer.json()["left_out"] == ["cus_b4", "cus_b5"]
    bare = answer.json()["customers"][-1]
    assert bare["documents"]["value"] is None
    assert "never read" in bare["documents"]["problem"]
