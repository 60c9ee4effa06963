"""What becomes of events: changes, ignored ones, dead letters; and what a replay does."""

import json
from collections.abc import Mapping

import pytest
import structlog.testing

from canonical_models.amendment import ChangeTrigger, NamedOnly
from canonical_models.cash import PayoutTrigger
from canonical_models.documents import BillingDocument
from canonical_models.records import subject_of
from canonical_models.states import InboxStatus
from connectors.contracts import Contract
from connectors.ports import UnreadableEvent
from connectors.stripe.webhooks import StripeWebhooks
from dispatch.reading import read_inbox, warn_of_others
from persistence import changes, documents, inbox, settlements
from persistence.database import Database
from tests.harness.flow import receive, states, statuses, write
from tests.harness.subscriptions import invoice, line, paid, payment
from tests.harness.systems import CUTOVER
from tests.harness.webhooks import (
    CONNECTION,
    TENANT,
    customer_event,
    subscription_event,
    thin_event,
)


class Faulty:
    """Stripe's translator with the faults of our own that a test asks for."""

    fault: Exception | None = None

    def verify(
        self, headers: Mapping[str, str], body: bytes, *, secrets: tuple[str, ...], now: float
    ) -> None:
        raise NotImplementedError

    def envelope(self, body: bytes) -> tuple[str, str]:
        raise NotImplementedError

    def trigger(self, body: bytes) -> ChangeTrigger | NamedOnly | None:
        if self.fault is not None and b"poison" in body:
            raise self.fault
        return StripeWebhooks().trigger(body)

    def account(self, body: bytes) -> str | None:
        raise NotImplementedError

    def payout(self, body: bytes) -> PayoutTrigger | None:
        return StripeWebhooks().payout(body)


TRANSLATORS = {(TENANT, CONNECTION): StripeWebhooks()}


async def reasons(database: Database) -> dict[str, str | None]:
    async with database.transaction() as conn:
        return {view.event_id: view.reason for view in await inbox.page(conn, TENANT)}


async def replay(database: Database, event_id: str) -> None:
    async with database.transaction() as conn:
        found = await inbox.page(conn, TENANT)
        ids = [view.inbox_id for view in found if view.event_id == event_id]
        assert len(await inbox.replay(conn, TENANT, ids)) == 1


async def test_events_become_changes_ignored_or_dead_letters(database: Database) -> None:
    echo = subscription_event(
        "evt_echo",
        type_="customer.subscription.updated",
        previous={"metadata": {"trueup_state": "agreed"}},
    )
    await receive(
        database.dsn,
        [
            ("evt_1", subscription_event("evt_1")),
            ("evt_echo", echo),
            ("evt_other", b'{"id": "evt_other", "type": "charge.updated"}'),
            ("evt_odd", b'{"id": "evt_odd", "type": "customer.subscription.created"}'),
            ("evt_2", subscription_event("evt_2", "sub_2")),
            ("evt_live", subscription_event("evt_live", livemode=True)),
            ("evt_theirs", subscription_event("evt_theirs", account="acct_other")),
            ("evt_thin", thin_event("evt_thin", "sub_3")),
        ],
    )
    await receive(database.dsn, [("evt_x", subscription_event("evt_x"))], tenant="gone")
    await read_inbox(database, TRANSLATORS)
    assert await statuses(database) == {
        "evt_1": "dispatched",
        "evt_echo": "ignored",
        "evt_other": "ignored",
        "evt_odd": "dead_lettered",
        "evt_2": "dispatched",
        "evt_live": "dead_lettered",
        "evt_theirs": "dead_lettered",
        # It does not show what changed: billing is asked, see `test_dispatch_asking.py`.
        "evt_thin": "received",
        "evt_x": "received",
    }
    changes = dict.fromkeys(("evt_1", "evt_2"), "pending")
    assert await states(database) == changes
    assert "live mode" in str((await reasons(database))["evt_live"])
    assert "acct_other" in str((await reasons(database))["evt_theirs"])
    assert (await reasons(database))["evt_odd"]
    async with database.transaction() as conn:
        (newest, *_) = await inbox.page(conn, TENANT, status=InboxStatus.DISPATCHED)
    assert newest.change_id is not None
    assert newest.settled_at is not None


async def test_what_does_not_fit_and_what_nobody_knows_is_noted_of_the_connection(
    database: Database,
) -> None:
    contract = Contract(CONNECTION)
    odd = b'{"id": "evt_odd", "type": "customer.subscription.created", "livemode": false}'
    await receive(
        database.dsn,
        [
            ("evt_new", b'{"id": "evt_new", "type": "invoice.forgiven"}'),
            ("evt_odd", odd),
            ("evt_live", subscription_event("evt_live", livemode=True)),
            ("evt_1", subscription_event("evt_1")),
        ],
    )
    await read_inbox(database, TRANSLATORS, contracts={(TENANT, CONNECTION): contract})
    noted = contract.take()[2]
    assert {(one.operation, one.path) for one in noted} == {
        ("webhook", "$..type"),
        # An event of the other mode is somebody's choice, and fits.
        ("webhook any", "$.created"),
    }
    assert any("a dead letter" in one.change for one in noted)
    assert (await statuses(database))["evt_1"] == "dispatched"


def payout_event(event_id: str, payout: str) -> bytes:
    said = {
        "id": event_id,
        "object": "event",
        "type": "payout.paid",
        "created": 1_790_000_000,
        "livemode": False,
        "data": {"object": {"id": payout, "object": "payout"}},
    }
    return json.dumps(said).encode()


async def test_a_payout_is_told_to_its_own_process_where_payouts_are_booked(
    database: Database,
) -> None:
    async def heard() -> list[tuple[str, int]]:
        async with database.statement() as conn:
            found = await conn.execute(
                "select workflow_id, news from processes where kind = 'payout'"
            )
            return [(key, news) for key, news in await found.fetchall()]

    await receive(database.dsn, [("evt_1", payout_event("evt_1", "po_1"))])
    await read_inbox(database, TRANSLATORS)
    assert await statuses(database) == {"evt_1": "ignored"}
    assert "its policy has no books.cash" in str((await reasons(database))["evt_1"])
    assert await heard() == []

    await replay(database, "evt_1")
    await receive(database.dsn, [("evt_2", payout_event("evt_2", "po_1"))])
    await read_inbox(database, TRANSLATORS, cash={TENANT})
    assert await statuses(database) == {"evt_1": "dispatched", "evt_2": "dispatched"}
    assert (await reasons(database))["evt_2"] == "told the process of payout po_1"
    ((key, news),) = await heard()
    assert key.endswith("po_1")
    assert news == 2
    # It is no change of anybody's.
    assert await states(database) == {}


async def test_what_no_worker_can_read_yet_waits_for_one(database: Database) -> None:
    """A tenant is configured in the API before it is in the worker, or in one worker of two."""
    events = [("evt_1", subscription_event("evt_1")), ("evt_2", subscription_event("evt_2"))]
    await receive(database.dsn, events, tenant="new")
    await receive(database.dsn, [("evt_3", subscription_event("evt_3"))])
    for _ in range(2):
        await read_inbox(database, TRANSLATORS)
    assert await statuses(database) == {
        "evt_1": "received",
        "evt_2": "received",
        "evt_3": "dispatched",
    }
    with structlog.testing.capture_logs() as logs:
        await warn_of_others(database, TRANSLATORS)
    assert [(entry["tenant"], entry["connection"]) for entry in logs] == [("new", CONNECTION)]
    both = {**TRANSLATORS, ("new", CONNECTION): StripeWebhooks()}
    await read_inbox(database, both)
    assert set((await statuses(database)).values()) == {"dispatched"}
    assert (await states(database)).keys() == {"evt_1", "evt_2", "evt_3"}
    with structlog.testing.capture_logs() as logs:
        await warn_of_others(database, both)
    assert logs == []


@pytest.mark.parametrize(
    "fault",
    [
        UnreadableEvent("nul \0 and a lone \ud800 surrogate"),
        UnreadableEvent(""),
        UnreadableEvent("long" * 10_000),
        KeyError("customer"),
        ValueError("bad"),
        RecursionError(),
        AttributeError("none"),
        ZeroDivisionError(),
    ],
)
async def test_a_poison_event_blocks_no_other(database: Database, fault: Exception) -> None:
    translator = Faulty()
    translator.fault = fault
    await receive(
        database.dsn,
        [
            ("evt_1", subscription_event("evt_1")),
            ("evt_poison", subscription_event("evt_poison")),
            ("evt_2", subscription_event("evt_2")),
        ],
    )
    await read_inbox(database, {(TENANT, CONNECTION): translator})
    assert [*(await statuses(database)).values()] == ["dispatched", "dead_lettered", "dispatched"]
    assert len((await reasons(database))["evt_poison"] or "") in range(1, 501)
    translator.fault = None
    await replay(database, "evt_poison")
    await read_inbox(database, {(TENANT, CONNECTION): translator})
    assert [*(await states(database))] == ["evt_1", "evt_2", "evt_poison"]
    assert (await reasons(database))["evt_poison"] is None


async def test_a_replay_of_a_dispatched_event_makes_no_second_change_until_it_has_settled(
    database: Database,
) -> None:
    await receive(database.dsn, [("evt_1", subscription_event("evt_1"))])
    await read_inbox(database, TRANSLATORS)
    for _ in range(2):
        await replay(database, "evt_1")
        await read_inbox(database, TRANSLATORS)
    assert await states(database) == {"evt_1": "pending"}
    await write(database, "update changes set state = 'settled', outcome = 'compensated'")
    await replay(database, "evt_1")
    await read_inbox(database, TRANSLATORS)
    assert await states(database) == {"evt_1": "compensated", "evt_1#r3": "pending"}


async def test_more_than_one_batch_keeps_its_order(database: Database) -> None:
    events = [f"evt_{number:03}" for number in range(450)]
    await receive(database.dsn, [(event, subscription_event(event)) for event in events])
    rounds = 1
    while await read_inbox(database, TRANSLATORS):
        rounds += 1
    assert rounds == 3
    assert [*(await states(database))] == events


async def test_large_bodies_are_read_few_at_a_time(database: Database) -> None:
    body = b'{"id": "evt", "type": "charge.updated"}' + b" " * (1 << 20)
    await receive(database.dsn, [(f"evt_{number}", body) for number in range(12)])
    assert await read_inbox(database, TRANSLATORS)
    assert [*(await statuses(database)).values()].count("ignored") == 8
    assert not await read_inbox(database, TRANSLATORS)
    assert [*(await statuses(database)).values()].count("ignored") == 12


CREATED = 1_795_000_000
REFUND = {"id": "ch_1", "object": "charge", "payment_intent": "pi_1", "customer": "cus_1"}
SHARE = {
    "id": "inpay_1",
    "object": "invoice_payment",
    "invoice": "in_1",
    "payment": {"type": "payment_intent", "payment_intent": "pi_9"},
}
NOTE = {"id": "cn_1", "object": "credit_note", "invoice": "in_1", "customer": "cus_1"}


def event(event_id: str, kind: str, about: Mapping[str, object]) -> tuple[str, bytes]:
    body = {
        "id": event_id,
        "type": kind,
        "created": CREATED,
        "livemode": False,
        "data": {"object": about},
    }
    return event_id, json.dumps(body).encode()


async def shown(database: Database, found: BillingDocument) -> None:
    """A change has read this document."""
    async with database.transaction() as conn:
        await documents.seen(conn, TENANT, CONNECTION, [found], books_from=CUTOVER)
        await settlements.seen(
            conn, TENANT, found.customer_id, subject_of(found), found.settlements
        )


async def made(database: Database) -> dict[str, tuple[str, str | None, tuple[str, ...]]]:
    """(subject, customer, documents) of each change, by event."""
    async with database.transaction() as conn:
        found = await changes.page(conn, TENANT)
    return {c.event_id: (c.subject, c.customer_id, c.documents) for c in found}


@pytest.mark.parametrize(
    ("of", "subject"), [("sub_7", "sub_7"), (None, "account:cus_1")], ids=["subscription", "alone"]
)
async def test_money_is_looked_up_by_what_it_pays(
    database: Database, of: str | None, subject: str
) -> None:
    """Such events name no subscription: their document or an earlier movement does, once known."""
    await receive(database.dsn, [event("evt_early", "invoice_payment.paid", SHARE)])
    await read_inbox(database, TRANSLATORS)
    asked = paid(invoice(line("il_1", 100, of=of)), payment(50))
    await shown(database, asked)
    await receive(
        database.dsn,
        [
            event("evt_refund", "charge.refunded", REFUND),
            event("evt_part", "invoice_payment.paid", SHARE),
            event("evt_note", "credit_note.created", NOTE),
        ],
    )
    await read_inbox(database, TRANSLATORS)

    assert await statuses(database) == {
        "evt_early": "ignored",
        "evt_refund": "dispatched",
        "evt_part": "dispatched",
        "evt_note": "dispatched",
    }
    assert "no document that is known here" in ((await reasons(database))["evt_early"] or "")
    assert await made(database) == {
        "evt_refund": (subject, "cus_1", ("in_1",)),
        "evt_part": (subject, "cus_1", ("in_1",)),
        "evt_note": (subject, "cus_1", ("cn_1",)),
    }


async def test_a_refund_that_no_credit_note_answers_is_found_by_what_it_is_about(
    database: Database,
) -> None:
    """It settles no document, and is a movement of its own."""
    of = invoice(line("il_1", 100, of="sub_7"))
    refund = payment(-100, "pi_1").model_copy(update={"document_id": None, "about": "in_1"})
    await shown(database, of.model_copy(update={"settlements": (refund,)}))
    await receive(database.dsn, [event("evt_refund", "charge.refunded", REFUND)])
    await read_inbox(database, TRANSLATORS)
    assert await made(database) == {"evt_refund": ("sub_7", "cus_1", ("in_1",))}


async def test_what_is_not_known_yet_is_the_accounts_until_it_is(database: Database) -> None:
    """The customer of the event says whose account is looked at."""
    await receive(
        database.dsn,
        [
            event("evt_refund", "charge.refunded", REFUND),
            event("evt_note", "credit_note.created", NOTE),
            ("evt_customer", customer_event("evt_customer")),
        ],
    )
    await read_inbox(database, TRANSLATORS)
    assert await made(database) == {
        "evt_refund": ("account:cus_1", "cus_1", ()),
        "evt_note": ("account:cus_1", "cus_1", ("cn_1",)),
        "evt_customer": ("account:cus_1", "cus_1", ()),
    }


async def test_another_tenants_documents_say_nothing(database: Database) -> None:
    async with database.transaction() as conn:
        await documents.seen(
            conn, "other", CONNECTION, [invoice(line("il_1", 100))], books_from=CUTOVER
        )
    await receive(database.dsn, [event("evt_part", "invoice_payment.paid", SHARE)])
    await read_inbox(database, TRANSLATORS)
    assert await statuses(database) == {"evt_part": "ignored"}
