"""What was issued before the cutover is never posted by us; where people say which document of the
ERP it is, what settles or corrects it since is ours."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.testing import WorkflowEnvironment

from canonical_models.amendment import ChangeKind
from canonical_models.documents import BillingDocument, Settlement, SettlementKind
from canonical_models.exceptions import Action, DocumentCorrection
from canonical_models.money import Money
from canonical_models.records import RecordState
from persistence import documents
from persistence.database import Database
from tests.harness.sagas import Sagas, sagas_at_work
from tests.harness.subscriptions import (
    credit_note,
    invoice,
    item,
    line,
    paid,
    payment,
    posted_by_hand,
    snapshot,
    subscription,
    void,
)
from tests.harness.systems import Systems

CUTOVER = datetime(2026, 11, 10, tzinfo=UTC)
BEFORE, SINCE = CUTOVER - timedelta(days=3), CUTOVER + timedelta(days=3)
PRO = subscription(item("pro", 5))

#: Of the time before us, and never paid.
OLD = invoice(line("il_0", 10000), key="in_0", issued_at=BEFORE)
OURS = invoice(line("il_1", 700), key="in_1")


@pytest.fixture
async def sagas(temporal: WorkflowEnvironment, database: Database) -> AsyncIterator[Sagas]:
    async with sagas_at_work(temporal.client, database, Systems(books_from=CUTOVER)) as working:
        yield working


def shows(sagas: Sagas, *found: BillingDocument) -> None:
    sagas.systems.billing.snapshots["sub_1"] = snapshot(PRO, *found)


def posted(sagas: Sagas) -> list[tuple[str, int]]:
    """What we have posted, and not the process before us."""
    found = sagas.systems.erp.documents
    return [(d.external_id, d.net.minor) for d in found if d.ours]


def entries(sagas: Sagas) -> list[tuple[str, int, str | None]]:
    return [(e.external_id, e.amount.minor, e.document) for e in sagas.systems.erp.entries]


def known_to_erp(sagas: Sagas, of: BillingDocument, **differs: object) -> None:
    """As the process before us has posted it."""
    sagas.systems.erp.documents.insert(0, posted_by_hand(of, "OLD-7", **differs))


async def linked(sagas: Sagas, name: str = "OLD-7") -> None:
    """A person has said which document of the ERP it is."""
    correction = DocumentCorrection(document_id="in_0", link=name, by="Jane")
    async with sagas.database.transaction() as conn:
        assert await documents.correct(conn, "acme", correction)


async def test_months_in_billing_before_the_first_event_are_not_booked(sagas: Sagas) -> None:
    months = [
        paid(
            invoice(
                line(f"il_{month}", 4000),
                key=f"in_{month}",
                issued_at=datetime(2026, month, 1, tzinfo=UTC),
            ),
            payment(4000, f"pi_{month}", f"in_{month}", datetime(2026, month, 2, tzinfo=UTC)),
        )
        for month in range(6, 11)
    ]
    shows(sagas, *months, OURS)

    assert (await sagas.finish("chg_1", whole=True)).outcome == "completed"

    assert posted(sagas) == [("in_1", 700)]
    assert entries(sagas) == []
    # Not even where billing names one of them.
    assert (await sagas.finish("chg_2", documents=("in_7",))).outcome == "no_change"
    assert (await sagas.record("in_7")).state is RecordState.BEFORE_CUTOVER
    assert posted(sagas) == [("in_1", 700)]
    await sagas.given(("seats", 5), ("sso", 1))


@pytest.mark.parametrize("at", [BEFORE, SINCE], ids=["before", "since"])
async def test_their_money_is_not_entered(sagas: Sagas, at: datetime) -> None:
    refund = Settlement(
        settlement_id="re_0",
        kind=SettlementKind.REFUND,
        about="in_0",
        amount=Money(minor=-10000, currency="EUR"),
        at=SINCE,
    )
    old = paid(OLD, payment(10000, "pi_0", "in_0", at))
    old = old.model_copy(update={"settlements": (*old.settlements, refund)})
    shows(sagas, old, OURS)
    assert (await sagas.finish("chg_1", documents=("in_0",))).outcome == "completed"
    assert posted(sagas) == [("in_1", 700)]
    assert entries(sagas) == []


async def test_once_it_is_linked_what_has_settled_it_since_is_entered(sagas: Sagas) -> None:
    shows(sagas, OLD, OURS)
    assert (await sagas.finish("chg_1", documents=("in_0",))).outcome == "completed"
    # The process before us has entered its own part.
    known_to_erp(sagas, OLD)
    sagas.systems.erp.pay_by_hand("77", 4000)
    early = payment(4000, "pi_a", "in_0", BEFORE)
    shows(sagas, paid(OLD, early, payment(6000, "pi_b", "in_0", SINCE)), OURS)
    await linked(sagas)

    assert (await sagas.finish("chg_2", documents=("in_0",))).outcome == "completed"

    record = await sagas.record("in_0")
    assert (record.state, record.linked_by) == (RecordState.BEFORE_CUTOVER, "Jane")
    assert record.posted is not None
    assert record.posted.document_id == "77"
    assert entries(sagas)[1:] == [("pi_b", 6000, "77")]
    assert posted(sagas) == [("in_1", 700)]
    # What comes later is ours without another word.
    refunded = payment(-1000, "re_1", "in_0").model_copy(update={"kind": SettlementKind.REFUND})
    shows(sagas, paid(OLD, early, payment(6000, "pi_b", "in_0", SINCE), refunded), OURS)
    assert (await sagas.finish("chg_3", documents=("in_0",))).outcome == "completed"
    assert entries(sagas)[2:] == [("re_1", -1000, "77")]


@pytest.mark.parametrize(
    ("differs", "words"),
    [
        ({"net": Money(minor=9999, currency="EUR")}, "gross: planned 100.00 EUR, found 99.99 EUR"),
        ({"party": "C-9"}, "party: planned C-1001, found C-9"),
    ],
    ids=["amount", "party"],
)
async def test_one_that_says_something_else_is_not_linked(
    sagas: Sagas, differs: dict[str, object], words: str
) -> None:
    shows(sagas, OLD)
    await sagas.finish("chg_1")
    known_to_erp(sagas, OLD, **differs)
    await linked(sagas)

    handle = await sagas.start("chg_2", documents=("in_0",))
    waiting = await sagas.exception("chg_2", step="books")

    assert (waiting.code, waiting.subject) == ("outcome_mismatch", "in_0")
    assert words in waiting.message
    assert not (await sagas.record("in_0")).in_books
    await sagas.resolve(handle, waiting.exception_id, Action.ABORT)
    assert (await handle.result()).outcome == "cancelled"


async def test_one_that_became_void_since_is_asked_about_found_and_reversed(sagas: Sagas) -> None:
    shows(sagas, void(OLD, at=SINCE))
    handle = await sagas.start("chg_1", documents=("in_0",))
    waiting = await sagas.exception("chg_1", step="books")
    assert (waiting.code, waiting.subject) == ("before_cutover", "in_0")
    known_to_erp(sagas, OLD)

    found = DocumentCorrection(document_id="in_0", link="77", by="Jane")
    await sagas.resolve(handle, waiting.exception_id, Action.CORRECT, document=found)

    assert (await handle.result()).outcome == "completed"
    assert (await sagas.record("in_0")).state is RecordState.REVERSED
    reversal = sagas.systems.erp.documents[-1]
    assert (reversal.external_id, reversal.corrects) == ("in_0/void", "77")
    assert sagas.systems.erp.reversed_on == [SINCE.date()]
    assert (await sagas.finish("chg_2", documents=("in_0",))).outcome == "no_change"


async def test_a_credit_note_finds_what_it_corrects_once_a_person_says_so(sagas: Sagas) -> None:
    note = credit_note(line("cl_1", -2500).model_copy(update={"corrects": "il_0"}), corrects="in_0")
    shows(sagas, OLD, note, OURS)
    handle = await sagas.start("chg_1", documents=("cn_1",))
    waiting = await sagas.exception("chg_1", step="books")
    assert (waiting.code, waiting.subject) == ("before_cutover", "cn_1")
    assert posted(sagas) == [("in_1", 700)]
    known_to_erp(sagas, OLD)

    found = DocumentCorrection(document_id="in_0", link="OLD-7", by="Jane")
    await sagas.resolve(handle, waiting.exception_id, Action.CORRECT, document=found)

    assert (await handle.result()).outcome == "completed"
    assert posted(sagas) == [("in_1", 700), ("cn_1", -2500)]
    assert sagas.systems.erp.documents[-1].corrects == "77"


async def test_an_edit_of_what_is_not_ours_is_nobodys_question(sagas: Sagas) -> None:
    shows(sagas, OLD, OURS)
    await sagas.finish("chg_1", documents=("in_0",))
    edited = invoice(line("il_0", 9000), key="in_0", issued_at=BEFORE)
    shows(sagas, edited, OURS)
    assert (await sagas.finish("chg_2", documents=("in_0",))).outcome == "no_change"
    assert (await sagas.change("chg_2")).kind is ChangeKind.NONE
