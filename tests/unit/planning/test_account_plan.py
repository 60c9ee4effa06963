"""What happens on a customer's account beside all subscriptions, and how it is told."""

from typing import Any

import pytest

from canonical_models.amendment import AmendmentPlan, ChangeKind
from canonical_models.documents import Unbilled
from canonical_models.records import DocumentRecord, UnbilledRecord
from planning.amendment import plan_account
from planning.books import BooksInput
from tests.unit.planning.answers import answered
from tests.unit.planning.cases import (
    AS_OF,
    books,
    document,
    moved,
    posted,
    seen,
    taxed,
)


def told(found: AmendmentPlan) -> tuple[ChangeKind, str]:
    return found.amendment.kind, found.amendment.summary


PAID = moved("pi_1", "payment", 5950)


def account(*records: DocumentRecord, **changes: Any) -> AmendmentPlan:
    alone: dict[str, Any] = {"subject": "account:cus_1", "subscription": None}
    given: BooksInput = answered(books(*records, **alone | changes))
    return plan_account("chg_2", books=given, at=AS_OF)


ALONE = document(taxed(subscription_id=None))


def test_a_document_beside_all_subscriptions_is_the_accounts() -> None:
    """Finalised and paid, on no subscription."""
    paid = document(taxed(subscription_id=None), settlements=(moved("pi_1", "payment", 11900),))
    found = account(seen(paid))
    assert (found.subject, found.change_id) == ("account:cus_1", "chg_2")
    assert told(found) == (
        ChangeKind.BILLED,
        "invoice INV-7 of 119.00 EUR, payment of 119.00 EUR",
    )
    assert (len(found.books.documents), len(found.books.settlements)) == (1, 1)
    assert (found.amendment.effective_at, found.amendment.customer_id) == (AS_OF, "cus_1")
    assert (found.contract, found.access.empty) == (None, True)


ONE_OF_EACH = [
    ("payment", 5950, ChangeKind.PAYMENT, "payment of 59.50 EUR"),
    ("paid_elsewhere", 5950, ChangeKind.PAYMENT, "59.50 EUR paid elsewhere"),
    ("refund", -5950, ChangeKind.PAYMENT, "refund of 59.50 EUR"),
    ("dispute", -5950, ChangeKind.PAYMENT, "dispute over 59.50 EUR"),
    ("dispute_won", 5950, ChangeKind.PAYMENT, "dispute over 59.50 EUR won"),
    ("write_off", 11900, ChangeKind.PAYMENT, "write-off of 119.00 EUR"),
    ("balance", 5950, ChangeKind.ACCOUNT, "balance used 59.50 EUR"),
    ("balance", -5950, ChangeKind.ACCOUNT, "balance kept 59.50 EUR"),
    ("credit_note", 4000, ChangeKind.PAYMENT, "40.00 EUR set off"),
]


@pytest.mark.parametrize(("kind", "amount", "called", "words"), ONE_OF_EACH)
def test_every_movement_in_words(kind: str, amount: int, called: ChangeKind, words: str) -> None:
    record = posted(document(taxed(), settlements=(moved("m_1", kind, amount),)))
    assert told(account(record)) == (called, words)


@pytest.mark.parametrize(
    ("amount", "words"), [(2000, "balance given 20.00 EUR"), (-2000, "balance taken 20.00 EUR")]
)
def test_goodwill_is_the_accounts(amount: int, words: str) -> None:
    found = account(movements=(moved("cbt_1", "goodwill", amount, None),))
    assert told(found) == (ChangeKind.ACCOUNT, words)


def test_an_account_where_nothing_happens() -> None:
    assert told(account(posted(ALONE))) == (ChangeKind.NONE, "already agreed everywhere")
    assert account(posted(ALONE)).empty
    stuck = account(movements=(moved("cbt_1", "goodwill", 1, None),), account=None)
    assert told(stuck) == (ChangeKind.ACCOUNT, "held up: account_unmapped")


def test_an_account_that_was_asked_for_is_a_question_until_it_is_mapped() -> None:
    assert account(account=None).empty
    asked = account(account=None, account_wanted=True)
    assert told(asked) == (ChangeKind.ACCOUNT, "held up: account_unmapped")
    assert not asked.empty
    assert account(account_wanted=True).empty


SHOWN = UnbilledRecord(
    subscription_id="sub_1",
    external_id="sub_1/unbilled",
    legal_entity="LE-FR",
    party="F-2002",
    document_id="55",
    digest="x",
    net=PAID.amount,
)


def test_what_moves_elsewhere_is_told() -> None:
    found = account(shown=SHOWN, unbilled=Unbilled())
    assert found.books.unbilled_gone is not None
    assert told(found) == (ChangeKind.ACCOUNT, "not billed yet: 0.00 EUR")
