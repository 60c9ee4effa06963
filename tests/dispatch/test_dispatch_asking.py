"""Events that do not show what they are about: set aside, asked about, settled; others go on."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from canonical_models.amendment import ChangeKind, ChangeTrigger
from canonical_models.exceptions import CONTRACT_CHANGED
from canonical_models.failures import (
    ContractDrift,
    CredentialsRefused,
    Failure,
    Rejection,
    RejectionCode,
    TransientFailure,
)
from canonical_models.states import ExceptionState
from connectors.contracts import Contract, watched
from connectors.ports import UnreadableEvent
from connectors.stripe.webhooks import StripeWebhooks
from dispatch.asking import ROWS, Asker
from dispatch.drifting import SharedContracts
from dispatch.reading import read_inbox
from persistence import drifts, exceptions, inbox, worklist
from persistence.database import Database
from tests.dispatch.test_dispatch_reading import reasons, replay
from tests.harness.flow import receive, states, statuses, write
from tests.harness.script import Script
from tests.harness.systems import Billing
from tests.harness.webhooks import CONNECTION, TENANT, subscription_event, thin_event

ROW_LEASE = timedelta(minutes=1)
TRANSLATORS = {(TENANT, CONNECTION): StripeWebhooks()}


class Stripe:
    """What is asked, and answers that a test gives or that fail."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self.answer: ChangeTrigger | Exception | None = None

    async def close(self) -> None:
        return None

    async def understand(self, body: bytes) -> ChangeTrigger | None:
        self.asked.append(body)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def stripe() -> Stripe:
    return Stripe()


@pytest.fixture
def asker(database: Database, stripe: Stripe) -> Asker:
    return Asker(database, {(TENANT, CONNECTION): stripe})


def said(**changes: str | None) -> ChangeTrigger:
    plain = ChangeTrigger(
        event_id="evt_thin",
        subscription_id="sub_3",
        customer_id="cus_3",
        kind=ChangeKind.BILLED,
        occurred_at=datetime(2026, 11, 22, tzinfo=UTC),
    )
    return plain.model_copy(update=changes)


async def come(database: Database, *events: str, aside: Callable[[], None] = lambda: None) -> None:
    await receive(database.dsn, [(event, thin_event(event, "sub_3")) for event in events])
    await read_inbox(database, TRANSLATORS, aside=aside)


async def due_now(database: Database) -> None:
    await write(database, "update inbox set ask_after = now() where ask_after is not null")


async def test_it_is_set_aside_and_becomes_the_change_that_billing_tells(
    database: Database, asker: Asker, stripe: Stripe
) -> None:
    told: list[str] = []
    await come(database, "evt_thin", aside=lambda: told.append("aside"))
    assert (told, await statuses(database)) == (["aside"], {"evt_thin": "received"})
    async with database.statement() as conn:
        found = await worklist.read(conn, lease=ROW_LEASE)
    assert (found.unread, found.unshown) == (False, True)
    stripe.answer = said()
    assert await asker.ask() == 1
    assert await statuses(database) == {"evt_thin": "dispatched"}
    assert await states(database) == {"evt_thin": "pending"}
    assert await asker.ask() == 0
    assert len(stripe.asked) == 1


async def test_what_concerns_nobody_is_ignored(
    database: Database, asker: Asker, stripe: Stripe
) -> None:
    await come(database, "evt_thin")
    await asker.ask()
    assert await statuses(database) == {"evt_thin": "ignored"}
    # Of a payment that nobody knows, and whose customer nobody names, there is nothing to look at.
    stripe.answer = said(subscription_id=None, customer_id=None, payment_id="pi_1")
    await replay(database, "evt_thin")
    await read_inbox(database, TRANSLATORS)
    await asker.ask()
    assert await statuses(database) == {"evt_thin": "ignored"}
    assert "no document that is known" in str((await reasons(database))["evt_thin"])


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (UnreadableEvent("$.related_object: Stripe has no invoice in_1"), "has no invoice in_1"),
        (KeyError("customer"), "our translator failed"),
    ],
)
async def test_what_billing_cannot_tell_is_a_dead_letter_in_words(
    database: Database, asker: Asker, stripe: Stripe, fault: Exception, words: str
) -> None:
    stripe.answer = fault
    await come(database, "evt_thin")
    await asker.ask()
    assert await statuses(database) == {"evt_thin": "dead_lettered"}
    assert words in str((await reasons(database))["evt_thin"])


@pytest.mark.parametrize(
    "fault",
    [
        TransientFailure("Stripe is away", system="stripe"),
        CredentialsRefused("the key is refused", system="stripe"),
        ContractDrift("it has another shape", system="stripe"),
        Rejection(RejectionCode.BILLING_REFUSED, "ask Stripe's support", system="stripe"),
    ],
)
async def test_while_billing_cannot_be_asked_it_waits_and_others_go_on(
    database: Database, asker: Asker, stripe: Stripe, fault: Failure
) -> None:
    stripe.answer = fault
    await come(database, "evt_thin")
    assert await asker.ask() == 1
    assert await asker.ask() == 0
    assert await statuses(database) == {"evt_thin": "received"}
    assert fault.message in str((await reasons(database))["evt_thin"])
    await receive(database.dsn, [("evt_1", subscription_event("evt_1"))])
    await read_inbox(database, TRANSLATORS)
    assert await states(database) == {"evt_1": "pending"}
    stripe.answer = said()
    await due_now(database)
    await asker.ask()
    assert await states(database) == {"evt_1": "pending", "evt_thin": "pending"}
    assert (await reasons(database))["evt_thin"] is None


async def test_what_does_not_fit_is_the_question_of_its_connection_and_goes_on_by_itself(
    database: Database, stripe: Stripe
) -> None:
    contract = Contract(CONNECTION)
    shared = SharedContracts(database, {(TENANT, CONNECTION): contract})
    asker = Asker(database, {(TENANT, CONNECTION): watched(stripe, contract)})

    async def questions() -> list[tuple[str, str]]:
        async with database.transaction() as conn:
            found = await exceptions.page(conn, TENANT, state=ExceptionState.OPEN)
        return [(each.code, each.subject or "") for each in found]

    stripe.answer = ContractDrift("it has another shape", system="stripe", payload_path="$.data")
    await come(database, "evt_thin", "evt_niht")
    for _ in range(2):
        await due_now(database)
        assert await asker.ask() == 2
        await shared.poll()
    assert await questions() == [(CONTRACT_CHANGED, CONNECTION)]
    async with database.statement() as conn:
        (view,) = await drifts.of_tenant(conn, TENANT)
    # Each event waits by itself, also one whose body is the same letters in another order.
    assert (view.objects, view.times, view.path) == (2, 4, "$.data")

    stripe.answer = said()
    await due_now(database)
    await asker.ask()
    await shared.poll()
    assert await questions() == []
    assert set((await statuses(database)).values()) == {"dispatched"}


async def test_nobody_else_takes_what_one_asks_about_and_all_are_asked(
    database: Database, stripe: Stripe
) -> None:
    await come(database, *(f"evt_{at}" for at in range(ROWS + 3)))
    async with database.transaction() as conn:
        await inbox.take_aside(conn, [(TENANT, CONNECTION)], rows=2, lease=ROW_LEASE)
    other = Asker(database, {("another", CONNECTION): stripe})
    assert await other.ask() == 0
    assert await Asker(database, {(TENANT, CONNECTION): stripe}).ask() == ROWS + 1
    assert list((await statuses(database)).values()).count("received") == 2


async def test_the_scripted_billing_tells_what_it_was_told(database: Database) -> None:
    billing = Billing(Script(), events={"evt_thin": said()})
    await come(database, "evt_thin", "evt_other")
    await Asker(database, {(TENANT, CONNECTION): billing}).ask()
    assert await statuses(database) == {"evt_thin": "dispatched", "evt_other": "ignored"}
