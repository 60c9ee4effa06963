"""What becomes of events: changes, ignored ones, dead letters; and what a replay does."""

import json
from collections.abc import Mapping

import pytest

from canonical_models.amendment import ChangeHint, ChangeKind, PaymentHint
from canonical_models.money import Money
from canonical_models.term import Invoice, InvoiceStatus, Payment, PaymentState
from connectors.ports import UnreadableEvent
from connectors.stripe.webhooks import StripeWebhooks
from dispatch.reading import read_inbox
from persistence import changes, inbox, invoices, payments
from persistence.database import Database
from tests.harness.flow import receive, states, statuses, write
from tests.harness.subscriptions import AS_OF
from tests.harness.webhooks import CONNECTION, TENANT, subscription_event


class Faulty:
    """Stripe's translator with the faults of our own that a test asks for."""

    fault: Exception | None = None

    def verify(
        self, headers: Mapping[str, str], body: bytes, *, secrets: tuple[str, ...], now: float
    ) -> None:
        raise NotImplementedError

    def envelope(self, body: bytes) -> tuple[str, str]:
        raise NotImplementedError

    def hint(self, body: bytes) -> ChangeHint | PaymentHint | None:
        if self.fault is not None and b"poison" in body:
            raise self.fault
        return StripeWebhooks().hint(body)


TRANSLATORS = {(TENANT, CONNECTION): StripeWebhooks()}


async def reasons(database: Database) -> dict[str, str | None]:
    async with database.transaction() as session:
        return {view.event_id: view.reason for view in await inbox.page(session, TENANT)}


async def replay(database: Database, event_id: str) -> None:
    async with database.transaction() as session:
        found = await inbox.page(session, TENANT)
        ids = [view.inbox_id for view in found if view.event_id == event_id]
        assert len(await inbox.replay(session, TENANT, ids)) == 1


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
        "evt_x": "dead_lettered",
    }
    assert await states(database) == {"evt_1": "pending", "evt_2": "pending"}
    assert (await reasons(database))["evt_odd"]
    async with database.transaction() as session:
        (newest, *_) = await inbox.page(session, TENANT, status="dispatched")
    assert newest.change_id is not None
    assert newest.settled_at is not None


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


async def test_a_payment_is_looked_up_by_what_it_pays(database: Database) -> None:
    """Such events name no subscription: their invoice or an earlier payment does, once known."""
    refund = {"id": "ch_1", "object": "charge", "payment_intent": "pi_1", "customer": "cus_1"}
    share = {
        "id": "inpay_1",
        "object": "invoice_payment",
        "invoice": "in_1",
        "payment": {"type": "payment_intent", "payment_intent": "pi_9"},
    }
    events = {
        "evt_early": ("charge.refunded", refund),
        "evt_refund": ("charge.refunded", refund),
        "evt_part": ("invoice_payment.paid", share),
    }
    bodies = {
        name: json.dumps(
            {"id": name, "type": kind, "created": 1_795_000_000, "data": {"object": what}}
        ).encode()
        for name, (kind, what) in events.items()
    }
    await receive(database.dsn, [("evt_early", bodies["evt_early"])])
    await read_inbox(database, TRANSLATORS)
    invoice = Invoice(
        invoice_id="in_1",
        customer_id="cus_1",
        status=InvoiceStatus.OPEN,
        total=Money(minor=100, currency="EUR"),
        paid=Money(minor=0, currency="EUR"),
        created_at=AS_OF,
    )
    payment = Payment(
        payment_id="pi_1",
        invoice_id="in_1",
        amount=Money(minor=50, currency="EUR"),
        state=PaymentState.CONFIRMED,
        at=AS_OF,
    )
    async with database.work() as raw:
        await invoices.seen(raw, TENANT, "sub_7", "cus_1", [invoice])
        await payments.claim(raw, TENANT, "sub_7", payment, effect_key="chg_0/erp.payment")
    await receive(database.dsn, [(name, bodies[name]) for name in ("evt_refund", "evt_part")])
    await read_inbox(database, TRANSLATORS)

    assert await statuses(database) == {
        "evt_early": "ignored",
        "evt_refund": "dispatched",
        "evt_part": "dispatched",
    }
    async with database.transaction() as session:
        made = await changes.page(session, TENANT)
    assert {(c.subscription_id, c.customer_id, c.kind) for c in made} == {
        ("sub_7", "cus_1", ChangeKind.PAYMENT)
    }
