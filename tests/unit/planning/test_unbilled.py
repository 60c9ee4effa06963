"""What is not billed yet, shown to finance as a set that is replaced."""

from typing import Any

import pytest

from canonical_models.amendment import BooksPlan
from canonical_models.documents import BillingLine, Unbilled
from canonical_models.failures import RejectionCode
from canonical_models.ledgering import UnbilledDraft
from canonical_models.records import UnbilledRecord
from planning.books import UNBILLED, BooksInput, questions
from planning.unbilled import digest_of
from tests.unit.planning.answers import plan, refusal, terms
from tests.unit.planning.cases import (
    ACCOUNT,
    FRANCE,
    TODAY,
    VAT_19,
    books,
    document,
    eur,
    line,
    seen,
    subscription,
    taxed,
    utc,
)


def pending(line_id: str = "ii_1", net: int = 13333, **changes: Any) -> BillingLine:
    return line(line_id, net, **{"taxes": None} | changes)


def given(*lines: BillingLine, **changes: Any) -> BooksInput:
    return books(**{"unbilled": Unbilled(lines=lines)} | changes)


def drafted(given: BooksInput) -> UnbilledDraft:
    draft = plan(given).unbilled
    assert draft is not None
    return draft


def shown(draft: UnbilledDraft | None = None, **changes: Any) -> UnbilledRecord:
    told: dict[str, Any] = {
        "subscription_id": "sub_1",
        "external_id": "sub_1/unbilled",
        "legal_entity": "LE-DE",
        "party": "C-1001",
        "document_id": "55",
        "digest": digest_of(draft) if draft else "x",
    }
    return UnbilledRecord(**told | changes)


REMOVAL = UnbilledDraft(
    external_id="sub_1/unbilled", legal_entity="LE-DE", party="C-1001", currency="EUR"
)


def test_pending_lines_are_shown_and_nothing_is_posted() -> None:
    found = plan(given(pending("b"), pending("a", -333, item="starter", quantity=None)))
    assert (found.documents, found.refused, found.unbilled_problem) == ((), None, None)
    draft = found.unbilled
    assert draft is not None
    assert (draft.external_id, draft.legal_entity, draft.party) == (
        "sub_1/unbilled",
        "LE-DE",
        "C-1001",
    )
    assert (draft.currency, draft.net) == ("EUR", eur(13000))
    assert [(told.line_id, told.item, told.net.minor) for told in draft.lines] == [
        ("b", "PRO", 13333),
        ("a", "STARTER", -333),
    ]
    assert {told.tax_codes for told in draft.lines} == {None}
    assert not found.empty


def test_what_is_pending_was_edited_to_nothing_before_it_was_billed() -> None:
    """133.33 pending, edited to 0, and 400.00 at the renewal: nothing of it was ever booked."""
    before = drafted(given(pending()))
    edited = given(pending(net=0), shown=shown(before))
    assert drafted(edited).net == eur(0)
    renewed = books(
        seen(document(taxed("il_1", 40000), line("il_2", 0))),
        unbilled=Unbilled(),
        shown=shown(before),
    )
    found = plan(renewed)
    (step,) = found.documents
    assert step.draft is not None
    assert (step.draft.net, step.draft.gross) == (eur(40000), eur(47600))
    assert found.unbilled == REMOVAL


def test_what_is_shown_already_is_left_as_it_is() -> None:
    draft = drafted(given(pending()))
    same = plan(given(pending(), shown=shown(draft)))
    assert same.unbilled is None
    assert same.empty
    assert plan(given(pending(net=1), shown=shown(draft))).unbilled is not None
    # It was removed meanwhile, or never came to be.
    gone = plan(given(pending(), shown=shown(draft, document_id=None)))
    assert gone.unbilled == draft


def test_the_digest_is_of_all_that_is_shown() -> None:
    draft = drafted(given(pending()))
    assert digest_of(draft) == digest_of(drafted(given(pending())))
    assert len(digest_of(draft)) == 64
    assert digest_of(draft) != digest_of(drafted(given(pending(description="other"))))


@pytest.mark.parametrize("changes", [{}, {"account": None}])
def test_it_is_gone_when_nothing_is_pending(changes: dict[str, Any]) -> None:
    found = plan(given(shown=shown(), **changes))
    assert found.unbilled == REMOVAL
    assert (found.unbilled_problem, found.unbilled_gone, found.refused) == (None, None, None)
    for nothing in (None, shown(document_id=None)):
        assert plan(given(shown=nothing, **changes)).empty


def test_policy_may_show_nothing() -> None:
    quiet = {"policy": {"unbilled": "none"}}
    assert plan(given(pending(), **quiet)).empty
    assert questions(given(pending(), **quiet)) == {}
    assert plan(given(pending(), shown=shown(), **quiet)).unbilled == REMOVAL


def test_what_is_not_this_subjects_is_not_touched() -> None:
    assert plan(books(unbilled=None, shown=shown())).empty


def test_it_moves_with_the_account() -> None:
    """Removed there, made here."""
    before = drafted(given(pending()))
    found = plan(given(pending(), shown=shown(before), account=FRANCE))
    assert found.unbilled_gone == REMOVAL
    assert found.unbilled is not None
    assert (found.unbilled.legal_entity, found.unbilled.party) == ("LE-FR", "F-2002")
    nothing = plan(given(shown=shown(before), account=FRANCE))
    assert (nothing.unbilled, nothing.unbilled_gone) == (None, REMOVAL)
    assert not nothing.empty
    party = ACCOUNT.model_copy(update={"erp_party": "C-2"})
    assert plan(given(pending(), shown=shown(before), account=party)).unbilled_gone == REMOVAL
    unmapped = plan(given(pending(item="new"), shown=shown(before), account=FRANCE))
    assert unmapped.unbilled_gone == REMOVAL


PROBLEMS: list[tuple[dict[str, Any], str]] = [
    ({"unbilled": Unbilled(lines=(pending(item="new"),))}, "billing item new has no ERP item"),
    ({"account": None}, "billing customer cus_1 has no ERP party"),
    (
        {"unbilled": Unbilled(lines=(pending(), pending("ii_2", currency="USD")))},
        "what is not billed yet is in EUR, line ii_2 is 133.33 USD",
    ),
]


@pytest.mark.parametrize(("changes", "words"), PROBLEMS)
def test_what_keeps_it_from_being_shown_stops_nothing(changes: dict[str, Any], words: str) -> None:
    document_ = () if "account" in changes else (seen(document(taxed())),)
    found = plan(given(pending(), **{"records": document_, "shown": shown()} | changes))
    assert found.unbilled is None
    assert found.unbilled_problem is not None
    assert words in found.unbilled_problem
    assert found.refused is None
    assert len(found.documents) == len(document_)


def test_what_the_erp_refuses_of_it_is_a_problem_too() -> None:
    closed = refusal(RejectionCode.PERIOD_CLOSED, "closed")
    found = plan(given(pending()), lambda _: closed)
    assert (found.unbilled, found.unbilled_problem, found.refused) == (None, "closed", None)


def test_what_the_erp_is_asked_about_it() -> None:
    several = given(pending("a", item="starter"), pending("b"), pending("c"))
    assert list(questions(several)) == [UNBILLED]
    question = questions(several)[UNBILLED]
    assert (question.legal_entity, question.party, question.currency) == (
        "LE-DE",
        "C-1001",
        "EUR",
    )
    assert (question.on, question.items, question.closed_period) == (
        TODAY,
        ("PRO", "STARTER"),
        "ask",
    )


def test_periods_and_metadata_are_shown_as_they_will_be_posted() -> None:
    sold = pending(period_start=utc("2026-11-16"), period_end=utc("2026-12-16"))
    policy = {"dimensions": {"department": "dept"}}
    asked = given(sold, policy=policy, metadata={"dept": "sales"})
    draft = plan(asked, terms(VAT_19, deferrable=True)).unbilled
    assert draft is not None
    (told,) = draft.lines
    assert (str(told.service_from), str(told.service_to)) == ("2026-11-16", "2026-12-15")
    assert told.dimensions == {"department": "sales"}


def of_the_account(*lines: BillingLine, **changes: Any) -> BooksPlan:
    alone = {"subject": "account:cus_1", "subscription": None}
    return plan(given(*lines, **alone | changes))


def test_an_account_shows_its_own_in_the_currency_that_it_is_in() -> None:
    found = of_the_account(pending(currency="USD"))
    assert found.unbilled is not None
    assert (found.unbilled.external_id, found.unbilled.currency) == (
        "account:cus_1/unbilled",
        "USD",
    )
    # What is to be removed was in that currency, or in nobody knows which.
    removed = of_the_account(shown=shown(net=eur(0, "USD")))
    assert removed.unbilled is not None
    assert removed.unbilled.currency == "USD"
    lines = found.unbilled.lines
    removed = of_the_account(shown=shown(lines=lines))
    assert removed.unbilled is not None
    assert removed.unbilled.currency == "USD"
    assert of_the_account(shown=shown()).empty


def test_the_currency_of_a_subscription_is_the_agreed_one() -> None:
    dollars = subscription(currency="USD")
    found = plan(given(pending(currency="USD"), subscription=dollars))
    assert found.unbilled is not None
    assert found.unbilled.currency == "USD"
