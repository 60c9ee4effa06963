"""Undo: a draft is taken back, a posted document gets a credit note, and both settle each other.

The credit note is the document once more with its signs turned: same legal entity, party, address,
accounts, taxes and difference of rounding, each line naming the one that it takes back. Deferred
revenue is taken back from the month of the credit note on.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Protocol

from canonical_models.failures import Rejection, RejectionCode
from connectors.attempts import Attempt
from connectors.tryton.agreement import TaxTarget
from connectors.tryton.deferrals import Deferrals
from connectors.tryton.documents import Documents
from connectors.tryton.errors import SYSTEM
from connectors.tryton.held import Held
from connectors.tryton.lines import LINE, Line, WireLine
from connectors.tryton.mapping import Company
from connectors.tryton.masterdata import MasterData
from connectors.tryton.numbering import Numbering
from connectors.tryton.posting import Poster
from connectors.tryton.references import reference_of
from connectors.tryton.taxes import TaxBook
from connectors.tryton.wanted import Header, Key, Wanted

#: What was right when it was posted is taken back as it was, whatever the rules say now.
_ANSWERED = frozenset({"invoice_payment_term", "invoice_taxes", "account.invoice eu_vat valid"})


class Settling(Protocol):
    """What of settling an undo needs; both may be repeated."""

    async def reconcile_pair(
        self, original_id: str, reversal_id: str, company: Company, attempt: Attempt
    ) -> None: ...

    async def close_zero(self, document_id: str, company: Company) -> None: ...


@dataclass(frozen=True)
class Reversals:
    documents: Documents
    master: MasterData
    book: TaxBook
    numbering: Numbering
    deferrals: Deferrals
    poster: Poster
    settlements: Settling

    async def reverse(
        self, document_id: str, legal_entity: str, attempt: Attempt, *, reference: str, on: date
    ) -> Held:
        """What undid it: the draft itself, cancelled, or the credit note."""
        company = await self.master.company(legal_entity)
        held = await self.documents.get(document_id, company=company)
        if held.draft:
            await self.poster.cancel(held)
            held = await self.documents.get(document_id, company=company)
        if held.draft:
            raise Rejection(
                RejectionCode.DOCUMENT_REFUSED,
                f"the ERP does not cancel the draft {held.reference or held.id} in {legal_entity}: "
                "cancel it there, then retry",
                system=SYSTEM,
                subject=reference,
            )
        if not held.booked:
            return held
        key = Key(reference, legal_entity, company)
        if not any(known.booked for known in await self.poster.known(key)):
            by_hand = await self.by_hand(held, company)
            if by_hand is not None:
                await self._settled(held, by_hand, company, attempt)
                return by_hand
            if held.state == "cancelled":
                # Cancelled by a move alone, as some legal entities may: nothing is left of it.
                return held
        async with self.poster.lanes[company.id]:
            # What is not deferred yet could not be taken back.
            await self.deferrals.run(held, legal_entity)

        async def take_back(credit: Held) -> None:
            month = (credit.move.date if credit.move else on).replace(day=1)
            await self.deferrals.run(credit, legal_entity, not_before=month)

        credit = await self.poster.one(key, lambda: self._wanted(held, key, on), take_back, attempt)
        await self._settled(held, credit, company, attempt)
        return await self.documents.get(credit.id, company=company)

    async def by_hand(self, held: Held, company: Company) -> Held | None:
        """The credit note of the whole that people have made for it.

        Raises Rejection (document_conflict) where they have credited a part, or have begun to: what
        is right then, they know.
        """
        found = await self.documents.search(
            ["lines.origin.invoice.id", "=", held.id, LINE],
            what=f"what credits document {held.number or held.id}",
            company=company,
        )
        theirs = [
            other
            for other in found
            if not self.documents.ours(other) and (other.booked or other.draft)
        ]
        if not theirs:
            return None
        whole = [other for other in theirs if other.booked and other.gross == -held.gross]
        if len(theirs) == 1 and whole:
            return whole[0]
        said = ", ".join(f"{other.number or 'a draft'} over {other.gross}" for other in theirs)
        raise Rejection(
            RejectionCode.DOCUMENT_CONFLICT,
            f"document {held.number or held.id} over {held.gross} has been credited by hand "
            f"({said}): credit the rest in the ERP, or take back what was begun, then retry",
            system=SYSTEM,
            subject=str(held.id),
        )

    async def _settled(self, held: Held, credit: Held, company: Company, attempt: Attempt) -> None:
        """Where the original was paid, its credit note is left open on the account."""
        if not credit.gross:
            await self.settlements.close_zero(str(credit.id), company)
        elif held.state == "posted":
            await self.settlements.reconcile_pair(str(held.id), str(credit.id), company, attempt)

    async def _wanted(self, held: Held, key: Key, on: date) -> Wanted:
        today = await self.master.today(key.company)
        if on > today:
            raise Rejection(
                RejectionCode.DOCUMENT_REFUSED,
                f"document {held.number or held.id} cannot be credited on {on}, and today is "
                f"{today} in {key.legal_entity}: a document of the future would block all others",
                system=SYSTEM,
                subject=key.external_id,
            )
        journal = held.journal or await self.master.journal(key.company)

        async def explain() -> None:
            await self.master.open_period(
                key.legal_entity, on, key.company, journal=("id", journal)
            )

        await explain()
        charges = held.charges
        nets = tuple(-held.net(line) for line in charges)
        credit = held.gross.minor > 0 and all(net.minor <= 0 for net in nets)
        last = await self.numbering.last_date(on, key.company, credit=credit)
        targets = {
            tax: TaxTarget(base=-held.money(base), amount=-held.money(amount))
            for tax, (base, amount) in held.tax_sums().items()
        }
        tax_date = held.accounting_date or held.invoice_date or on
        scheduled = await self.deferrals.running(held, key.company)
        return Wanted(
            header=Header(
                party=held.party.id,
                address=held.invoice_address,
                identifier=held.party_tax_identifier,
                currency=held.currency.id,
                account=held.account,
                journal=journal,
                invoice_date=max(on, last or on),
                accounting_date=on,
                due_on=on,
                reference=reference_of(key.external_id, None, own_field=False),
                comment=_comment(held, on, last),
                agent=held.agent,
            ),
            lines=tuple(_taken_back(line, line.id in scheduled, tax_date, on) for line in charges),
            nets=nets,
            targets=targets,
            taxes=await self.book.of(key.legal_entity, key.company, targets),
            credit=credit,
            explain=explain,
            answered=_ANSWERED,
        )


def _taken_back(line: WireLine, scheduled: bool, tax_date: date, on: date) -> Line:
    """`tax_date` keeps the rates of the original's day, as in Tryton's own credit notes."""
    first, last = line.defer_from, line.defer_to
    deferred = bool(scheduled and first and last and max(first, on.replace(day=1)) < last)
    return Line(
        kind="line",
        description=line.description or "",
        note=line.note,
        product=line.product.id if line.product else None,
        account=line.account.id if line.account else None,
        unit=line.unit,
        quantity=-(line.quantity or 0),
        price=line.unit_price or Decimal(0),
        taxes=frozenset(line.taxes),
        taxes_date=line.taxes_date or tax_date,
        corrects=line.id,
        defer_from=first if deferred else None,
        defer_to=last if deferred else None,
    )


def _comment(held: Held, on: date, last: date | None) -> str:
    said = [f"Credit note for {held.number}, {held.reference}"]
    if last is not None and last > on:
        said.append(f"Issued on {on}")
    return "\n".join(said)
