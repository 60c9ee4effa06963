"""What the API shows of what runs over time: contract, looks, dunning, renewals, replays."""

from typing import Any

import pytest

from canonical_models.amendment import ChangeKind, ChangeTrigger
from canonical_models.occasion import (
    DocumentDecided,
    DocumentSeen,
    DunningMoved,
    Occasion,
    RenewalMissed,
    SyncAsked,
    TakenOver,
)
from operations import inbox
from operations.context import AppContext
from persistence.database import Database
from persistence.tables import ChangeRow, InboxRow
from tests.api.conftest import Call
from tests.api.seeding import Ids, change_row, exception_row
from tests.api.seeding_books import NOON
from tests.harness.flow import write
from tests.harness.rows import add, row_of

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
    assert (asked["erp_status"], asked["erp"]["number"], asked["erp"]["due_on"]) == (
        "part_paid",
        f"INV-{acme.mark}",
        "2026-12-04",
    )
    (paid,) = found["settlements"]
    assert (paid["effect"], paid["settlement"]["amount"]["minor"], paid["entry_number"]) == (
        "confirmed",
        4280,
        acme.mark,
    )
    (case,) = found["dunning"]
    assert (case["case"]["stage"], case["unpaid"]["minor"]) == ("suspended", 10000)
    assert case["workflow_url"] == f"{UI}/dunning%2Facme%2Fin_acme"
    (target,) = found["targets"]
    assert (target["revision"], target["confirmed"], target["state"]) == (7, 6, "behind")
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
    """One that an event asked for waits already, but reads no more than that names."""
    path = f"/v1/subscriptions/{acme.subscription}/sync"
    made = (await call("POST", path, "subscriptions:write")).json()
    assert not made["already"]
    assert (await call("POST", path)).json() == {**made, "already": True}
    async with database.transaction() as conn:
        row = await row_of(conn, ChangeRow, made["change_id"])
    assert row is not None
    assert row.whole
    await write(
        database,
        "update changes set state = 'settled', outcome = 'no_change' where event_id like 'sync/%'",
    )
    assert not (await call("POST", path)).json()["already"]
    shown = (await call("GET", f"/v1/changes/{made['change_id']}")).json()
    assert shown["change"]["event_id"].startswith("sync/")
    assert shown["change"]["customer_id"] == acme.customer
    assert shown["timeline"][0]["what"] == "a person had it looked at"
    assert (await call("POST", "/v1/subscriptions/sub_none/sync")).status_code == 404
    assert (await call("POST", path, tenant="globex")).status_code == 404


@pytest.mark.parametrize(
    ("why", "words"),
    [
        (SyncAsked("5f1d"), "a person had it looked at"),
        (
            DunningMoved("suspension", "20261120", "in_1"),
            "suspension by the dunning of invoice in_1",
        ),
        (
            RenewalMissed("20261201", "20261202", "sub_acme"),
            "billing has not told of a renewal that is due",
        ),
        (DocumentDecided("5f1d", "hold", "0a1b", "in_1"), "hold of document in_1"),
        (
            DocumentSeen("0" * 64, "100", "in_1"),
            "document in_1 was seen by a change of another subject",
        ),
        (TakenOver("0a1b", "sub_acme"), "it was taken over, and has moved since the cutover"),
    ],
)
async def test_a_change_of_ours_says_what_it_is_for(
    why: Occasion, words: str, call: Call, acme: Ids, database: Database
) -> None:
    async with database.transaction() as conn:
        await add(conn, change_row(acme, "ours", "pending", connection="trueup", event_id=str(why)))
    found = (await call("GET", f"/v1/changes/{acme.change('ours')}")).json()
    (step,) = found["timeline"]
    assert (step["what"], step["note"]) == (words, str(why))


async def test_a_case_names_what_finance_is_asked(
    call: Call, acme: Ids, database: Database
) -> None:
    process = "dunning/acme/in_acme"
    async with database.transaction() as conn:
        asks = exception_row(acme, "exc_dunning", "waits", code="payment_overdue")
        asks.change_id = asks.workflow_id = process
        await add(conn, asks)
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


class Triggers:
    """A translator that reads every body as the event of this payment or document."""

    def verify(self, *_: object, **__: object) -> None: ...

    def envelope(self, body: bytes) -> tuple[str, str]:
        return body.decode(), "charge.refunded"

    def trigger(self, body: bytes) -> ChangeTrigger:
        named, _, customer = body.decode().partition(" ")
        return ChangeTrigger(
            event_id="evt_1",
            subscription_id=None,
            customer_id=customer or None,
            kind=ChangeKind.PAYMENT,
            occurred_at=NOON,
            document_id=named if named.startswith("in_") else None,
            payment_id=named if named.startswith("pi_") else None,
        )


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("pi_acme", "it makes a new payment change of subscription sub_acme, behind 2 that wait"),
        ("in_acme_alone", "it makes a new payment change of account cus_acme."),
        ("in_unknown cus_9", "it makes a new payment change of account cus_9."),
        ("pi_globex", "its payment is of no document that is known here"),
    ],
)
async def test_a_replay_finds_whose_payment_or_document_it_is(
    body: str, words: str, context: AppContext, database: Database, acme: Ids, globex: Ids
) -> None:
    async with database.transaction() as conn:
        await add(
            conn,
            InboxRow(
                receipt="rcp_1",
                tenant="acme",
                connection="billing",
                event_id="evt_1",
                event_type="charge.refunded",
                status="ignored",
                body=body.encode(),
            ),
        )
    reading = AppContext(
        database, context.engine, context.tenants, {("acme", "billing"): Triggers()}
    )
    told = await inbox.replay(reading, "acme", "rcp_1", dry_run=True)
    assert words in told.words
    assert (told.reads_as is not None) == (body != "pi_globex")
