"""What the API shows of what runs over time: contract, invoices, payments, dunning, renewals."""

from datetime import timedelta
from typing import Any

import pytest

from canonical_models.amendment import PaymentHint
from operations import inbox
from operations.systems import Systems
from persistence.database import Database
from persistence.tables import EffectRow, InboxRow
from tests.api.conftest import Call
from tests.api.seeding import NOON, Ids, change_row, exception_row
from tests.api.seeding_life import invoice, invoice_row
from tests.harness.flow import write

UI = "http://127.0.0.1:8233/namespaces/default/workflows"


async def test_a_subscription_shows_its_whole_life(call: Call, acme: Ids) -> None:
    path = f"/v1/subscriptions/{acme.subscription}"
    found = (await call("GET", path, "subscriptions:read")).json()
    contract = found["contract"]
    assert (contract["renews_at"], contract["time_zone"]) == (
        "2026-12-01T00:00:00Z",
        "Europe/Berlin",
    )
    assert (contract["forecast"], contract["forecast_problem"]) == ("blocked", acme.mark)
    assert contract["forecast_amount"] == {"minor": 49000, "currency": "EUR"}
    (asked,) = found["invoices"]
    assert (asked["standing"], asked["numbers"], asked["due_on"]) == (
        "posted",
        [f"INV-{acme.mark}"],
        "2026-12-04",
    )
    assert asked["invoice"]["paid"]["minor"] == 4280
    (paid,) = found["payments"]
    assert (paid["state"], paid["amount"]["minor"], paid["entry_id"]) == (
        "confirmed",
        4280,
        acme.mark,
    )
    (case,) = found["dunning"]
    assert (case["case"]["stage"], case["unpaid"]["minor"]) == ("suspended", 10000)
    assert case["workflow_url"] == f"{UI}/dunning%2Facme%2Fin_acme"
    (target,) = found["targets"]
    assert (target["wanted"], target["confirmed"], target["state"]) == (7, 6, "behind")
    kept = await call("GET", path, headers={"if-none-match": "*"})
    assert kept.status_code == 304


async def test_a_forecast_of_the_renewal_before_says_nothing(
    call: Call, acme: Ids, database: Database
) -> None:
    await write(database, "update contracts set renews_at = renews_at + interval '1 month'")
    found = (await call("GET", f"/v1/subscriptions/{acme.subscription}")).json()["contract"]
    assert (found["forecast"], found["forecast_problem"], found["forecast_amount"]) == (
        "none",
        None,
        None,
    )


async def test_suspended_grants_are_shown_with_their_reason(
    call: Call, acme: Ids, database: Database
) -> None:
    await write(database, "update grants set state = 'suspended', reason = 'not paid'")
    found = (await call("GET", f"/v1/subscriptions/{acme.subscription}")).json()
    assert found["entitlements"] == []
    assert [(held["grant"]["feature"], held["why"]) for held in found["held_back"]] == [
        ("seats", "not paid")
    ]


async def test_a_look_is_queued_once_while_it_waits(
    call: Call, acme: Ids, database: Database
) -> None:
    path = f"/v1/subscriptions/{acme.subscription}/sync"
    waiting = (await call("POST", path, "subscriptions:write")).json()
    assert waiting == {"change_id": acme.change("next"), "already": True}
    await write(database, "update changes set state = 'settled', outcome = 'no_change'")
    made = (await call("POST", path, "subscriptions:write")).json()
    assert not made["already"]
    assert (await call("POST", path)).json() == {**made, "already": True}
    shown = (await call("GET", f"/v1/changes/{made['change_id']}")).json()
    assert shown["change"]["event_id"].startswith("sync/")
    assert shown["change"]["customer_id"] == acme.customer
    assert [(step["system"], step["what"]) for step in shown["timeline"]] == [
        ("trueup", "a person had the subscription looked at")
    ]
    assert (await call("POST", "/v1/subscriptions/sub_none/sync")).status_code == 404
    assert (await call("POST", path, tenant="globex")).status_code == 404


@pytest.mark.parametrize(
    ("why", "words"),
    [
        ("dunning/in_1/suspension/20261120", "suspension by the dunning of invoice in_1"),
        ("renewal/sub_acme/20261201/1", "billing has not told of a renewal that is due"),
        ("chg_1/next-period", "the period after that of change chg_1"),
        ("other", "we had the subscription looked at"),
    ],
)
async def test_a_change_of_ours_says_what_it_is_for(
    why: str, words: str, call: Call, acme: Ids, database: Database
) -> None:
    async with database.transaction() as session:
        session.add(change_row(acme, "ours", "pending", connection="trueup", event_id=why))
    found = (await call("GET", f"/v1/changes/{acme.change('ours')}")).json()
    (step,) = found["timeline"]
    assert (step["what"], step["note"]) == (words, why)


async def test_payments_and_accounts_are_steps_of_a_change(
    call: Call, acme: Ids, database: Database
) -> None:
    change = acme.change("next")
    made: list[tuple[str, str, str, str]] = [
        ("erp.party", "erp", "create party", "C-1001"),
        ("support.organization", "support", "create organisation", "org_7"),
        ("erp.payment/pi_1", "erp", "enter receipt", "2026/77"),
    ]
    async with database.transaction() as session:
        for place, (step, system, operation, reference) in enumerate(made):
            session.add(
                EffectRow(
                    key=f"{change}/{step}",
                    tenant="acme",
                    change_id=change,
                    step=step,
                    system=system,
                    operation=operation,
                    request_hash="0" * 64,
                    state="confirmed",
                    vendor_reference=reference,
                    url="http://127.0.0.1/erp/77" if "payment" in step else None,
                    confirmed_at=NOON + timedelta(seconds=10 + place),
                )
            )
    found = (await call("GET", f"/v1/changes/{change}")).json()["timeline"]
    assert [(step["what"], step["document"]) for step in found[2:]] == [
        (operation, reference) for _, _, operation, reference in made
    ]
    assert found[-1]["note"] == "payment pi_1"
    await write(database, "update payments set effect_key = :key", key=f"{change}/erp.payment/pi_1")
    shown = (await call("GET", f"/v1/invoices/{acme.invoice}")).json()["payments"][0]
    assert (shown["entry"], shown["entry_number"]) == ("confirmed", "2026/77")
    assert shown["url"] == "http://127.0.0.1/erp/77"


async def test_an_invoice_says_where_it_stands_and_since_when(call: Call, acme: Ids) -> None:
    found = (await call("GET", f"/v1/invoices/{acme.invoice}", "invoices:read")).json()
    assert found["summary"]["open"] == {"minor": 10000, "currency": "EUR"}
    assert found["summary"]["invoice"]["number"] == acme.mark
    assert found["documents"][0]["due_on"] == "2026-12-04"
    assert isinstance(found["age_seconds"], float)
    assert found["dunning"]["case"]["stage"] == "suspended"


async def test_invoices_are_filtered_and_paged(call: Call, acme: Ids, database: Database) -> None:
    async with database.transaction() as session:
        for place in range(5):
            # All at one instant: the cursor must tell equals apart.
            asked = invoice(f"in_{place}", f"cus_{place % 2}", f"sub_{place}")
            session.add(invoice_row("acme", asked, standing="paid" if place == 4 else "overdue"))

    async def keys(query: str) -> list[str]:
        seen: list[str] = []
        path = f"/v1/invoices?{query}"
        while path:
            answer = await call("GET", path, "invoices:read")
            seen += [row["invoice"]["invoice_id"] for row in answer.json()["items"]]
            path = answer.links["next"]["url"] if "next" in answer.links else ""
        return seen

    assert await keys("limit=2") == ["in_acme", "in_4", "in_3", "in_2", "in_1", "in_0"]
    assert await keys("customer=cus_0") == ["in_4", "in_2", "in_0"]
    assert await keys("subscription=sub_3") == ["in_3"]
    assert await keys("standing=overdue&customer=cus_1&limit=1") == ["in_3", "in_1"]


async def test_a_case_names_what_finance_is_asked(
    call: Call, acme: Ids, database: Database
) -> None:
    process = "dunning/acme/in_acme"
    async with database.transaction() as session:
        asks = exception_row(acme, "exc_dunning", "waits", code="payment_overdue")
        asks.change_id = asks.workflow_id = process
        session.add(asks)
    (case,) = (await call("GET", "/v1/dunning", "subscriptions:read")).json()["items"]
    assert case["exception_id"] == "exc_dunning"
    assert case["unpaid"] == {"minor": 10000, "currency": "EUR"}
    assert case["workflow_url"] == f"{UI}/dunning%2Facme%2Fin_acme"
    await write(database, "update dunning_cases set stage = 'closed'")
    assert (await call("GET", "/v1/dunning")).json() == {"items": [], "next": None}


async def test_renewals_come_in_their_order(call: Call, acme: Ids, database: Database) -> None:
    await write(
        database,
        "insert into contracts (tenant, subscription_id, customer_id, renews_at, change_id) "
        "select 'acme', 'sub_' || n, 'cus_1', now() + n * interval '12 days', 'chg_1' "
        "from generate_series(1, 4) n",
    )
    await write(
        database,
        "update contracts set renews_at = now() - interval '1 day', "
        "forecast_for = now() - interval '1 day' where subscription_id = 'sub_acme'",
    )

    async def seen(query: str) -> list[str]:
        found: list[Any] = []
        path = f"/v1/renewals?{query}"
        while path:
            answer = await call("GET", path, "subscriptions:read")
            found += answer.json()["items"]
            path = answer.links["next"]["url"] if "next" in answer.links else ""
        assert all(f"{UI}/renewal%2Facme%2F" in row["workflow_url"] for row in found)
        return [row["contract"]["subscription_id"] for row in found]

    assert await seen("within_days=40&limit=1") == ["sub_acme", "sub_1", "sub_2", "sub_3"]
    assert await seen("") == ["sub_acme", "sub_1", "sub_2"]


class Payments:
    """A translator that reads every body as the event of one payment."""

    def verify(self, *_: object, **__: object) -> None: ...

    def envelope(self, body: bytes) -> tuple[str, str]:
        return body.decode(), "charge.refunded"

    def hint(self, body: bytes) -> PaymentHint:
        return PaymentHint(
            event_id="evt_1", payment_id=body.decode(), customer_id=None, occurred_at=NOON
        )


@pytest.mark.parametrize(
    ("payment", "words"),
    [
        ("pi_acme", "it makes a new payment change of subscription sub_acme, behind 2 that wait"),
        ("pi_globex", "its payment is of no subscription that is known here"),
    ],
)
async def test_a_replay_of_a_payment_finds_its_subscription(
    payment: str, words: str, systems: Systems, database: Database, acme: Ids, globex: Ids
) -> None:
    async with database.transaction() as session:
        session.add(
            InboxRow(
                receipt="rcp_1",
                tenant="acme",
                connection="billing",
                event_id="evt_1",
                event_type="charge.refunded",
                status="ignored",
                body=payment.encode(),
            )
        )
    reading = Systems(database, systems.engine, systems.tenants, {("acme", "billing"): Payments()})
    told = await inbox.replay(reading, "acme", "rcp_1", dry_run=True)
    assert words in told.words
    assert (told.reads_as is not None) == (payment == "pi_acme")
