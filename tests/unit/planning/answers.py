"""The ERP's answers to a plan's questions, and the plan that comes of them."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from canonical_models.amendment import BooksPlan, DocumentStep, Refusal
from canonical_models.documents import (
    BillingDocument,
)
from canonical_models.failures import RejectionCode
from canonical_models.ledgering import (
    DocumentDraft,
    ItemTerms,
    LedgerAnswer,
    LedgerQuestion,
    LegalEntity,
    TaxCode,
)
from planning.books import BooksInput, plan_books, questions
from tests.unit.planning.cases import VAT_19, books, seen


def terms(*codes: TaxCode, **changes: Any) -> Callable[[LedgerQuestion], LedgerAnswer]:
    """An ERP that books every item under these codes, on the very day."""
    account, deferrable = changes.pop("account", "4400"), changes.pop("deferrable", False)
    known, day = changes.pop("known", ()), changes.pop("day", None)
    assert not changes

    def answer(question: LedgerQuestion) -> LedgerAnswer:
        return LedgerAnswer(
            legal_entity=LegalEntity(code=question.legal_entity, currency="EUR"),
            posting_date=day or question.on,
            items=tuple(
                ItemTerms(item=name, account=account, taxes=codes, deferrable=deferrable)
                for name in question.items
            ),
            taxes=known,
        )

    return answer


Answering = Callable[[LedgerQuestion], LedgerAnswer | Refusal]


def answered(given: BooksInput, answering: Answering | None = None) -> BooksInput:
    asked = questions(given)
    by = answering or terms(VAT_19)
    return replace(given, answers={key: by(question) for key, question in asked.items()})


def plan(given: BooksInput, answering: Answering | None = None) -> BooksPlan:
    return plan_books(answered(given, answering))


def the_step(of: BooksPlan) -> DocumentStep:
    (step,) = of.documents
    return step


def refusal(code: RejectionCode, message: str = "no", subject: str | None = None) -> Refusal:
    return Refusal(code=code.value, message=message, system="erp", subject=subject)


def drafted(given: BooksInput, *, deferrable: bool = True) -> DocumentDraft:
    """Of the only document, under 19 %."""
    draft = the_step(plan(given, terms(VAT_19, deferrable=deferrable))).draft
    assert draft is not None
    return draft


def entered(found: BooksPlan) -> list[str]:
    return [step.settlement.settlement_id for step in found.settlements]


def by_item(codes: Mapping[str, tuple[TaxCode, ...]]) -> Answering:
    """An ERP that books each of its items under codes of its own."""

    def answer(question: LedgerQuestion) -> LedgerAnswer:
        items = tuple(
            ItemTerms(item=name, account="4400", taxes=codes[name]) for name in question.items
        )
        return terms()(question).model_copy(update={"items": items})

    return answer


def sums(found: BillingDocument, answering: Answering, **given: Any) -> list[tuple[str, int, int]]:
    """The taxes of the document that is planned, as code, base and amount in minor units."""
    draft = the_step(plan(books(seen(found), **given), answering)).draft
    assert draft is not None
    return [(tax.code, tax.base.minor, tax.amount.minor) for tax in draft.taxes]


def refused(found: BillingDocument, answering: Answering, **given: Any) -> Refusal:
    """Why the document is not planned."""
    told = plan(books(seen(found), **given), answering)
    assert told.documents == ()
    assert told.refused is not None
    return told.refused
