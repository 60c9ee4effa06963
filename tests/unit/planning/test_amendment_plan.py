"""Both halves of a change, what it is called, and the sentence that tells it."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from canonical_models.amendment import AmendmentPlan, ChangeKind
from canonical_models.commerce import Subscription, SubscriptionStatus
from canonical_models.documents import DocumentStatus, Unbilled
from canonical_models.entitlement import SupportEntitlement
from canonical_models.records import DocumentRecord
from planning.access import AccessInput, plan_access
from planning.amendment import plan_amendment
from tests.unit.planning.answers import answered
from tests.unit.planning.cases import (
    ACCOUNT,
    AS_OF,
    END,
    ITEMS,
    START,
    books,
    credit_note,
    document,
    item,
    line,
    moved,
    posted,
    seen,
    subscription,
    taxed,
)

TIERS = ("standard", "premium")
STARTER = subscription(item("starter", 5, 1000))
PRO = subscription(item("pro", 5))
GONE = subscription(item("pro", 5), status=SubscriptionStatus.CANCELLED)
EMPTY = SupportEntitlement(organization="org_1", tier=None, contract_end=None)


def access(now: Subscription, *records: DocumentRecord, **changes: Any) -> AccessInput:
    given: dict[str, Any] = {
        "subscription": now,
        "account": ACCOUNT,
        "items": ITEMS,
        "tiers": TIERS,
        "records": records,
        "support": EMPTY,
    }
    return AccessInput(**given | changes)


def agreed(now: Subscription) -> dict[str, Any]:
    made = plan_access(access(now))
    return {"grants": made.grants, "contribution": made.contribution, "support": made.support}


def change(
    previous: Subscription | None,
    now: Subscription,
    *records: DocumentRecord,
    booked: dict[str, Any] | None = None,
    given: dict[str, Any] | None = None,
) -> AmendmentPlan:
    """With access as it was agreed for the previous subscription."""
    known = agreed(previous) if given is None and previous else given or {}
    return plan_amendment(
        "chg_1",
        books=answered(books(*records, subscription=now, **booked or {})),
        access=access(now, *records, **known),
        previous=previous,
    )


def told(found: AmendmentPlan) -> tuple[ChangeKind, str]:
    return found.amendment.kind, found.amendment.summary


INVOICE = document(taxed())
PAID = moved("pi_1", "payment", 5950)
PART = document(taxed(), settlements=(PAID,))


def test_a_change_has_both_halves_its_contract_and_a_name() -> None:
    found = change(STARTER, PRO, seen(INVOICE))
    assert (found.change_id, found.subject) == ("chg_1", "sub_1")
    assert told(found) == (
        ChangeKind.UPGRADE,
        "upgrade: 5 x STARTER to 5 x PRO; invoice INV-7 of 119.00 EUR",
    )
    assert (found.amendment.customer_id, found.amendment.effective_at) == ("cus_1", AS_OF)
    assert [step.document_id for step in found.books.documents] == ["in_1"]
    assert {grant.feature for grant in found.access.grants} == {"seats", "sso"}
    assert found.contract is not None
    assert (found.contract.starts_at, found.contract.time_zone) == (START, "UTC")
    assert not found.empty
    assert not found.refused


def test_what_is_agreed_everywhere_says_so() -> None:
    found = change(PRO, PRO, posted(INVOICE))
    assert found.empty
    assert told(found) == (ChangeKind.NONE, "already agreed everywhere")


def test_equal_inputs_give_equal_digests_and_other_inputs_others() -> None:
    one, same = (change(STARTER, PRO, seen(INVOICE)) for _ in range(2))
    assert one == same
    assert one.digest == same.digest
    assert one.digest != change(STARTER, PRO, seen(PART)).digest


CASES: list[tuple[tuple[DocumentRecord, ...], dict[str, Any], ChangeKind, str]] = [
    ((seen(INVOICE),), {}, ChangeKind.BILLED, "invoice INV-7 of 119.00 EUR"),
    (
        (seen(PART),),
        {},
        ChangeKind.BILLED,
        "invoice INV-7 of 119.00 EUR, payment of 59.50 EUR",
    ),
    ((posted(PART),), {}, ChangeKind.PAYMENT, "payment of 59.50 EUR"),
    (
        (posted(INVOICE), seen(credit_note(taxed("c", -5000)))),
        {},
        ChangeKind.BILLED,
        "credit note CN-1 of 59.50 EUR",
    ),
    (
        (posted(INVOICE.model_copy(update={"status": DocumentStatus.VOID, "closed_at": AS_OF})),),
        {},
        ChangeKind.BILLED,
        "invoice INV-7 of 119.00 EUR is void",
    ),
    (
        (posted(INVOICE, posted_content="other"),),
        {},
        ChangeKind.BILLED,
        "invoice INV-7 of 119.00 EUR has changed",
    ),
    ((seen(document(taxed(net=-10000))),), {}, ChangeKind.BILLED, "invoice INV-7 of -119.00 EUR"),
    # What is refused is told too: in billing it is there.
    (
        (seen(document(taxed(item="new"))),),
        {},
        ChangeKind.BILLED,
        "invoice INV-7 of 119.00 EUR",
    ),
    (
        (),
        {"unbilled": Unbilled(lines=(line("ii", 7500),))},
        ChangeKind.OTHER,
        "not billed yet: 75.00 EUR",
    ),
    (
        (posted(document(taxed(), remaining=PAID.amount)),),
        {},
        ChangeKind.OTHER,
        "held up: settlement_unexplained",
    ),
]


@pytest.mark.parametrize(("records", "booked", "kind", "words"), CASES, ids=range(len(CASES)))
def test_what_happens_to_the_books_alone(
    records: tuple[DocumentRecord, ...], booked: dict[str, Any], kind: ChangeKind, words: str
) -> None:
    found = change(PRO, PRO, *records, booked=booked)
    assert told(found) == (kind, words)
    assert not found.empty


def test_more_than_three_things_are_counted() -> None:
    records = [seen(document(taxed(), document_id=f"in_{n}", number=f"INV-{n}")) for n in range(5)]
    assert told(change(PRO, PRO, *records[:3]))[1].endswith("INV-2 of 119.00 EUR")
    assert told(change(PRO, PRO, *records[:4]))[1].endswith("INV-2 of 119.00 EUR, 1 more")
    assert told(change(PRO, PRO, *records))[1] == (
        "invoice INV-0 of 119.00 EUR, invoice INV-1 of 119.00 EUR, invoice INV-2 of 119.00 EUR, "
        "2 more"
    )


@pytest.mark.parametrize(
    ("previous", "now", "kind", "words"),
    [
        (None, PRO, ChangeKind.ACTIVATION, "starts with 5 x PRO; invoice"),
        (PRO, GONE, ChangeKind.CANCELLATION, "cancelled; had 5 x PRO; invoice"),
        (
            PRO,
            subscription(item("pro", 5), status=SubscriptionStatus.PAST_DUE),
            ChangeKind.OTHER,
            "is now past_due with 5 x PRO; invoice",
        ),
        (None, GONE, ChangeKind.BILLED, "invoice INV-7"),
    ],
)
def test_what_happened_commercially_is_told_first(
    previous: Subscription | None, now: Subscription, kind: ChangeKind, words: str
) -> None:
    found = change(previous, now, seen(INVOICE))
    assert found.amendment.kind is kind
    assert found.amendment.summary.startswith(words)


def test_a_cancellation_takes_effect_when_billing_ended_it() -> None:
    ended = GONE.model_copy(update={"ended_at": START})
    assert change(PRO, ended).amendment.effective_at == START
    # It was closed before, and its last day in the contract's zone is over only now.
    late = change(GONE, GONE, given=agreed(PRO))
    assert late.amendment.kind is ChangeKind.CANCELLATION
    assert late.access.grants == ()
    assert change(GONE, GONE).amendment.kind is ChangeKind.NONE


OVERDUE = posted(
    document(line("a", 20000, item_id="si_1", period_start=START, period_end=END), issued_at=START)
)


def test_being_held_back_and_given_again() -> None:
    held = change(PRO, PRO, OVERDUE, given=agreed(PRO) | {"unpaid": ("in_1",)})
    assert told(held) == (ChangeKind.SUSPENSION, "suspended until it is paid; has 5 x PRO")
    known = {"grants": held.access.grants, "contribution": held.access.contribution}
    back = change(PRO, PRO, OVERDUE, given=known | {"support": held.access.support})
    assert told(back) == (ChangeKind.RESTORATION, "restored with 5 x PRO")
    more = subscription(item("pro", 7))
    bought = change(PRO, more, OVERDUE, given=agreed(PRO) | {"unpaid": ("in_1",)})
    assert bought.amendment.kind is ChangeKind.QUANTITY
    assert bought.access.suspended == ("si_1",)
    # Ending what is held back restores nothing.
    ended = change(GONE, GONE, OVERDUE, given=known)
    assert ended.amendment.kind is ChangeKind.CANCELLATION


def test_each_half_is_refused_by_itself() -> None:
    """Access is given although nobody has mapped what the invoice charges, and the reverse."""
    unknown = seen(document(taxed(item="setup-fee")))
    found = change(STARTER, PRO, unknown)
    assert found.books.refused is not None
    assert found.access.refused is None
    assert {grant.feature for grant in found.access.grants} == {"seats", "sso"}
    assert found.refused
    new = subscription(item("new", 5))
    other = change(None, new, seen(INVOICE))
    assert other.books.refused is None
    assert other.access.refused is not None
    # What nobody has mapped goes by billing's name.
    assert other.amendment.summary.startswith("starts with 5 x new; ")


def test_what_keeps_access_alone_from_going_on_is_told() -> None:
    found = plan_amendment(
        "chg_1",
        books=answered(books()),
        access=replace(
            access(PRO, **agreed(PRO)), account=None, contribution=agreed(PRO)["contribution"]
        ),
        previous=PRO,
    )
    assert found.access.refused is not None
    assert told(found) == (ChangeKind.OTHER, "held up: account_unmapped")
    assert not found.empty


def test_the_term_is_in_the_contracts_zone() -> None:
    ending = subscription(item("pro", 5), ends_at=END)
    found = change(PRO, ending, given=agreed(PRO) | {"time_zone": "America/New_York"})
    midnight = datetime(2026, 12, 1, 5, tzinfo=UTC)
    assert found.contract is not None
    assert (found.contract.ends_at, found.contract.time_zone) == (midnight, "America/New_York")
    assert {grant.ends_at for grant in found.access.grants} == {midnight}
