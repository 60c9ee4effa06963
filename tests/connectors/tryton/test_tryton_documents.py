"""Billing's documents in a real Tryton: whole, to the cent, on their days, or not at all."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from canonical_models.documents import BilledParty, DocumentKind, PostalAddress, TaxId
from canonical_models.failures import Rejection, RejectionCode
from canonical_models.ledgering import DocumentState, LedgerQuestion
from canonical_models.money import Money
from connectors.tryton.adapter import TrytonErp
from sandbox.erp.bookkeeping import bookkeeper
from sandbox.erp.instance import ErpInstance
from tests.connectors.tryton.drafts import (
    DE_7,
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

#: Each test that needs an order of dates has a fiscal year's month of its own, of last year.
LAST_YEAR = today().year - 1


def question(**changes: object) -> LedgerQuestion:
    asked = {
        "legal_entity": "LE-DE",
        "party": "C-1001",
        "currency": "EUR",
        "on": today(),
        "items": ("PRO",),
    }
    return LedgerQuestion.model_validate(asked | changes)


async def test_the_erp_says_how_it_would_invoice(books: TrytonErp) -> None:
    answer = await books.check(question(items=("PRO", "HANDBOOK"), tax_codes=("VAT France 20 %",)))

    assert [(item.item, item.account, item.rate) for item in answer.items] == [
        ("PRO", "4.2.2", Decimal("0.19")),
        ("HANDBOOK", "4.2.2", Decimal("0.07")),
    ]
    assert all(item.deferrable for item in answer.items)
    assert [(code.code, code.rate) for code in answer.taxes] == [
        ("VAT France 20 %", Decimal("0.2"))
    ]
    assert answer.posting_date == today()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "code", "subject"),
    [
        ({"party": "C-9999"}, RejectionCode.PARTY_UNKNOWN, "C-9999"),
        ({"legal_entity": "LE-XX"}, RejectionCode.LEGAL_ENTITY_UNKNOWN, "LE-XX"),
        ({"currency": "ZAR"}, RejectionCode.CURRENCY_MISMATCH, "ZAR"),
        ({"items": ("PRO", "NOPE")}, RejectionCode.ITEM_NOT_POSTABLE, "NOPE"),
        ({"items": ("UNMAPPED",)}, RejectionCode.ITEM_NOT_POSTABLE, "UNMAPPED"),
        ({"tax_codes": ("VAT 18 %",)}, RejectionCode.TAX_UNDETERMINED, "VAT 18 %"),
        ({"on": date(2019, 5, 1)}, RejectionCode.PERIOD_CLOSED, "LE-DE 2019-05"),
    ],
)
async def test_what_would_not_post_is_refused_before_anything_is_written(
    books: TrytonErp, changes: dict[str, object], code: RejectionCode, subject: str
) -> None:
    with pytest.raises(Rejection) as refused:
        await books.check(question(**changes))

    assert (refused.value.reason, refused.value.subject) == (code, subject)


async def test_a_document_says_all_that_billings_says(
    books: TrytonErp, ledger: Books, people: People
) -> None:
    first, last = today(), today() + timedelta(days=364)
    wanted = draft(
        line("PRO", "30.09", quantity=Decimal(3), service_from=first, service_to=last),
        line("HANDBOOK", "-5.00", discount=Money.of("-1.00", "EUR"), dimensions={"team": "red"}),
        taxes=(tax(DE_19, "30.09", "5.72"), tax(DE_7, "-5.00", "-0.35")),
        due_on=today() + timedelta(days=14),
        purchase_order="PO-77",
        memo="Thank you",
        url="https://billing.example/in_1",
        agent="P-2001",
    )

    made = await books.post(wanted)

    assert (made.state, made.kind, made.ours) == (DocumentState.POSTED, DocumentKind.INVOICE, True)
    assert (made.external_id, made.billing_number) == (wanted.external_id, wanted.number)
    assert (made.party, made.legal_entity, made.currency) == ("C-1001", "LE-DE", "EUR")
    assert (made.document_date, made.posting_date, made.due_on) == (today(), today(), wanted.due_on)
    assert made.period == f"{today():%Y-%m}"
    assert (made.net, made.tax, made.open) == (wanted.net, wanted.tax, wanted.gross)
    assert (made.taxes, made.rounding) == (wanted.taxes, None)
    for found, asked in zip(made.lines, wanted.lines, strict=True):
        assert (found.line_id, found.item, found.net) == (asked.line_id, asked.item, asked.net)
        assert found.description == asked.description
        assert (found.service_from, found.service_to) == (asked.service_from, asked.service_to)
        assert found.account == "4.2.2"
    assert [found.tax_codes for found in made.lines] == [("VAT 19 %",), ("VAT 7 %",)]

    shown = await ledger.document(number_of(made))
    assert wanted.number is not None
    assert wanted.number in (shown.reference or "")
    assert (shown.lines[0].quantity, shown.lines[0].unit_price) == (3, Decimal("10.0300"))
    assert "Discount -1.00 EUR" in (shown.lines[1].description or "")
    assert "Dimension team: red" in (shown.lines[1].description or "")
    for words in ("PO-77", "Thank you", "https://billing.example/in_1", str(today())):
        assert words in shown.raw["comment"]
    assert ("P-2001", number_of(made), Decimal("3.0090")) in await ledger.commissions("LE-DE")

    # A copy that somebody makes is not ours, and found by nothing.
    await people.duplicate(made.document_id)
    assert await books.find(wanted.external_id, "LE-DE") == (made,)
    assert await books.find_number(wanted.number, "LE-DE") == (made,)
    assert await books.read(made.document_id, "LE-DE") == made
    assert await books.post(wanted) == made
    (erp_status,) = await books.statuses((made.document_id, "999999"), "LE-DE")
    assert (erp_status.gross, erp_status.open, erp_status.due_on) == (
        made.gross,
        made.open,
        made.due_on,
    )


@pytest.mark.slow
async def test_a_document_names_the_customer_as_billing_did(
    books: TrytonErp, ledger: Books, people: People
) -> None:
    party = await people.customer()
    moved = BilledParty(
        name="Renamed GmbH",
        address=PostalAddress(lines=("Neue Gasse 2",), city="Kiel", country="DE"),
        tax_ids=(TaxId(kind="eu_vat", value="DE123456788", country="DE", verified=True),),
    )
    before, after = seats(party=party), seats(party=party, bill_to=moved)

    first, second = await books.post(before), await books.post(after)
    third = await books.post(seats(party=party, bill_to=moved))

    named = [await people.named(document.document_id) for document in (first, second, third)]
    assert named[0] == ("Ulm", None)
    assert named[1] == named[2] == ("Kiel", "DE123456788")
    assert (await ledger.document(number_of(second))).raw["party."]["code"] == party


@pytest.mark.slow
async def test_a_document_that_people_made_is_found_by_billings_number(
    books: TrytonErp, people: People
) -> None:
    made = await books.post(seats())
    copy = await people.duplicate(made.document_id)
    await people.write(copy, reference=f"OLD-{copy}")
    assert await books.find_number(f"OLD-{copy}", "LE-DE") == ()
    await people.press(copy, "post")

    (found,) = await books.find_number(f"OLD-{copy}", "LE-DE")

    assert (found.document_id, found.ours, found.external_id) == (str(copy), False, "")
    assert (found.billing_number, found.open) == (f"OLD-{copy}", made.gross)


@pytest.mark.slow
async def test_a_late_document_has_the_next_date_and_is_booked_on_its_own(
    books: TrytonErp, ledger: Books
) -> None:
    may, march = date(LAST_YEAR, 5, 10), date(LAST_YEAR, 3, 2)
    await books.post(seats(issued_on=may))

    late = await books.post(seats(issued_on=march, due_on=march, late_number="billing_number"))
    after = await books.post(seats(issued_on=may))

    assert (late.document_date, late.posting_date) == (may, march)
    assert (late.period, late.due_on) == (f"{LAST_YEAR}-03", march)
    assert late.number is not None
    assert late.number != late.billing_number
    assert str(march) in (await ledger.document(number_of(late))).raw["comment"]
    assert after.document_date == may


@pytest.mark.slow
async def test_what_a_closed_period_takes_is_booked_on_the_first_open_day(
    books: TrytonErp, erp: ErpInstance
) -> None:
    issued, opened = date(LAST_YEAR, 6, 20), date(LAST_YEAR, 8, 1)
    asked = {"legal_entity": "LE-US", "party": "C-1003", "currency": "USD", "on": issued}
    async with bookkeeper(erp) as keeper:
        # July is open again, but the journal is not: Tryton leaves it closed.
        for month in (6, 7):
            await books.post(us_seats(issued_on=date(LAST_YEAR, month, 1)))
            await keeper.close_period("LE-US", date(LAST_YEAR, month, 1))
        await keeper.reopen_period("LE-US", date(LAST_YEAR, 7, 1))
        await keeper.close_journal("LE-US", date(LAST_YEAR, 7, 1), "REV")
        with pytest.raises(Rejection) as refused:
            await books.check(question(**asked))
        answer = await books.check(question(**asked, closed_period="first_open_day"))
        made = await books.post(us_seats(issued_on=issued, posting_date=answer.posting_date))
        with pytest.raises(Rejection) as not_posted:
            await books.post(us_seats(issued_on=issued))
        await keeper.reopen_period("LE-US", date(LAST_YEAR, 6, 1))
        await keeper.reopen_journals("LE-US", date(LAST_YEAR, 7, 1))

    assert refused.value.reason is RejectionCode.PERIOD_CLOSED
    assert refused.value.subject == f"LE-US {LAST_YEAR}-06"
    assert not_posted.value.reason is RejectionCode.PERIOD_CLOSED
    assert answer.posting_date == made.posting_date == opened
    assert made.document_date == date(LAST_YEAR, 7, 1)


async def test_a_document_of_the_future_is_refused_by_us(books: TrytonErp) -> None:
    wanted = seats(issued_on=today() + timedelta(days=1))

    with pytest.raises(Rejection) as refused:
        await books.post(wanted)

    assert refused.value.reason is RejectionCode.DOCUMENT_REFUSED
    assert str(wanted.issued_on) in refused.value.message
    assert await books.find(wanted.external_id, "LE-DE") == ()


@pytest.mark.slow
async def test_a_document_over_nothing_is_posted_and_settled(books: TrytonErp) -> None:
    wanted = draft(line("PRO", "30.00"), line("PRO", "-30.00"), taxes=(tax(DE_19, "0.00", "0.00"),))

    made = await books.post(wanted)
    free = await books.post(draft(line("PRO", "0.00", quantity=Decimal(2)), party="C-1002"))
    with pytest.raises(Rejection) as refused:
        await books.post(draft())

    assert (made.state, made.gross.minor, made.open.minor) == (DocumentState.PAID, 0, 0)
    assert (free.state, free.open.minor) == (DocumentState.PAID, 0)
    assert await books.post(wanted) == made
    assert refused.value.reason is RejectionCode.DOCUMENT_REFUSED


@pytest.mark.slow
async def test_a_credit_note_names_the_document_and_lines_that_it_corrects(
    books: TrytonErp, ledger: Books
) -> None:
    sold = draft(line("PRO", "60.00"), line("PRO", "40.00"), taxes=(tax(DE_19, "100.00", "19.00"),))
    made = await books.post(sold)
    note = {"kind": DocumentKind.CREDIT_NOTE, "corrects": made.document_id}
    by_line = await books.post(
        draft(
            line("PRO", "-20.00", corrects=sold.lines[1].line_id),
            taxes=(tax(DE_19, "-20.00", "-3.80"),),
            **note,
        )
    )
    whole = await books.post(seats("-10.00", "-1.90", **note))
    negative = await books.post(seats("-1.00", "-0.19"))

    assert [entry.corrects for entry in by_line.lines] == [sold.lines[1].line_id]
    assert [entry.corrects for entry in whole.lines] == [None]
    assert by_line.corrects == whole.corrects == made.document_id
    assert (whole.kind, whole.open.minor) == (DocumentKind.CREDIT_NOTE, -1190)
    # A negative invoice is one in billing, whatever Tryton's numbers call it.
    assert negative.kind is DocumentKind.INVOICE
    now = await books.read(made.document_id, "LE-DE")
    assert now.credits == (by_line.document_id, whole.document_id)
    assert (await ledger.document(number_of(by_line))).corrects == (number_of(made),)


async def test_an_agent_whom_the_erp_does_not_have_is_refused(books: TrytonErp) -> None:
    with pytest.raises(Rejection) as refused:
        await books.post(seats(agent="P-0000"))

    assert refused.value.reason is RejectionCode.DOCUMENT_REFUSED
    assert "P-0000" in refused.value.message
