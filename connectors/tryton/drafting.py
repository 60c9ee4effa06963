"""From billing's document to Tryton's: whom, what, when, and under which taxes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from canonical_models.documents import BilledParty
from canonical_models.failures import Rejection, RejectionCode
from canonical_models.ledgering import DocumentDraft, DraftLine, LedgerQuestion
from connectors.tryton.agreement import most_of_rounding, targets_of
from connectors.tryton.client import TrytonClient
from connectors.tryton.deferrals import Deferrals
from connectors.tryton.documents import Documents
from connectors.tryton.errors import SYSTEM
from connectors.tryton.features import FeatureProbe, Features
from connectors.tryton.held import Held
from connectors.tryton.lines import Line, described, priced
from connectors.tryton.mapping import Company
from connectors.tryton.masterdata import MasterData
from connectors.tryton.numbering import Numbering
from connectors.tryton.references import issue_note, reference_of
from connectors.tryton.taxes import Taxes
from connectors.tryton.terms import Determination, Determiner, Terms
from connectors.tryton.wanted import Header, Wanted

#: Warnings of Tryton that a document of billing's is meant to raise. That it is due in the past is
#: so whenever it is posted late; a date in the future is never meant.
_LATE = "invoice_payment_term"
_OTHER_TAXES = "invoice_taxes"
_UNCHECKED_VAT = "account.invoice eu_vat valid"


class Addressing(Protocol):
    """Where address and tax identifier of a document come from."""

    async def document_party(
        self, party_id: int, bill_to: BilledParty, company: Company
    ) -> tuple[int, int | None]: ...


@dataclass(frozen=True)
class _Dates:
    """The day that is printed, and billing's number where it is to be the ERP's."""

    invoice_date: date
    number: str | None = None


@dataclass(frozen=True)
class Drafting:
    client: TrytonClient
    master: MasterData
    probe: FeatureProbe
    determiner: Determiner
    documents: Documents
    numbering: Numbering
    deferrals: Deferrals
    parties: Addressing

    async def wanted(self, draft: DocumentDraft) -> Wanted:
        """Raises Rejection for whatever would keep it from being posted as the draft says."""
        question = _question(draft)
        terms = await self.determiner.fresh(question)
        features = await self.probe.features()
        company = terms.company
        lines = await self._lines(draft, terms)
        credit = draft.gross.minor < 0 and all(line.net.minor <= 0 for line in draft.lines)
        dates = await self._dates(draft, company, features, credit=credit)
        address, identifier = terms.party.invoice_address, None
        if draft.bill_to is not None:
            address, identifier = await self.parties.document_party(
                terms.party.id, draft.bill_to, company
            )
        return Wanted(
            header=Header(
                party=terms.party.id,
                address=address,
                identifier=identifier,
                currency=terms.currency,
                account=terms.receivable,
                journal=terms.journal,
                invoice_date=dates.invoice_date,
                accounting_date=draft.posting_date,
                due_on=draft.due_on or draft.issued_on,
                reference=reference_of(
                    draft.external_id, draft.number, own_field=features.external_ids
                ),
                comment=_comment(draft),
                agent=await self._agent(draft, company, features),
                number=dates.number,
            ),
            lines=lines,
            nets=tuple(line.net for line in draft.lines),
            targets=targets_of(draft, terms.taxes),
            taxes=terms.taxes,
            credit=credit,
            explain=lambda: self.determiner.determine(question),
            answered=_answered(draft, lines, terms),
            limit=most_of_rounding(len(draft.lines), draft.currency),
        )

    async def _lines(self, draft: DocumentDraft, terms: Determination) -> tuple[Line, ...]:
        corrected = await self._corrected(draft, terms.company)
        by_note = {line.note: line.id for line in corrected.charges} if corrected else {}
        deferred = await self.deferrals.periods(
            draft.legal_entity,
            [
                (line.service_from, line.service_to) if terms.terms[line.item].deferrable else None
                for line in draft.lines
            ],
            terms.company,
            posting_date=draft.posting_date,
            journal=terms.journal,
        )
        lines = tuple(
            charge(
                line,
                terms.terms[line.item],
                terms.taxes,
                corrects=by_note.get(line.corrects) if line.corrects else None,
                deferred=period,
            )
            for line, period in zip(draft.lines, deferred, strict=True)
        )
        if corrected is None or any(line.corrects for line in lines):
            return lines
        # What corrects a document as a whole says so in a line of its own: Tryton knows what a
        # document corrects by its lines alone.
        name = corrected.number or corrected.reference or corrected.id
        title = Line(kind="title", description=f"Corrects {name}", corrects=corrected.lines[0].id)
        return (title, *lines)

    async def _corrected(self, draft: DocumentDraft, company: Company) -> Held | None:
        if draft.corrects is None:
            return None
        found = await self.documents.get(draft.corrects, company=company)
        return found if found.lines else None

    async def _dates(
        self, draft: DocumentDraft, company: Company, features: Features, *, credit: bool
    ) -> _Dates:
        today = await self.master.today(company)
        if draft.issued_on > today:
            # Tryton would warn, and then refuse every other document of the entity until that day.
            raise _refused(
                draft,
                f"is dated {draft.issued_on}, and today is {today} in {draft.legal_entity}: a "
                "document of the future would block all others; it can be posted on its day",
            )
        last = await self.numbering.last_date(draft.posting_date, company, credit=credit)
        if last is None or last <= draft.issued_on:
            return _Dates(draft.issued_on)
        if (
            draft.late_number == "billing_number"
            and features.external_ids
            and draft.number is not None
            and not await self._number_taken(draft, company)
        ):
            return _Dates(draft.issued_on, draft.number)
        if last > today:
            raise _refused(
                draft,
                f"cannot be numbered: {draft.legal_entity} has used {last} for a document already, "
                "which is in the future; give the entity a new number sequence in the ERP",
            )
        return _Dates(last)

    async def _number_taken(self, draft: DocumentDraft, company: Company) -> bool:
        """By another document: posted again after an undo, it cannot have its number twice."""
        number = draft.number or ""
        found = await self.numbering.with_number(number, company)
        for document in found:
            held = await self.documents.get(document, company=company)
            if self.documents.identity(held).external_id != draft.external_id:
                return True
        return False

    async def _agent(
        self, draft: DocumentDraft, company: Company, features: Features
    ) -> int | None:
        if draft.agent is None:
            return None
        rows = []
        if features.agents:
            rows = await self.client.search(
                "commission.agent",
                [
                    ["company", "=", company.id],
                    ["type_", "=", "agent"],
                    ["party.code", "=", draft.agent],
                ],
                ["id"],
                what=f"agent {draft.agent}",
                company=company.id,
            )
        if not rows:
            raise _refused(
                draft,
                f"names the agent {draft.agent}, whom the ERP does not have in "
                f"{draft.legal_entity}: make an agent for the party of that code, or correct the "
                "metadata in billing",
            )
        return int(rows[0]["id"])


def refuse_nothing(draft: DocumentDraft) -> None:
    """Raises Rejection for what is no document."""
    if not draft.lines:
        raise _refused(draft, "has no lines: Tryton would keep it open for ever; look in billing")


def charge(
    line: DraftLine,
    terms: Terms,
    taxes: Taxes,
    *,
    corrects: int | None = None,
    deferred: tuple[date, date] | None = None,
    taxes_date: date | None = None,
) -> Line:
    """One line of billing's as a line of Tryton's."""
    quantity, price = priced(line.net, line.quantity)
    return Line(
        kind="line",
        description=described(line),
        note=line.line_id,
        product=terms.product,
        account=terms.account,
        unit=terms.unit,
        quantity=quantity,
        price=price,
        taxes=frozenset(
            terms.taxes if line.tax_codes is None else map(taxes.named, line.tax_codes)
        ),
        taxes_date=taxes_date,
        corrects=corrects,
        defer_from=deferred[0] if deferred else None,
        defer_to=deferred[1] if deferred else None,
    )


def _question(draft: DocumentDraft) -> LedgerQuestion:
    codes = {code for line in draft.lines for code in line.tax_codes or ()}
    codes |= {total.code for total in draft.taxes}
    return LedgerQuestion(
        legal_entity=draft.legal_entity,
        party=draft.party,
        currency=draft.currency,
        on=draft.posting_date,
        items=tuple(sorted({line.item for line in draft.lines})),
        tax_codes=tuple(sorted(codes)),
    )


def _answered(draft: DocumentDraft, lines: Sequence[Line], terms: Determination) -> frozenset[str]:
    answered = {_LATE}
    by_product = {term.product: frozenset(term.taxes) for term in terms.terms.values()}
    if any(line.product and line.taxes != by_product[line.product] for line in lines):
        # The codes were named to us: Tryton need not ask whether others than the item's are meant.
        answered.add(_OTHER_TAXES)
    checked = [tax_id.verified for tax_id in draft.bill_to.tax_ids] if draft.bill_to else []
    if checked and all(checked):
        answered.add(_UNCHECKED_VAT)
    return frozenset(answered)


def _comment(draft: DocumentDraft) -> str:
    said = [issue_note(draft.kind, draft.number, draft.issued_on)]
    if draft.purchase_order:
        said.append(f"Purchase order {draft.purchase_order}")
    said += [more for more in (draft.memo, draft.url) if more]
    return "\n".join(said)


def _refused(draft: DocumentDraft, why: str) -> Rejection:
    return Rejection(
        RejectionCode.DOCUMENT_REFUSED,
        f"document {draft.number or draft.external_id} {why}",
        system=SYSTEM,
        subject=draft.external_id,
    )
