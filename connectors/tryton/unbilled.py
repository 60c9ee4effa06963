"""What billing has not billed yet, shown to finance as one draft of the subscription.

It must never be posted, not even by mistake. Its date is one that no fiscal year has, so Tryton
refuses to post it, whoever presses the button: a date that is merely in the future gives a warning
that can be clicked away, and a journal of its own would have to be closed month by month by people.
Taxes are those of today, for each line says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from canonical_models.failures import Rejection, RejectionCode
from canonical_models.ledgering import LedgerQuestion, UnbilledDraft, UnbilledShown
from canonical_models.money import Money
from connectors.tryton.client import Row, TrytonClient
from connectors.tryton.documents import Documents
from connectors.tryton.drafting import charge
from connectors.tryton.errors import SYSTEM
from connectors.tryton.held import INVOICE, Held
from connectors.tryton.lines import Line
from connectors.tryton.mapping import Company, day
from connectors.tryton.masterdata import MasterData
from connectors.tryton.references import unbilled_reference
from connectors.tryton.reversals import Reversals
from connectors.tryton.terms import Determination, Determiner
from connectors.tryton.wanted import line_seconds

_NEVER = date(2099, 12, 31)
_TITLE = "NOT BILLED YET"
_COMMENT = (
    "What billing has not billed yet, for information: it is replaced whenever it changes there, "
    "and gone when it is billed. Do not post it."
)


@dataclass(frozen=True)
class UnbilledView:
    client: TrytonClient
    master: MasterData
    determiner: Determiner
    documents: Documents
    reversals: Reversals

    async def show(self, draft: UnbilledDraft) -> UnbilledShown:
        """Make the draft say this. Raises Rejection (unbilled_posted) where somebody has posted
        it, as long as no credit note has taken that back."""
        company = await self.master.company(draft.legal_entity)
        found = await self._found(draft, company)
        await self._refuse_posted(found, draft)
        drafts = [held for held in found if not held.booked]
        if not draft.lines:
            await self._delete(drafts)
            return UnbilledShown(document_id=None, net=Money.zero(draft.currency))
        terms = await self.determiner.fresh(
            LedgerQuestion(
                legal_entity=draft.legal_entity,
                party=draft.party,
                currency=draft.currency,
                on=await self.master.today(company),
                items=tuple(sorted({line.item for line in draft.lines})),
                tax_codes=tuple(sorted({c for line in draft.lines for c in line.tax_codes or ()})),
                closed_period="first_open_day",
            )
        )
        kept = [held for held in drafts if _fits(held, terms)][:1]
        await self._delete([held for held in drafts if held not in kept])
        shown = (
            await self._replace(kept[0], draft, terms) if kept else await self._make(draft, terms)
        )
        return UnbilledShown(document_id=str(shown.id), net=shown.money(shown.untaxed_amount))

    async def _found(self, draft: UnbilledDraft, company: Company) -> tuple[Held, ...]:
        """In all legal entities: it may have been shown in another before."""
        return await self.documents.search_all(
            [["reference", "=", unbilled_reference(draft.external_id)]],
            what=f"what {draft.external_id} shows",
            company=company,
        )

    async def _refuse_posted(self, found: Sequence[Held], draft: UnbilledDraft) -> None:
        for held in found:
            if held.state not in ("posted", "paid"):
                continue
            home = Company.model_validate(
                {"id": held.company, "currency": {"code": held.currency.code}}
            )
            if await self.reversals.by_hand(held, home) is None:
                raise Rejection(
                    RejectionCode.UNBILLED_POSTED,
                    f"what {draft.external_id} has not billed was posted by hand as document "
                    f"{held.number} over {held.gross}: credit it in the ERP, for billing's own "
                    "document will be posted too; then retry",
                    system=SYSTEM,
                    subject=draft.external_id,
                )

    async def _delete(self, drafts: Sequence[Held]) -> None:
        for held in drafts:
            if held.state == "validated":
                await self._reopen(held)
            await self.client.delete(
                INVOICE, held.id, what=f"the draft {held.reference}", company=held.company
            )

    async def _make(self, draft: UnbilledDraft, terms: Determination) -> Held:
        row = await self.client.create(
            INVOICE,
            {
                "type": "out",
                "company": terms.company.id,
                "party": terms.party.id,
                "reference": unbilled_reference(draft.external_id),
                **_header(terms),
                "lines": [["create", _values(await self._lines(draft, terms), terms)]],
            },
            await self.documents.fields(),
            what=f"what {draft.external_id} has not billed",
            company=terms.company.id,
            more_seconds=line_seconds(len(draft.lines)),
        )
        made = self.documents.held(row)
        twins = [held for held in await self._found(draft, terms.company) if not held.booked]
        first = min(twins, key=lambda held: held.id, default=made)
        await self._delete([held for held in twins if held.id != first.id])
        return first if first.id == made.id else await self._replace(first, draft, terms)

    async def _replace(self, held: Held, draft: UnbilledDraft, terms: Determination) -> Held:
        if held.state != "draft":
            await self._reopen(held)
        lines = await self._lines(draft, terms)
        try:
            return await self._set(held, lines, draft, terms)
        except Rejection:
            # Lines that somebody else has replaced meanwhile cannot be deleted: there are others.
            again = await self.documents.get(held.id, company=terms.company)
            if [line.id for line in again.lines] == [line.id for line in held.lines]:
                raise
            return await self._set(again, lines, draft, terms)

    async def _set(
        self, held: Held, lines: Sequence[Line], draft: UnbilledDraft, terms: Determination
    ) -> Held:
        """The whole set in one request, which is one transaction."""
        before = [replace(Line.read(line), taxes_date=None) for line in held.lines]
        if before == [replace(line, taxes_date=None) for line in lines] and _same(held, terms):
            return held
        old = [line.id for line in held.lines]
        row = await self.client.update(
            INVOICE,
            held.id,
            {**_header(terms), "lines": [["delete", old], ["create", _values(lines, terms)]]},
            await self.documents.fields(),
            what=f"what {draft.external_id} has not billed",
            company=terms.company.id,
            more_seconds=line_seconds(len(lines) + len(old)),
        )
        return self.documents.held(row)

    async def _lines(self, draft: UnbilledDraft, terms: Determination) -> list[Line]:
        today = await self.master.today(terms.company)
        return [
            Line(kind="title", description=_TITLE),
            *(
                charge(line, terms.terms[line.item], terms.taxes, taxes_date=today)
                for line in draft.lines
            ),
        ]

    async def _reopen(self, held: Held) -> None:
        """Somebody has validated or cancelled it, which is no harm."""
        await self.client.rpc(
            f"model.{INVOICE}.draft",
            [held.id],
            what=f"the draft {held.reference}",
            company=held.company,
            writes=True,
        )


def _fits(held: Held, terms: Determination) -> bool:
    """Whether it is where it should be: these a draft cannot change."""
    return (held.company, held.party.id, held.currency.id) == (
        terms.company.id,
        terms.party.id,
        terms.currency,
    )


def _header(terms: Determination) -> Row:
    return {
        "invoice_address": terms.party.invoice_address,
        "currency": terms.currency,
        "account": terms.receivable,
        "journal": terms.journal,
        "payment_term": None,
        "invoice_date": day(_NEVER),
        "accounting_date": None,
        "description": _TITLE,
        "comment": _COMMENT,
    }


def _same(held: Held, terms: Determination) -> bool:
    return (
        held.invoice_date == _NEVER
        and held.accounting_date is None
        and held.description == _TITLE
        and held.comment == _COMMENT
        and held.account == terms.receivable
        and held.invoice_address == terms.party.invoice_address
    )


def _values(lines: Sequence[Line], terms: Determination) -> list[Row]:
    return [line.values(terms.company, terms.currency) for line in lines]
