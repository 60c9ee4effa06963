"""What each kind of movement makes of a real Tryton's books, read back from them."""

from datetime import timedelta
from typing import Any

import pytest

from canonical_models.documents import SettlementKind as Kind
from canonical_models.failures import Rejection, RejectionCode
from canonical_models.ledgering import SettlementDraft
from canonical_models.money import Money
from sandbox.erp.bookkeeping import Bookkeeper
from tests.connectors.tryton.accounts import Desk, Posted, desk, keeper, movement, today

__all__ = ["desk", "keeper"]

pytestmark = [pytest.mark.erp, pytest.mark.timeout(300)]


async def booked(desk: Desk, keeper: Bookkeeper, draft: SettlementDraft) -> dict[str, str]:
    """Enter the movement, and what its move adds to each account."""
    entry = await desk.settle(draft)
    assert entry.amount == draft.amount
    assert entry.external_id == draft.external_id
    assert entry.posted_on == draft.posting_date
    assert await desk.settlements.find(draft.external_id, draft.legal_entity) == (entry,)
    return await keeper.booked(entry.entry_id)


async def _written_off(desk: Desk) -> Posted:
    document = await desk.document(11900)
    await desk.settle(movement(11900, document, kind=Kind.WRITE_OFF))
    return document


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "of", "minor", "accounts"),
    [
        (Kind.PAYMENT, 11900, 11900, {"1.1.5": "119", "1.2.1": "-119"}),
        (Kind.PAID_ELSEWHERE, 11900, 11900, {"1.1.1": "119", "1.2.1": "-119"}),
        (Kind.WRITE_OFF, 11900, 11900, {"1.2.1": "-119", "5.2.3": "119"}),
        (Kind.GOODWILL, 11900, 11900, {"1.2.1": "-119", "4.3.3": "119"}),
        (Kind.REFUND, -2380, -2380, {"1.1.5": "-23.8", "1.2.1": "23.8"}),
        (Kind.PAID_ELSEWHERE, -2380, -2380, {"1.1.1": "-23.8", "1.2.1": "23.8"}),
    ],
)
async def test_a_movement_over_all_of_a_document_settles_it(
    desk: Desk, keeper: Bookkeeper, kind: Kind, of: int, minor: int, accounts: dict[str, str]
) -> None:
    document = await desk.document(of)

    assert await booked(desk, keeper, movement(minor, document, kind=kind)) == accounts

    assert await desk.standing(document) == [("paid", 0)]
    assert await desk.account(document.party) == []
    assert await desk.settlements.open_items(document.party, "LE-DE") == ()


@pytest.mark.slow
async def test_payments_in_part_lower_what_is_open_until_the_last(desk: Desk) -> None:
    document = await desk.document(11900)

    opened = []
    for minor in (5000, 900, 6000):
        await desk.settle(movement(minor, document))
        opened += await desk.standing(document)

    assert opened == [("posted", 6900), ("posted", 6000), ("paid", 0)]
    assert await desk.account(document.party) == []


@pytest.mark.slow
async def test_what_a_document_cannot_take_of_money_stays_on_the_account(desk: Desk) -> None:
    document = await desk.document(10000)
    await desk.settle(movement(4000, document))
    over = movement(7500, document)

    entry = await desk.settle(over)
    late = await desk.settle(movement(2500, document))
    items = await desk.settlements.open_items(document.party, "LE-DE")

    assert entry.amount == over.amount
    assert await desk.standing(document) == [("paid", 0)]
    assert [(item.external_id, item.amount.minor) for item in items] == [
        (over.external_id, -1500),
        (late.external_id, -2500),
    ]


@pytest.mark.slow
async def test_balance_used_and_kept_ends_each_other(desk: Desk, keeper: Bookkeeper) -> None:
    """A downgrade's credit goes to the balance; the renewals are paid from it."""
    credit = await desk.document(-11900)
    party = credit.party
    renewals = [await desk.document(5950, party=party) for _ in range(2)]

    kept = await booked(desk, keeper, movement(-11900, credit, kind=Kind.BALANCE))
    standing = await desk.settlements.open_items(party, "LE-DE")
    await desk.settle(movement(5950, renewals[0], kind=Kind.BALANCE))
    between = await desk.account(party)
    await desk.settle(movement(5950, renewals[1], kind=Kind.BALANCE))

    assert kept == {}
    assert [item.amount.minor for item in standing] == [-11900]
    assert await desk.standing(credit, *renewals) == [("paid", 0)] * 3
    assert between == ["59.5", "-119", "59.5"]  # the other renewal, and the balance
    assert await desk.account(party) == []
    assert await desk.books.receivable_of(party, "LE-DE") == 0


@pytest.mark.slow
async def test_goodwill_stands_on_the_account_until_it_is_used(
    desk: Desk, keeper: Bookkeeper
) -> None:
    document = await desk.document(10000)
    party = document.party
    given = movement(3000, kind=Kind.GOODWILL, party=party)

    accounts = await booked(desk, keeper, given)
    (item,) = await desk.settlements.open_items(party, "LE-DE")
    await desk.settle(movement(2000, document, kind=Kind.BALANCE))
    await booked(desk, keeper, movement(-1000, kind=Kind.GOODWILL, party=party))

    assert accounts == {"1.2.1": "-30", "4.3.3": "30"}
    assert (item.external_id, item.amount.minor) == (given.external_id, -3000)
    assert await desk.standing(document) == [("posted", 8000)]
    # What is left is the document itself and its payment.
    assert await desk.account(party) == ["100", "-20"]
    assert await desk.settlements.open_items(party, "LE-DE") == ()


async def test_a_credit_note_is_set_off_against_its_invoice(desk: Desk, keeper: Bookkeeper) -> None:
    invoice = await desk.document(11900)
    note = await desk.document(-5000, corrects=invoice)
    part = movement(3000, invoice, against=note, kind=Kind.CREDIT_NOTE)

    accounts = await booked(desk, keeper, part)
    partly = await desk.standing(invoice, note)
    await desk.settle(movement(-2000, note, kind=Kind.REFUND))
    await desk.settle(movement(8900, invoice))

    assert accounts == {}
    assert partly == [("posted", 8900), ("posted", -2000)]
    assert await desk.standing(invoice, note) == [("paid", 0)] * 2
    assert await desk.account(invoice.party) == []


@pytest.mark.slow
async def test_recovered_money_goes_against_the_loss(desk: Desk, keeper: Bookkeeper) -> None:
    document = await _written_off(desk)
    late: dict[str, Any] = {"recovered": True, "about": "DE-1", "party": document.party}

    named = await booked(desk, keeper, movement(5000, document, **late))
    bare = await booked(desk, keeper, movement(6900, **late))
    back = await booked(desk, keeper, movement(-900, kind=Kind.REFUND, **late))

    assert named == {"1.1.5": "50", "5.2.3": "-50"}
    assert bare == {"1.1.5": "69", "5.2.3": "-69"}
    assert back == {"1.1.5": "-9", "5.2.3": "9"}
    assert await desk.standing(document) == [("paid", 0)]
    assert await desk.account(document.party) == []


@pytest.mark.slow
async def test_money_that_comes_first_waits_for_its_document(
    desk: Desk, keeper: Bookkeeper
) -> None:
    party = await desk.customer()
    money = movement(11900, party=party)

    first = await booked(desk, keeper, money)
    waiting = await desk.account(party)
    document = await desk.document(11900, party=party)
    named = money.model_copy(update={"document": document.id})
    entry, again = await desk.settle(named), await desk.settle(named)

    assert first == {"1.1.5": "119", "1.2.1": "-119"}
    assert waiting == ["-119"]
    assert entry == again
    assert await desk.standing(document) == [("paid", 0)]
    assert await desk.account(party) == []


async def test_money_that_came_first_is_parted_where_the_document_is_smaller(
    desk: Desk,
) -> None:
    party = await desk.customer()
    money = movement(15000, party=party)
    await desk.settle(money)
    small, large = [await desk.document(minor, party=party) for minor in (11900, 20000)]

    entry = await desk.settle(money.model_copy(update={"document": small.id}))
    again = await desk.settle(money.model_copy(update={"document": small.id}))
    (rest,) = await desk.settlements.open_items(party, "LE-DE")

    assert entry == again
    assert entry.amount.minor == 15000
    assert rest.amount.minor == -3100
    assert await desk.standing(small, large) == [("paid", 0), ("posted", 20000)]


@pytest.mark.slow
async def test_a_refund_that_came_first_is_settled_with_its_credit_note(desk: Desk) -> None:
    invoice = await desk.document(11900)
    await desk.settle(movement(11900, invoice))
    refund = movement(-5000, kind=Kind.REFUND, party=invoice.party, about="DE-1")
    await desk.settle(refund)
    owing = await desk.account(invoice.party)
    note = await desk.document(-5000, corrects=invoice)

    await desk.settle(refund.model_copy(update={"document": note.id}))

    assert owing == ["50"]
    assert await desk.standing(invoice, note) == [("paid", 0)] * 2
    assert await desk.account(invoice.party) == []


@pytest.mark.slow
async def test_a_dispute_is_a_debt_of_its_own_until_it_is_won(
    desk: Desk, keeper: Bookkeeper
) -> None:
    """The invoice stays paid, the debt is somebody's."""
    invoice = await desk.document(11900)
    await desk.settle(movement(11900, invoice))
    told: dict[str, Any] = {"party": invoice.party, "about": "DE-1"}

    lost = await booked(desk, keeper, movement(-11900, kind=Kind.DISPUTE, **told))
    (debt,) = await desk.settlements.open_items(invoice.party, "LE-DE")
    during = await desk.standing(invoice)
    won = await booked(desk, keeper, movement(11900, kind=Kind.DISPUTE_WON, **told))

    assert lost == {"1.1.5": "-119", "1.2.1": "119"}
    assert debt.amount.minor == 11900
    assert during == [("paid", 0)]
    assert won == {"1.1.5": "119", "1.2.1": "-119"}
    assert await desk.account(invoice.party) == []


@pytest.mark.slow
async def test_money_that_comes_back_opens_a_credit_note_again(desk: Desk) -> None:
    note = await desk.document(-5000)
    await desk.settle(movement(-5000, note, kind=Kind.REFUND))

    await desk.settle(movement(2000, note, kind=Kind.REFUND))
    opened = await desk.standing(note)
    await desk.settle(movement(-2000, note, kind=Kind.REFUND))

    assert opened == [("posted", -2000)]
    assert await desk.standing(note) == [("paid", 0)]
    assert await desk.account(note.party) == []


@pytest.mark.slow
async def test_an_entity_with_another_currency(desk: Desk, keeper: Bookkeeper) -> None:
    document = await desk.document(10825, entity="LE-US", currency="USD")

    accounts = await booked(desk, keeper, movement(10825, document))

    assert accounts == {"1.1.5": "108.25", "1.2.1": "-108.25"}
    assert await desk.standing(document) == [("paid", 0)]
    assert await desk.account(document.party, "LE-US") == []


@pytest.mark.slow
@pytest.mark.parametrize(("currency", "minor"), [("USD", 3333), ("JPY", 1001), ("KWD", 33333)])
async def test_a_currency_that_is_not_the_entitys(desk: Desk, currency: str, minor: int) -> None:
    document = await desk.document(minor, currency=currency)
    note = await desk.document(-111, currency=currency, corrects=document)

    entry = await desk.settle(movement(minor - 333, document))
    partly = await desk.standing(document)
    await desk.settle(movement(111, document, against=note, kind=Kind.CREDIT_NOTE))
    await desk.settle(movement(111, document, kind=Kind.WRITE_OFF))
    kept = movement(222, document)
    await desk.settle(kept)
    (rest,) = await desk.settlements.open_items(document.party, "LE-DE")

    assert entry.amount == Money(minor=minor - 333, currency=currency)
    assert partly == [("posted", 333)]
    assert rest.amount == Money(minor=-111, currency=currency)
    assert await desk.standing(document, note) == [("paid", 0)] * 2


@pytest.mark.slow
async def test_a_rate_that_moved_goes_to_the_exchange_account(
    desk: Desk, keeper: Bookkeeper
) -> None:
    document = await desk.document(11000, currency="USD")
    await keeper.set_rate("USD", today(), "1.20")
    try:
        accounts = await booked(desk, keeper, movement(11000, document))
    finally:
        await keeper.set_rate("USD", today(), "1.10")

    assert accounts == {"1.1.5": "91.67", "1.2.1": "-91.67"}
    assert await desk.standing(document) == [("paid", 0)]
    assert await desk.account(document.party) == []


@pytest.mark.slow
async def test_the_books_take_the_posting_date_and_the_true_one_is_kept(desk: Desk) -> None:
    document = await desk.document(11900)
    true = today() - timedelta(days=40)
    draft = movement(11900, document, value_date=true)

    entry = await desk.settle(draft)
    (row,) = await desk.client.search(
        "account.move", [["id", "=", int(entry.entry_id)]], ("description",), what="the move"
    )

    assert entry.posted_on == today()
    assert row["description"] == f"{draft.external_id}, value date {true}"
    assert await desk.settlements.find(draft.external_id, "LE-DE") == (entry,)


@pytest.mark.slow
async def test_a_document_and_its_reversal_settle_each_other(desk: Desk) -> None:
    company = await desk.company()
    original = await desk.document(11900)
    reversal = await desk.document(-11900, corrects=original)

    for _ in range(2):
        await desk.settlements.reconcile_pair(original.id, reversal.id, company)

    assert await desk.standing(original, reversal) == [("paid", 0)] * 2
    assert await desk.account(original.party) == []


@pytest.mark.slow
@pytest.mark.parametrize("paid", [5000, 11900])
async def test_what_was_paid_of_a_reversed_document_stays_on_the_account(
    desk: Desk, paid: int
) -> None:
    company = await desk.company()
    original = await desk.document(11900)
    await desk.settle(movement(paid, original))
    reversal = await desk.document(-11900, corrects=original)

    for _ in range(2):
        await desk.settlements.reconcile_pair(original.id, reversal.id, company)
    left = await desk.standing(original, reversal)
    await desk.settle(movement(-paid, reversal, kind=Kind.REFUND))

    assert left == [("paid", 0), ("posted", -paid)]
    assert await desk.standing(original, reversal) == [("paid", 0)] * 2
    assert await desk.account(original.party) == []


@pytest.mark.slow
@pytest.mark.parametrize("reversed_first", [True, False])
async def test_balance_of_a_void_document_is_given_back(
    desk: Desk, *, reversed_first: bool
) -> None:
    company = await desk.company()
    document = await desk.document(10000)
    party = document.party
    await desk.settle(movement(3000, kind=Kind.GOODWILL, party=party))
    await desk.settle(movement(3000, document, kind=Kind.BALANCE))
    back = movement(-3000, document, kind=Kind.BALANCE)
    if not reversed_first:
        await desk.settle(back)
        assert await desk.standing(document) == [("posted", 10000)]
    reversal = await desk.document(-10000, corrects=document)
    await desk.settlements.reconcile_pair(document.id, reversal.id, company)
    await desk.settle(back)
    (item,) = await desk.settlements.open_items(party, "LE-DE")

    assert await desk.standing(document, reversal) == [("paid", 0)] * 2
    assert item.amount.minor == -3000
    assert await desk.books.receivable_of(party, "LE-DE") == -30


@pytest.mark.slow
async def test_balance_that_a_document_uses_before_it_is_posted_waits_for_it(
    desk: Desk, keeper: Bookkeeper
) -> None:
    """Of a document that is held, balance is used in billing and stands on the account here."""
    party = await desk.customer()
    await desk.settle(movement(3000, kind=Kind.GOODWILL, party=party))
    used = movement(3000, kind=Kind.BALANCE, party=party)

    assert await booked(desk, keeper, used) == {}
    assert sum(await desk.books.open_items(party, "LE-DE")) == -30
    document = await desk.document(10000, party=party)
    for _ in range(2):
        await desk.settle(used.model_copy(update={"document": document.id}))

    assert await desk.standing(document) == [("posted", 7000)]
    assert await desk.settlements.open_items(party, "LE-DE") == ()
    assert await desk.books.receivable_of(party, "LE-DE") == 70


@pytest.mark.slow
@pytest.mark.parametrize("named", [True, False])
async def test_a_loss_is_none_when_the_document_is_void(
    desk: Desk, keeper: Bookkeeper, *, named: bool
) -> None:
    """Given up first and made void then: neither a loss nor a credit of the customer is left."""
    document = await _written_off(desk)
    reversal = await desk.document(-11900, corrects=document)
    back = movement(-11900, document if named else None, kind=Kind.WRITE_OFF, party=document.party)

    assert await booked(desk, keeper, back) == {"1.2.1": "119", "5.2.3": "-119"}
    await desk.settle(back)

    assert await desk.books.receivable_of(document.party, "LE-DE") == 0
    if named:
        assert await desk.standing(document, reversal) == [("paid", 0)] * 2
        assert await desk.account(document.party) == []


@pytest.mark.slow
@pytest.mark.parametrize("named", [True, False])
async def test_a_set_off_of_a_note_that_became_void_is_taken_back(
    desk: Desk, *, named: bool
) -> None:
    """Both named each other; the invoice is owed again, and nothing is left of the note."""
    invoice = await desk.document(11900)
    note = await desk.document(-4000, corrects=invoice)
    await desk.settle(movement(4000, invoice, kind=Kind.CREDIT_NOTE, against=note))
    assert await desk.standing(invoice, note) == [("posted", 7900), ("paid", 0)]
    reversal = await desk.document(4000, corrects=note)

    back = movement(4000, note if named else None, kind=Kind.CREDIT_NOTE, against=invoice)
    for _ in range(2):
        await desk.settle(back)

    assert await desk.standing(invoice) == [("posted", 11900)]
    assert await desk.books.receivable_of(invoice.party, "LE-DE") == 119
    if named:
        assert await desk.standing(note, reversal) == [("paid", 0)] * 2
        assert await desk.account(invoice.party) == ["119"]


@pytest.mark.slow
async def test_a_document_over_nothing_is_closed(desk: Desk) -> None:
    company = await desk.company()
    document = await desk.document(0)
    before = await desk.standing(document)

    for _ in range(2):
        await desk.settlements.close_zero(document.id, company)

    assert before == [("posted", 0)]
    assert await desk.standing(document) == [("paid", 0)]


@pytest.mark.slow
async def test_a_blocked_customer_can_still_pay(desk: Desk, keeper: Bookkeeper) -> None:
    document = await desk.document(10000, party="C-1006")
    await keeper.set_party_active("C-1006", active=False)
    try:
        await desk.settle(movement(10000, document))
        stray = await desk.settle(movement(500, party="C-1006"))
        items = await desk.settlements.open_items("C-1006", "LE-DE")
    finally:
        await keeper.set_party_active("C-1006", active=True)

    assert await desk.standing(document) == [("paid", 0)]
    assert [(item.external_id, item.amount.minor) for item in items] == [(stray.external_id, -500)]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"party": "C-9999"}, RejectionCode.PARTY_UNKNOWN),
        ({"currency": "BRL"}, RejectionCode.PAYMENT_REFUSED),
        ({"entity": "LE-FR"}, RejectionCode.LEGAL_ENTITY_UNKNOWN),
        ({"party": "C-1002"}, RejectionCode.PAYMENT_REFUSED),
        ({"entity": "LE-US", "currency": "USD"}, RejectionCode.PAYMENT_REFUSED),
    ],
)
async def test_what_does_not_fit_is_refused_before_anything_is_entered(
    desk: Desk, changes: dict[str, Any], code: RejectionCode
) -> None:
    document = await desk.document(10000)
    wanted = movement(100, document, **changes)

    with pytest.raises(Rejection) as refused:
        await desk.settle(wanted)

    assert refused.value.reason is code
    assert await desk.standing(document) == [("posted", 10000)]
