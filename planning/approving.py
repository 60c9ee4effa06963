"""Whose yes a document or a refund needs before the ERP learns of it, by the policy of its legal
entity. Pure."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import assert_never

from canonical_models.amendment import DocumentStep, SettlementStep
from canonical_models.approvals import Approval, ApprovalAsked, Need, Occasion
from canonical_models.documents import BillingDocument, SettlementKind
from canonical_models.failures import ApprovalNeeded
from canonical_models.money import Money
from canonical_models.policy import ApprovalRule
from canonical_models.records import DocumentRecord
from planning.given import BooksInput
from planning.refusals import SYSTEM, named, percent


@dataclass(frozen=True)
class _About:
    """What a yes would be to, and what there is of each occasion. `told` is all that matters to the
    books. Of a document that is taken back `taken_back` is its larger side. `own_day` is the day
    that it would be booked on if its books were open."""

    subject: str
    name: str
    legal_entity: str
    told: str
    credited: Money | None = None
    charged: Money | None = None
    taken_back: Money | None = None
    refunded: Money | None = None
    discount: Decimal = Decimal(0)
    booked_on: date | None = None
    own_day: date | None = None

    @property
    def late(self) -> date | None:
        """The day of the books, where that is not its own; then it is a part of the content."""
        return self.booked_on if self.booked_on != self.own_day else None

    @property
    def content(self) -> str:
        told = f"{self.legal_entity}\0{self.told}\0{self.late or ''}"
        return hashlib.sha256(told.encode()).hexdigest()


def require_for_posting(given: BooksInput, record: DocumentRecord, step: DocumentStep) -> None:
    """Raises ApprovalNeeded, unless those whose yes it needs have given it to exactly this."""
    document, draft = record.document, step.draft
    if draft is None:
        raise AssertionError("what is posted is drafted")
    about = _About(
        subject=document.document_id,
        name=named(document),
        legal_entity=step.legal_entity,
        # Who asks for it by which id, and whom it names, is no matter of the books.
        told=draft.model_dump_json(
            exclude={"external_id", "corrects", "posting_date", "bill_to", "url"}
        ),
        credited=_credited(document),
        charged=_charged(document),
        discount=_discount(document),
        booked_on=draft.posting_date,
        own_day=draft.issued_on,
    )
    _require(given, about)


def require_for_reversal(
    given: BooksInput, record: DocumentRecord, step: DocumentStep, own_day: date
) -> None:
    """Raises ApprovalNeeded. What was credited is charged again, and the other way round."""
    document, posted = record.document, record.posted
    if posted is not None and posted.gross != document.gross:
        # Billing shows other figures by now: its lines do not say what was.
        credited, charged = posted.gross, -posted.gross
    else:
        credited, charged = _charged(document), _credited(document)
    about = _About(
        subject=document.document_id,
        name=named(document),
        legal_entity=step.legal_entity,
        told=f"{document.content}/void",
        credited=credited,
        charged=charged,
        taken_back=max(credited, charged, key=lambda side: side.minor),
        booked_on=step.on,
        own_day=own_day,
    )
    _require(given, about)


def require_for_movement(given: BooksInput, step: SettlementStep) -> None:
    """Raises ApprovalNeeded: for money that billing has given back."""
    movement = step.settlement
    if movement.kind is not SettlementKind.REFUND or movement.amount.minor >= 0:
        return
    about = _About(
        subject=movement.settlement_id,
        name=f"refund {movement.settlement_id}",
        legal_entity=step.legal_entity,
        told=movement.model_dump_json(exclude={"note", "at"}),
        refunded=-movement.amount,
    )
    _require(given, about)


def _require(given: BooksInput, about: _About) -> None:
    rules = given.policy.books.of(about.legal_entity).approvals
    needs = tuple(need for rule in rules for need in _needs(rule, about))
    asked = ApprovalAsked(content=about.content, needs=needs)
    said = given.approvals.get(about.subject, ())
    if not asked.open(said):
        return
    why = "; ".join(dict.fromkeys(need.why for need in needs))
    raise ApprovalNeeded(
        f"{about.name} {why}{_changed_since(said, about.content)}: approve it, or abort",
        system=SYSTEM,
        subject=about.subject,
        asked=asked,
    )


def _changed_since(said: tuple[Approval, ...], content: str) -> str:
    """Those who said yes to what it was are told apart from those who said nothing."""
    others = sorted({each.by for each in said if each.content != content})
    return f", and is not what {', '.join(others)} approved" if others else ""


def _needs(rule: ApprovalRule, about: _About) -> Iterator[Need]:
    """None, or the one that the rule asks for."""
    why = _why(rule, about)
    if why is not None:
        yield Need(occasion=rule.on, why=why, roles=rule.roles, people=rule.people, then=rule.then)


def _why(rule: ApprovalRule, about: _About) -> str | None:
    """In words that stand after its name; None where the rule lets it pass."""
    match rule.on:
        case Occasion.CREDIT:
            return _above(rule, "credits", about.credited)
        case Occasion.CHARGE:
            return _above(rule, "charges", about.charged)
        case Occasion.REVERSAL:
            return _above(rule, "is posted, and takes back", about.taken_back)
        case Occasion.REFUND:
            return _above(rule, "gives back", about.refunded)
        case Occasion.DISCOUNT:
            if rule.share is None or about.discount <= rule.share:
                return None
            return f"takes {percent(about.discount)} off, more than {percent(rule.share)}"
        case Occasion.CLOSED_PERIOD:
            if about.late is None:
                return None
            return f"is of {about.own_day}, and would be booked on {about.late}"
        case Occasion.RELEASE:
            raise AssertionError("a release is asked about as a whole, and not by its documents")
        case _:
            assert_never(rule.on)


def _above(rule: ApprovalRule, does: str, amount: Money | None) -> str | None:
    if amount is None or amount.minor <= 0:
        return None
    if not rule.above:
        return f"{does} {amount}"
    limit = rule.above.get(amount.currency)
    if limit is None:
        return f"{does} {amount}, and the policy has no limit in {amount.currency}"
    if amount.decimal <= limit:
        return None
    return f"{does} {amount}, more than {limit:,f} {amount.currency}"


def _credited(document: BillingDocument) -> Money:
    """What its lines give the customer, with tax. What others charge beside it is not set against
    it: a credit of 9,000 is one also where 9,001 are charged for something else."""
    return -_of_sign(document, -1)


def _charged(document: BillingDocument) -> Money:
    return _of_sign(document, 1)


def _of_sign(document: BillingDocument, sign: int) -> Money:
    lines = [line for line in document.lines if line.net.minor * sign > 0]
    amounts = [amount for line in lines for amount in (line.net, line.tax) if amount is not None]
    return Money.total(amounts, document.currency)


def _discount(document: BillingDocument) -> Decimal:
    """What was taken off all that it charges, as a fraction of what that would have been."""
    charges = [line for line in document.lines if line.net.minor >= 0]
    taken = sum(line.discount.minor for line in charges if line.discount is not None)
    before = sum(line.net.minor for line in charges) + taken
    return Decimal(taken) / before if before else Decimal(0)
