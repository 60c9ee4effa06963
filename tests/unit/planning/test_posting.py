"""What a document posts and takes back: one period at a time, each line once in either way."""

from datetime import datetime, timedelta

import pytest

from canonical_models.commerce import BillingLine, BillingSnapshot
from canonical_models.failures import Rejection, RejectionCode
from canonical_models.ledgering import CarriedLine, DocumentDraft, DocumentKind
from canonical_models.money import Money
from planning.posting import Posting, document_of, erp_items, posting_of
from tests.harness.subscriptions import (
    ACCOUNT,
    AS_OF,
    END,
    ITEMS,
    START,
    carried,
    item,
    line,
    snapshot,
    subscription,
)

MONTH = timedelta(days=30)
PRO = subscription(item("pro", 5))


def whole(line_id: str, begins: datetime, minor: int = 20000) -> BillingLine:
    """A whole period of the item, as a renewal bills it."""
    period = {"period_start": begins, "period_end": begins + MONTH}
    return line(line_id, minor).model_copy(
        update={"proration": False, "item_id": "si_1", **period, "invoice_id": f"in_{line_id}"}
    )


def ids(posting: Posting) -> list[str]:
    return [entry.line_id for entry in posting.lines]


def withdrawn(posting: Posting) -> list[str]:
    return [entry.line_id for entry in posting.withdrawn]


def drafted(posting: Posting) -> DocumentDraft:
    document = document_of("chg_1", posting, ACCOUNT, ITEMS, currency="EUR", on=AS_OF.date())
    assert document is not None
    return document


def gone(known: dict[str, CarriedLine], **snapshot_members: object) -> Posting:
    """What is posted when billing shows none of the lines that documents carry."""
    return posting_of(snapshot(PRO).model_copy(update=snapshot_members), known)


def test_of_several_missed_periods_only_the_first_is_posted() -> None:
    missed = [whole(f"il_{n}", START + n * MONTH) for n in range(3)]
    posted: dict[str, CarriedLine] = {}
    for n in range(3):
        posting = posting_of(snapshot(PRO, *missed), posted)
        assert ids(posting) == [f"il_{n}"]
        assert posting.more is (n < 2)
        posted |= carried(*posting.lines)
    assert not posting_of(snapshot(PRO, *missed), posted)


def test_what_falls_into_a_period_is_posted_with_it() -> None:
    seats = line("ii_1", 700)  # a proration from the middle of the first period
    later = line("ii_2", 800).model_copy(
        update={"period_start": END + timedelta(days=3), "period_end": END + MONTH}
    )
    bare = line("ii_3", 900).model_copy(update={"proration": False})
    found = snapshot(PRO, whole("il_2", END), whole("il_1", START), seats, later, bare)

    first = posting_of(found, {})

    assert (ids(first), first.more) == (["ii_1", "ii_3", "il_1"], True)
    second = posting_of(found, carried(*first.lines))
    assert (ids(second), second.more) == (["ii_2", "il_2"], False)


def test_prorations_alone_are_no_periods() -> None:
    lines = [
        line(f"ii_{n}", 100).model_copy(update={"period_start": START + n * MONTH})
        for n in range(3)
    ]
    posting = posting_of(snapshot(PRO, *lines), {})
    assert (len(posting.lines), posting.more) == (3, False)


def test_items_of_one_period_go_on_one_document() -> None:
    add_on = whole("il_2", START).model_copy(update={"item": "ai", "item_id": "si_2"})
    posting = posting_of(snapshot(PRO, whole("il_1", START), add_on), {})
    assert (ids(posting), posting.more) == (["il_1", "il_2"], False)


def test_an_empty_period_is_none() -> None:
    posting = posting_of(snapshot(PRO, whole("il_1", START, 0), whole("il_2", END)), {})
    assert (ids(posting), posting.more) == (["il_2"], False)


def test_a_void_invoice_takes_its_lines_back() -> None:
    known = carried(line("il_1", 5000), line("il_2", -300), invoice_id="in_1")
    posting = gone(known, voided=("il_1", "il_2", "il_never_posted"))
    assert withdrawn(posting) == ["il_1", "il_2"]

    document = drafted(posting)

    assert document.kind is DocumentKind.CREDIT_MEMO
    assert [(entry.line_id, entry.item, entry.net.minor) for entry in document.lines] == [
        ("il_1~", "PRO", -5000),
        ("il_2~", "PRO", 300),
    ]
    assert erp_items(posting, ITEMS) == ("PRO",)


def test_a_pending_line_that_was_deleted_is_taken_back() -> None:
    assert withdrawn(gone(carried(line("ii_1", 900)))) == ["ii_1"]


def test_a_line_of_a_void_invoice_is_taken_back_whatever_is_known_of_its_invoice() -> None:
    assert withdrawn(gone(carried(line("ii_1", 900)), voided=("ii_1",))) == ["ii_1"]


@pytest.mark.parametrize("invoice_id", ["in_1", "(unknown)"])
def test_a_line_that_is_merely_too_old_to_be_read_stays(invoice_id: str) -> None:
    assert not gone(carried(line("il_1", 5000), invoice_id=invoice_id))


def test_a_line_that_waits_on_a_draft_stays() -> None:
    assert not gone(carried(line("ii_1", 900)), drafted=("ii_1",))


def test_a_line_that_is_still_pending_stays() -> None:
    assert not posting_of(snapshot(PRO, line("ii_1", 900)), carried(line("ii_1", 900)))


def test_what_was_taken_back_is_not_taken_back_again() -> None:
    known = carried(line("il_1", 5000), invoice_id="in_1") | carried(line("il_1~", -5000))
    assert not gone(known, voided=("il_1",))


def test_a_taking_back_that_was_undone_is_due_again() -> None:
    # A reversed document carries nothing, so the line that took back is not among the carried.
    known = carried(line("il_1", 5000), invoice_id="in_1")
    assert withdrawn(gone(known, voided=("il_1",))) == ["il_1"]


def test_what_came_back_is_not_charged_again_while_its_first_document_stands() -> None:
    """A line is posted once, even if billing shows it again after it was taken back."""
    known = carried(line("il_1", 5000), invoice_id="in_1") | carried(line("il_1~", -5000))
    assert not posting_of(snapshot(PRO, line("il_1", 5000)), known)


def test_new_lines_and_lines_taken_back_share_a_document() -> None:
    found = snapshot(PRO, line("ii_2", 12000)).model_copy(update={"voided": ("il_1",)})
    posting = posting_of(found, carried(line("il_1", 5000, "starter"), invoice_id="in_1"))
    document = drafted(posting)
    assert document.net == Money(minor=7000, currency="EUR")
    assert [entry.item for entry in document.lines] == ["PRO", "STARTER"]
    assert erp_items(posting, ITEMS) == ("PRO", "STARTER")


def test_a_line_whose_item_is_forgotten_is_for_finance() -> None:
    known = {"il_1": carried(line("il_1", 5000))["il_1"].model_copy(update={"item": None})}
    posting = gone(known)
    assert erp_items(posting, ITEMS) == ()
    with pytest.raises(Rejection) as refused:
        drafted(posting)
    assert refused.value.reason is RejectionCode.DOCUMENT_REFUSED
    assert refused.value.subject == "il_1"


def test_a_line_of_another_currency_is_refused() -> None:
    foreign = line("ii_1", 100).model_copy(update={"net": Money(minor=100, currency="USD")})
    with pytest.raises(Rejection) as refused:
        drafted(posting_of(snapshot(PRO, foreign), {}))
    assert refused.value.reason is RejectionCode.CURRENCY_MISMATCH


def test_nothing_to_post_is_no_document() -> None:
    nothing = posting_of(BillingSnapshot(subscription=PRO, lines=()), {})
    assert not nothing
    assert document_of("chg_1", nothing, ACCOUNT, ITEMS, currency="EUR", on=AS_OF.date()) is None
