"""What the API shows of what runs over time: contract, looks, dunning, renewals, replays."""

from dataclasses import replace
from typing import Any

import pytest

from canonical_models.amendment import ChangeKind, ChangeTrigger
from canonical_models.cash import PayoutTrigger
from canonical_models.occasion import (
    Backfilled,
    DocumentDecided,
    DocumentSeen,
    DunningMoved,
    Occasion,
    RenewalMissed,
    SyncAsked,
    TakenOver,
)
from canonical_models.policy import CashPolicy
from canonical_models.support import CaseTold, CaseWord
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
        (Backfilled("bfl_1", "sub_acme"), "backfill bfl_1 has it brought about"),
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

    def account(self, body: bytes) -> None:
        """The key's own."""
        del body

    def payout(self, body: bytes) -> None:
        """None of them."""
        del body


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


async def test_a_replay_of_what_begins_no_change_says_what_becomes_of_it(
    context: AppContext, database: Database, acme: Ids
) -> None:
    """A payout is looked at, or is not booked; what support tells of a case is kept."""
    case = CaseTold(
        event_id="evt_1",
        word=CaseWord.ESCALATED,
        case_id="4711",
        organization="org_1",
        at=NOON,
    )

    class Telling(Triggers):
        def trigger(self, body: bytes) -> Any:
            return case if body == b"case" else None

        def payout(self, body: bytes) -> Any:
            return PayoutTrigger(event_id="evt_1", payout_id="po_1") if body == b"po" else None

    async def told(body: bytes, tenants: Any) -> str:
        await write(database, "delete from inbox where receipt = 'rcp_1'")
        async with database.transaction() as conn:
            row = InboxRow(
                receipt="rcp_1",
                tenant="acme",
                connection="billing",
                event_id="evt_1",
                event_type="payout.paid",
                status="ignored",
                body=body,
            )
            await add(conn, row)
        reading = AppContext(database, context.engine, tenants, {("acme", "billing"): Telling()})
        found = await inbox.replay(reading, "acme", "rcp_1", dry_run=True)
        assert (found.done, found.reads_as, found.foreseen) == (False, None, None)
        return found.words

    plain = context.tenants["acme"]
    cash = CashPolicy(legal_entity="LE-DE", clearing="1", bank="2", fees="3")
    books = plain.policy.books.model_copy(update={"cash": cash})
    booking = plain.model_copy(update={"policy": plain.policy.model_copy(update={"books": books})})
    assert "it has payout po_1 looked at" in await told(b"po", {"acme": booking})
    assert "books.cash is not set in the policy" in await told(b"po", {"acme": plain})
    assert "books.cash is not set in the policy" in await told(b"po", {})
    kept = await told(b"case", {"acme": plain})
    assert "it keeps what support tells of case 4711, and begins no change" in kept
    nothing = await told(b"else", {"acme": plain})
    assert "payout.paid does not concern any other system" in nothing


async def test_what_cannot_be_read_again_now_is_foreseen_as_such(
    call: Call, app: Any, context: AppContext, database: Database, acme: Ids
) -> None:
    """One whose change is still being made, and one that waits to be read anyway."""
    async with database.transaction() as conn:
        for number, (status, of) in enumerate(
            (("dispatched", acme.change("waits")), ("received", None))
        ):
            await add(
                conn,
                InboxRow(
                    receipt=f"rcp_{number}",
                    tenant="acme",
                    connection="billing",
                    event_id=f"evt_{number}",
                    event_type="charge.refunded",
                    status=status,
                    change_id=of,
                    body=b"in_acme_alone",
                ),
            )
    app.state.context = replace(context, translators={("acme", "billing"): Triggers()})
    refused = await call("POST", "/v1/inbox/rcp_0/replay", "inbox:write")
    assert refused.status_code == 409
    assert f"the change {acme.change('waits')} of receipt rcp_0 is waiting" in refused.text
    waits = (await call("POST", "/v1/inbox/rcp_1/replay", "inbox:write")).json()
    assert (waits["done"], waits["item"]["replays"]) == (False, 0)
    assert waits["words"].startswith("It waits to be read anyway; it makes a new payment change")
    asked_ = {"receipts": ["rcp_0"], "reason": "mended"}
    found = (await call("POST", "/v1/inbox/replays/preview", "inbox:write", json=asked_)).json()
    assert [each["words"] for each in found["items"]] == [
        f"the change {acme.change('waits')} of receipt rcp_0 is waiting"
    ]
    nobody = {"receipts": ["rcp_9"], "reason": "mended"}
    none = await call("POST", "/v1/inbox/replays", "inbox:write", json=nobody)
    assert (none.status_code, "no webhook fits" in none.text) == (422, True)


async def test_reading_many_again_is_foreseen_without_a_list(
    call: Call, app: Any, context: AppContext, database: Database, acme: Ids
) -> None:
    async with database.transaction() as conn:
        for number in range(12):
            await add(
                conn,
                InboxRow(
                    receipt=f"rcp_{number:02}",
                    tenant="acme",
                    connection="billing",
                    event_id=f"evt_{number}",
                    event_type="charge.refunded",
                    status="dispatched" if number % 2 else "ignored",
                    body=b"in_unknown cus_9" if number else b"pi_globex",
                ),
            )
    translators = {("acme", "billing"): Triggers()}
    app.state.context = replace(context, translators=translators)
    asked = {"event_type": "charge.refunded", "reason": "mended"}
    path = "/v1/inbox/replays/preview"
    batches = (await call("GET", "/v1/batches")).json()
    found = (await call("POST", path, "inbox:write", json=asked)).json()
    assert (found["total"], len(found["items"])) == (12, 10)
    assert [each["item"]["receipt"] for each in found["items"]] == [
        f"rcp_{number:02}" for number in range(10)
    ]
    first, second, third = (each["words"] for each in found["items"][:3])
    assert "its payment is of no document that is known here" in first
    # No worker answers: the first of whom one would be asked says so, and nobody waits again.
    assert "What it would come to could not be told" in second
    assert third == "Would be read again; it makes a new payment change of account cus_9."
    assert (await call("POST", path, json={"reason": "mended"})).status_code == 422
    none = await call("POST", path, json={**asked, "status": "dead_lettered"})
    assert none.json() == {"total": 0, "items": []}
    assert [row["replays"] for row in (await call("GET", "/v1/inbox")).json()["items"]][:12] == [
        0
    ] * 12
    assert (await call("GET", "/v1/batches")).json() == batches
