"""The books of a real Tryton as facts: what is earned by documents, and what people enter."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from canonical_models.reconciliation import DocumentFact, EntryFact, EntryKind, Facts
from connectors.tryton.adapter import TrytonErp
from sandbox.erp.instance import ErpInstance
from tests.connectors.tryton.drafts import DE_7, DE_19, People, draft, line, number_of, tax, today
from tests.harness.erp import Books
from tests.harness.erp_people import people_of

pytestmark = [pytest.mark.erp, pytest.mark.slow, pytest.mark.timeout(300)]


class Read:
    """All pages from there on; `asked` is what they cost."""

    def __init__(self) -> None:
        self.documents: dict[str, DocumentFact] = {}
        self.entries: dict[str, EntryFact] = {}
        self.gone: set[str] = set()
        self.until: date | None = None
        self.next: str | None = None

    @classmethod
    async def of(cls, books: TrytonErp, after: str | None = None) -> "Read":
        read = cls()
        while True:
            page: Facts = await books.facts("LE-DE", after=after)
            read.documents |= {each.key: each for each in page.documents}
            read.entries |= {each.key: each for each in page.entries}
            read.gone |= set(page.gone)
            read.until = page.until or read.until
            after = read.next = page.next
            if not page.more:
                return read


async def test_what_is_earned_and_what_people_enter_is_told_and_then_what_has_changed(
    erp: ErpInstance, books: TrytonErp, ledger: Books, people: People
) -> None:
    first = date(today().year - 1, 7, 15)
    last = first + timedelta(days=364)
    sold = await books.post(
        draft(
            line("PRO", "365.00", service_from=first, service_to=last),
            line("HANDBOOK", "10.00", service_from=first, service_to=first),
            taxes=(tax(DE_19, "365.00", "69.35"), tax(DE_7, "10.00", "0.70")),
            issued_on=first,
        )
    )
    (schedule,) = await ledger.deferrals(number_of(sold))
    before = await Read.of(books)
    assert before.until is not None
    assert before.until.month == 12
    told = before.documents[sold.document_id]
    assert told.earned is not None
    assert told.earned.schedules == ((first, last),)
    assert told.earned.at_once == ()
    months = {month: Decimal(moved[0]) / 100 for month, moved in told.earned.months.items()}
    # The schedule's months, and the handbook in that of the document.
    booked = dict(schedule.booked)
    booked[f"{first:%Y-%m}"] += 10
    assert months == booked
    assert sum(kept for _, kept in told.earned.months.values()) == 0
    assert told.earned.months[f"{first:%Y-%m}"][1] == 36500 - 1700

    async with people_of(erp) as hand:
        on_account = await hand.entry(
            today(), ("bank", Decimal(30), None), ("receivable", Decimal(-30), "C-1001")
        )
        await hand.entry(today(), ("bank", Decimal(7), None), ("revenue", Decimal(-7), None))
        await hand.entry(
            today(), ("deferred_revenue", Decimal(5), None), ("bank", Decimal(-5), None)
        )
        note = await people.credit(sold.document_id, refund=True)
        later = await Read.of(books, before.next)
        known = set(before.entries)
        fresh = [each for key, each in later.entries.items() if key not in known]
        assert sorted((e.kind, e.amount.minor, e.account) for e in fresh if e.beside) == [
            (EntryKind.DEFERRED, -500, None),
            (EntryKind.RECEIVABLE, -3000, "C-1001"),
            (EntryKind.REVENUE, 700, None),
        ]
        assert not any(each.ours for each in fresh if each.beside)
        credited, original = later.documents[str(note)], later.documents[sold.document_id]
        assert (credited.corrects, original.stands) == (sold.document_id, False)
        # The old schedule goes on: by hand nothing of it is taken back.
        assert original.earned == told.earned
        assert credited.earned is not None
        assert list(credited.earned.months.values()) == [(-37500, 0)]

        taken = await hand.entry(
            today(), ("receivable", Decimal(30), "C-1001"), ("bank", Decimal(-30), None)
        )
        await hand.reconcile(on_account, taken)
    settled = await Read.of(books, later.next)
    (on_account_line,) = (e.key for e in fresh if e.kind is EntryKind.RECEIVABLE and e.beside)
    assert on_account_line in settled.gone
    # From the beginning it is not told at all.
    anew = await Read.of(books)
    assert on_account_line not in anew.entries
    assert anew.documents[str(note)].corrects == sold.document_id
