"""Undo in a real Tryton: one credit note, in the original's books, settled with it."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from canonical_models.documents import DocumentKind
from canonical_models.failures import Rejection, RejectionCode
from canonical_models.ledgering import DocumentState
from connectors.tryton.adapter import TrytonErp
from sandbox.erp.bookkeeping import bookkeeper
from sandbox.erp.instance import ErpInstance
from tests.connectors.tryton.drafts import (
    DE_19,
    People,
    draft,
    line,
    number_of,
    seats,
    tax,
    today,
    us_seats,
)
from tests.harness.erp import Books

pytestmark = [pytest.mark.erp, pytest.mark.timeout(300)]


async def test_a_credit_note_is_the_document_with_its_signs_turned(
    books: TrytonErp, ledger: Books
) -> None:
    before, taxed = await ledger.trial_balance("LE-DE"), await ledger.tax_by_code("LE-DE")
    wanted = draft(
        line("PRO", "10.03", quantity=Decimal(1)),
        line("PRO", "10.03"),
        line("PRO", "10.03"),
        taxes=(tax(DE_19, "30.09", "5.73"),),
        agent="P-2001",
    )
    made = await books.post(wanted)
    undo = f"{wanted.external_id}/void"

    reversal = await books.reverse(made.document_id, "LE-DE", reference=undo, on=today())
    again = await books.reverse(made.document_id, "LE-DE", reference=undo, on=today())

    assert reversal == again
    assert (reversal.kind, reversal.gross) == (DocumentKind.CREDIT_NOTE, -made.gross)
    assert made.rounding is not None
    assert (reversal.tax, reversal.rounding) == (-made.tax, -made.rounding)
    assert (reversal.corrects, reversal.external_id) == (made.document_id, undo)
    assert reversal.posting_date == today()
    assert [entry.corrects for entry in reversal.lines] == [x.line_id for x in wanted.lines]
    assert await books.find(undo, "LE-DE") == (reversal,)
    assert wanted.number is not None
    assert [x.document_id for x in await books.find_number(wanted.number, "LE-DE")] == [
        made.document_id
    ]
    now = await books.read(made.document_id, "LE-DE")
    assert (now.state, now.open.minor, now.credits) == ("paid", 0, (reversal.document_id,))
    assert (reversal.state, reversal.open.minor) == ("paid", 0)
    assert await ledger.trial_balance("LE-DE") == before
    assert await ledger.tax_by_code("LE-DE") == taxed or not taxed
    earned = [row for row in await ledger.commissions("LE-DE") if row[1] == number_of(reversal)]
    assert sum(amount for _, _, amount in earned) == Decimal("-3.009")


@pytest.mark.slow
async def test_it_stays_with_the_entity_and_the_party_of_the_original(
    books: TrytonErp, people: People
) -> None:
    party = await people.customer()
    made = await books.post(us_seats(party=party))

    with pytest.raises(Rejection) as elsewhere:
        await books.reverse(made.document_id, "LE-DE", reference="x/void", on=today())
    reversal = await books.reverse(
        made.document_id, "LE-US", reference=f"{made.external_id}/void", on=today()
    )

    assert elsewhere.value.reason is RejectionCode.DOCUMENT_CONFLICT
    assert (reversal.party, reversal.legal_entity) == (party, "LE-US")


@pytest.mark.slow
@pytest.mark.parametrize("refund", [True, False])
async def test_what_people_have_credited_is_not_credited_again(
    books: TrytonErp, ledger: Books, people: People, refund: bool
) -> None:
    before = await ledger.trial_balance("LE-DE")
    made = await books.post(
        draft(*[line("PRO", "10.03")] * 3, taxes=(tax(DE_19, "30.09", "5.73"),))
    )
    undo = f"{made.external_id}/void"
    note = await people.credit(made.document_id, refund=refund)
    if not refund:
        with pytest.raises(Rejection) as begun:
            await books.reverse(made.document_id, "LE-DE", reference=undo, on=today())
        assert begun.value.reason is RejectionCode.DOCUMENT_CONFLICT
        await people.press(note, "post")

    reversal = await books.reverse(made.document_id, "LE-DE", reference=undo, on=today())

    assert (reversal.document_id, reversal.ours) == (str(note), False)
    assert await books.find(undo, "LE-DE") == ()
    assert await ledger.trial_balance("LE-DE") == before
    now = await books.read(made.document_id, "LE-DE")
    assert (now.state, now.open.minor) == ("cancelled" if refund else "paid", 0)
    assert now.credits == (str(note),)


@pytest.mark.slow
async def test_the_credit_note_of_a_paid_document_stays_on_the_account(
    books: TrytonErp, erp: ErpInstance
) -> None:
    made = await books.post(seats())
    async with bookkeeper(erp) as keeper:
        await keeper.pay(made.document_id, "LE-DE", "119.00")

    reversal = await books.reverse(
        made.document_id, "LE-DE", reference=f"{made.external_id}/void", on=today()
    )

    assert (reversal.state, reversal.open) == (DocumentState.POSTED, -made.gross)


@pytest.mark.slow
async def test_a_document_over_nothing_is_credited_too(books: TrytonErp) -> None:
    made = await books.post(
        draft(line("PRO", "30.00"), line("PRO", "-30.00"), taxes=(tax(DE_19, "0", "0"),))
    )
    undo = f"{made.external_id}/void"

    reversal = await books.reverse(made.document_id, "LE-DE", reference=undo, on=today())

    assert (reversal.state, reversal.gross.minor) == (DocumentState.PAID, 0)
    assert reversal.corrects == made.document_id


async def test_a_day_that_the_books_do_not_take_is_refused(
    books: TrytonErp, erp: ErpInstance
) -> None:
    year = today().year - 1
    made = await books.post(us_seats(issued_on=date(year, 9, 5)))
    undo = f"{made.external_id}/void"
    async with bookkeeper(erp) as keeper:
        await keeper.close_period("LE-US", date(year, 9, 1))
        with pytest.raises(Rejection) as closed:
            await books.reverse(made.document_id, "LE-US", reference=undo, on=date(year, 9, 6))
        await keeper.reopen_period("LE-US", date(year, 9, 1))
    with pytest.raises(Rejection) as future:
        await books.reverse(
            made.document_id, "LE-US", reference=undo, on=today() + timedelta(days=1)
        )

    assert closed.value.reason is RejectionCode.PERIOD_CLOSED
    assert future.value.reason is RejectionCode.DOCUMENT_REFUSED
    assert await books.find(undo, "LE-US") == ()
