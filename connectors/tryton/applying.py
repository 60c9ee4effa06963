"""Settles with a posted move what its lines are for, as far as it is not done.

A line that is more than its document has open is parted by a second move within the customer's
account: one part settles the document, the rest stays open. Money that came before its document is
settled with it in the same way.
"""

from collections.abc import Awaitable, Callable

from canonical_models.failures import Rejection
from canonical_models.ledgering import SettlementDraft
from canonical_models.money import Money
from connectors.attempts import Attempt
from connectors.tryton.booking import Booking, stays
from connectors.tryton.entries import BALANCE, SET_OFF, EntryLine, Move, Receivable, external_id
from connectors.tryton.mapping import Company
from connectors.tryton.movements import Movements
from connectors.tryton.plan import Leg, Plan
from connectors.tryton.settlement import Settlement, pairs, refusal


class Application:
    def __init__(self, settlement: Settlement, movements: Movements, booking: Booking) -> None:
        self._settlement, self._movements, self._booking = settlement, movements, booking

    async def finish(
        self,
        move: Move,
        company: Company,
        attempt: Attempt,
        draft: SettlementDraft | None = None,
    ) -> frozenset[str]:
        """Settle what the lines name; the ids of the documents among that. May be repeated."""
        documents = await self._settlement.of_lines(move.named, company)
        owned = pairs(move, documents)
        for document, line in owned:
            now = document
            if len(owned) > 1:
                # What was done for one of two documents may have changed the other.
                again = await self._settlement.documents((str(document.id),), company)
                now = again.get(document.id, document)
            await self._apply(move, line, now, company, attempt, draft)
        paired = {line.id for _, line in owned}
        for line in move.claims:
            if line.settles is not None and line.id not in paired:
                await self._settlement.take_back(line, company)
        return frozenset(str(document.id) for document, _ in owned)

    async def assign(
        self,
        move: Move,
        document: Receivable,
        company: Company,
        attempt: Attempt,
        draft: SettlementDraft,
    ) -> None:
        """Settle a document with a movement that was entered without one. May be repeated."""
        for line in move.claims:
            if line.description not in (BALANCE, SET_OFF):
                await self._apply(move, line, document, company, attempt, draft)

    async def _apply(
        self,
        move: Move,
        line: EntryLine,
        document: Receivable,
        company: Company,
        attempt: Attempt,
        draft: SettlementDraft | None,
    ) -> None:
        if not document.live:
            raise _unsettled(
                move, f"settles document {document.name}, which somebody has taken back there"
            )
        if document.has(line):
            await self._settlement.close(document, company)
        elif split := await self._movements.posted(_split_reference(move), company):
            await self.finish(split, company, attempt)
        elif line.reconciliation is not None:
            raise _unsettled(
                move,
                f"settles document {document.name}, but somebody has settled something else with "
                "it there",
            )
        elif document.paid_by(line, company):
            now = await self._settlement.register(line, document, company)
            await self._settlement.close(now, company)
        elif line.money(company).minor * document.open.minor < 0:
            plan = self._split(line, move, document, company)
            split = await self._movements.entered(_split_reference(move), company, plan, attempt)
            await self.finish(split, company, attempt)
        elif draft is None or not stays(draft, document):
            raise _unsettled(
                move,
                f"settles document {document.name}, of which nothing is open there any more that "
                "it could settle",
            )

    def _split(
        self, line: EntryLine, move: Move, document: Receivable, company: Company
    ) -> Callable[[], Awaitable[Plan]]:
        """Part a line that is more than the document has open: the rest stays on the account."""
        whole, share = line.money(company), -document.open
        booked = Money.of(line.balance, company.currency.code)
        part = booked.scaled(share.minor, whole.minor)
        on = max(line.date, *(own.date for own in document.lines_to_pay))
        legs = (
            Leg(document.account, share.minor, line.description or "", line.party, document.line),
            Leg(line.account.id, (whole - share).minor, line.description or "", line.party),
            Leg(line.account.id, -whole.minor, line.description or "", line.party, line.id),
        )
        converted = (part.decimal, (booked - part).decimal)
        return self._booking.within(
            _split_reference(move), on, whole.currency, company, legs, converted
        )


def _split_reference(move: Move) -> str:
    return f"{external_id(move.external_id, move.description)}/split"


def _unsettled(move: Move, why: str) -> Rejection:
    reference = external_id(move.external_id, move.description)
    return refusal(
        f"{reference} was entered in the ERP as move {move.number} and {why}: it stands on the "
        "account; settle it there by hand, or undo what was done by hand and retry",
        reference,
    )
