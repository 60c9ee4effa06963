"""Payments entered in a real Tryton: what they make of the documents that they settle."""

from datetime import timedelta
from typing import Any

import pytest

from canonical_models.failures import Rejection, RejectionCode
from canonical_models.ledgering import DocumentState, EntryKind
from canonical_models.money import Money
from connectors.tryton.adapter import TrytonErp
from runtime.erp.bookkeeping import bookkeeper
from runtime.erp.instance import ErpInstance
from tests.connectors.tryton.drafts import draft, payment, standing, state_and_open, today

pytestmark = [pytest.mark.erp, pytest.mark.timeout(300)]


async def test_a_document_stands_open_until_its_payment_term(books: TrytonErp) -> None:
    document = await books.post(draft(("PRO", 10000)))

    now = await standing(books, document)

    assert now.number == document.number
    assert now.state is DocumentState.POSTED
    assert now.issued_on == today()
    assert now.due_on == today() + timedelta(days=30)
    assert now.total == now.open == Money(minor=11900, currency="EUR")
    assert now.sent is None


async def test_standings_leave_out_what_is_unknown(books: TrytonErp) -> None:
    one, two = [await books.post(draft(("PRO", minor))) for minor in (100, 200)]
    ids = (two.document_id, "999999", "no-number", one.document_id, two.document_id)

    found = await books.standings(ids, "LE-DE")

    assert [now.document_id for now in found] == [two.document_id, one.document_id]
    assert await books.standings(ids, "LE-US") == ()


async def test_a_receipt_in_full_makes_the_document_paid(books: TrytonErp) -> None:
    document = await books.post(draft(("PRO", 10000)))
    wanted = payment(11900, document)

    entry = await books.enter(wanted)

    assert entry.amount == wanted.amount
    assert entry.reference == wanted.reference
    assert entry.number is not None
    assert await books.find_entries(wanted.reference, "LE-DE") == (entry,)
    assert await books.find_entries(wanted.reference, "LE-US") == ()
    assert await state_and_open(books, document) == [("paid", 0)]


async def test_receipts_in_part_leave_the_rest_open_until_the_last(books: TrytonErp) -> None:
    document = await books.post(draft(("PRO", 10000)))

    await books.enter(payment(5000, document))
    first = await state_and_open(books, document)
    await books.enter(payment(6900, document))

    assert first == [("posted", 6900)]
    assert await state_and_open(books, document) == [("paid", 0)]


async def test_one_receipt_settles_documents_and_a_credit_memo(books: TrytonErp) -> None:
    documents = [await books.post(draft(("PRO", minor))) for minor in (10000, 5000, -2000)]

    await books.enter(payment(11900 + 5950 - 2380, *documents))

    assert await state_and_open(books, *documents) == [("paid", 0)] * 3


async def test_a_credit_memo_pays_what_the_receipt_does_not_reach(books: TrytonErp) -> None:
    documents = [await books.post(draft(("PRO", minor))) for minor in (10000, 5000, -2000)]

    await books.enter(payment(11900, *documents))

    assert await state_and_open(books, *documents) == [("paid", 0), ("posted", 3570), ("paid", 0)]


async def test_documents_settle_each_other_without_money(books: TrytonErp) -> None:
    documents = [await books.post(draft(("PRO", minor))) for minor in (2000, -2000)]

    entry = await books.enter(payment(0, *documents))

    assert not entry.amount
    assert await state_and_open(books, *documents) == [("paid", 0)] * 2


async def test_an_overpayment_stays_on_the_account(books: TrytonErp) -> None:
    document = await books.post(draft(("PRO", 10000)))

    entry = await books.enter(payment(12000, document))
    late = await books.enter(payment(11900, document))

    assert entry.amount.minor == 12000
    assert late.amount.minor == 11900
    assert await state_and_open(books, document) == [("paid", 0)]


async def test_a_refund_of_a_credit_memo_settles_it(books: TrytonErp) -> None:
    memo = await books.post(draft(("PRO", -2000)))

    entry = await books.enter(payment(-2380, memo, kind=EntryKind.REFUND))

    assert entry.amount.minor == -2380
    assert await state_and_open(books, memo) == [("paid", 0)]


@pytest.mark.parametrize("kind", [EntryKind.REFUND, EntryKind.CHARGEBACK])
async def test_money_that_goes_back_opens_the_document_until_it_comes_again(
    books: TrytonErp, kind: EntryKind
) -> None:
    document = await books.post(draft(("PRO", 10000)))
    await books.enter(payment(11900, document))

    await books.enter(payment(-5000, document, kind=kind))
    partly = await state_and_open(books, document)
    await books.enter(payment(-6900, document, kind=kind))
    wholly = await standing(books, document)
    await books.enter(payment(11900, document))

    assert partly == [("posted", 5000)]
    assert (wholly.state, wholly.open.minor) == (DocumentState.POSTED, 11900)
    assert wholly.due_on == today()
    assert await state_and_open(books, document) == [("paid", 0)]


async def test_money_back_from_a_document_that_was_paid_in_part(books: TrytonErp) -> None:
    document = await books.post(draft(("PRO", 10000)))
    await books.enter(payment(5000, document))

    await books.enter(payment(-5000, document, kind=EntryKind.CHARGEBACK))
    opened = await state_and_open(books, document)
    await books.enter(payment(11900, document))

    assert opened == [("posted", 11900)]
    assert await state_and_open(books, document) == [("paid", 0)]


async def test_a_write_off_closes_what_is_left(books: TrytonErp, erp: ErpInstance) -> None:
    document = await books.post(draft(("PRO", 10000)))
    await books.enter(payment(11000, document))
    wanted = payment(900, document, kind=EntryKind.WRITE_OFF)

    entry = await books.enter(wanted)

    assert entry.amount.minor == 900
    assert await state_and_open(books, document) == [("paid", 0)]
    async with bookkeeper(erp) as keeper:
        assert await keeper.booked(entry.entry_id) == {"1.2.1": "-9", "5.2.3": "9"}


async def test_a_receipt_is_booked_on_the_bank(books: TrytonErp, erp: ErpInstance) -> None:
    received = await books.enter(payment(900))
    returned = await books.enter(payment(-900, kind=EntryKind.REFUND))

    async with bookkeeper(erp) as keeper:
        assert await keeper.booked(received.entry_id) == {"1.1.1": "9", "1.2.1": "-9"}
        assert await keeper.booked(returned.entry_id) == {"1.1.1": "-9", "1.2.1": "9"}


async def test_an_entity_with_another_currency(books: TrytonErp) -> None:
    wanted = draft(("PRO", 10000), party="C-1003", entity="LE-US", currency="USD")
    document = await books.post(wanted)

    entry = await books.enter(
        payment(10825, document, party="C-1003", entity="LE-US", currency="USD")
    )

    assert entry.amount == Money(minor=10825, currency="USD")
    assert await state_and_open(books, document) == [("paid", 0)]


@pytest.mark.parametrize(("currency", "minor"), [("USD", 3333), ("JPY", 1001), ("KWD", 33333)])
async def test_a_currency_that_is_not_the_entitys(
    books: TrytonErp, currency: str, minor: int
) -> None:
    document = await books.post(draft(("PRO", minor), party="C-1007", currency=currency))

    entry = await books.enter(payment(minor - 333, document, party="C-1007", currency=currency))
    partly = await standing(books, document)
    await books.enter(payment(333, document, party="C-1007", currency=currency))

    assert entry.amount == Money(minor=minor - 333, currency=currency)
    assert partly.open == Money(minor=333, currency=currency)
    assert await state_and_open(books, document) == [("paid", 0)]


async def test_a_rate_that_moved_goes_to_the_exchange_account(
    books: TrytonErp, erp: ErpInstance
) -> None:
    document = await books.post(draft(("PRO", 11000), party="C-1007", currency="USD"))
    async with bookkeeper(erp) as keeper:
        await keeper.set_rate("USD", today(), "1.20")
        try:
            entry = await books.enter(payment(11000, document, party="C-1007", currency="USD"))
        finally:
            await keeper.set_rate("USD", today(), "1.10")
        booked = await keeper.booked(entry.entry_id)

    assert booked == {"1.1.1": "91.67", "1.2.1": "-91.67"}
    assert await state_and_open(books, document) == [("paid", 0)]


async def test_a_payment_made_by_hand_counts(books: TrytonErp, erp: ErpInstance) -> None:
    document = await books.post(draft(("PRO", 10000)))
    async with bookkeeper(erp) as keeper:
        await keeper.pay(document.document_id, "LE-DE", "100")
    by_hand = await state_and_open(books, document)

    await books.enter(payment(11900, document))

    assert by_hand == [("posted", 1900)]
    assert await state_and_open(books, document) == [("paid", 0)]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"party": "C-9999"}, RejectionCode.PARTY_UNKNOWN),
        ({"currency": "BRL"}, RejectionCode.CURRENCY_MISMATCH),
        ({"entity": "LE-FR"}, RejectionCode.LEGAL_ENTITY_UNKNOWN),
        ({"party": "C-1002"}, RejectionCode.PAYMENT_REFUSED),
        ({"currency": "USD"}, RejectionCode.PAYMENT_REFUSED),
        ({"entity": "LE-US", "currency": "USD"}, RejectionCode.PAYMENT_REFUSED),
    ],
)
async def test_what_does_not_fit_is_refused_before_anything_is_entered(
    books: TrytonErp, changes: dict[str, Any], code: RejectionCode
) -> None:
    document = await books.post(draft(("PRO", 10000)))
    wanted = payment(100, document, **changes)

    with pytest.raises(Rejection) as refused:
        await books.enter(wanted)

    assert refused.value.reason is code
    assert await state_and_open(books, document) == [("posted", 11900)]
