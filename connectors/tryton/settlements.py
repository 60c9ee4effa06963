"""Movements on customers' accounts in Tryton: entered once, and settled with what they are for.

A movement is entered and posted first, then what it is for is settled with it: documents that its
lines name, the document that came after the money, what ends it on the customer's balance. Each of
these reads the books first, so a movement whose reply was lost is finished by entering it again.

What a bookkeeper cancels is told by the move that cancels it: it counts no longer, and to settle it
again is refused.
"""

from collections.abc import Awaitable, Callable, Iterable
from decimal import Decimal

from canonical_models.documents import SettlementKind
from canonical_models.failures import Rejection
from canonical_models.ledgering import OpenItem, SettlementDraft, SettlementEntry
from canonical_models.money import Money
from connectors.attempts import Alone, Attempt
from connectors.tryton.applying import Application
from connectors.tryton.balances import Balances
from connectors.tryton.booking import MONEY, Booking
from connectors.tryton.by_hand import PaidByHand, sum_of
from connectors.tryton.client import TrytonClient
from connectors.tryton.entries import (
    BALANCE,
    SET_OFF,
    Move,
    Receivable,
    label_of,
    what,
)
from connectors.tryton.features import FeatureProbe
from connectors.tryton.mapping import Company, Party
from connectors.tryton.masterdata import MasterData
from connectors.tryton.methods import Methods, SettlementAccounts
from connectors.tryton.movements import Movements
from connectors.tryton.plan import Leg, Plan
from connectors.tryton.settlement import Settlement, refusal

__all__ = ["SettlementAccounts", "Settlements"]

#: So many moves may settle a document and its reversal with each other.
_SET_OFFS = 40


class Settlements:
    def __init__(
        self, client: TrytonClient, master: MasterData, *, accounts: SettlementAccounts
    ) -> None:
        self._master = master
        self._features = FeatureProbe(client)
        self._settlement = Settlement(client)
        self._movements = Movements(client, self._settlement, self._features)
        methods = Methods(client, accounts)
        self._booking = Booking(client, master, self._settlement, methods)
        self._application = Application(self._settlement, self._movements, self._booking)
        self._balances = Balances(client, self._settlement)
        self._by_hand = PaidByHand(client, methods)

    async def find(self, external_id: str, legal_entity: str) -> tuple[SettlementEntry, ...]:
        """Posted movements of the reference that are not cancelled, oldest first."""
        company = await self._master.company(legal_entity)
        moves = [move for move in await self._movements.of(external_id, company) if move.posted]
        cancelled = await self._movements.cancelled(moves, company)
        return tuple(
            move.entry(legal_entity, company) for move in moves if move.id not in cancelled
        )

    async def settle(
        self, draft: SettlementDraft, attempt: Attempt | None = None
    ) -> SettlementEntry:
        """Enter the movement once, and settle with it what the draft names.

        Where it was entered without a document and the draft names one now, it is settled with
        that. Raises Rejection (payment_refused, period_closed, party_unknown ...) before anything
        is posted that would not settle what it should.
        """
        attempt = attempt or Alone()
        company = await self._master.company(draft.legal_entity)
        if (entered := await self._entered_by_hand(draft, company)) is not None:
            return entered
        party = await self._master.account_of(draft.party, company)

        async def plan() -> Plan:
            document, against = await self._documents_of(draft, party, company)
            return await self._booking.plan(draft, company, party, document, against)

        move = await self._movements.entered(draft.external_id, company, plan, attempt)
        await self._refuse_other(move, draft, party, company)
        settled = await self._application.finish(move, company, attempt, draft)
        if draft.document and not draft.recovered:
            if not move.named:
                document, _ = await self._documents_of(draft, party, company)
                if document is not None:
                    await self._application.assign(move, document, company, attempt, draft)
            elif (
                draft.document not in settled
                and not await self._made_anew(draft.document, settled, company, attempt)
                and draft.kind in MONEY
            ):
                raise refusal(
                    f"{draft.external_id} was entered in the ERP before, as move {move.number}, "
                    f"for another document than {draft.document}: settle it with that there by "
                    "hand, or correct billing",
                    draft.external_id,
                )
        await self._net(draft, party, company)
        return move.entry(draft.legal_entity, company)

    async def paid_by_hand(
        self, document_id: str, legal_entity: str
    ) -> tuple[SettlementEntry, ...]:
        """Money that people have entered for the document, as far as it is settled by that."""
        company = await self._master.company(legal_entity)
        found = await self._settlement.documents((document_id,), company)
        return tuple(
            [
                each
                for document in found.values()
                for each in await self._by_hand.of(document, legal_entity, company)
            ]
        )

    async def _entered_by_hand(
        self, draft: SettlementDraft, company: Company
    ) -> SettlementEntry | None:
        """Money past billing that people have entered for the very document, to the last cent: it
        is not entered again."""
        if draft.kind is not SettlementKind.PAID_ELSEWHERE or not draft.document or draft.recovered:
            return None
        if any(move.posted for move in await self._movements.of(draft.external_id, company)):
            return None
        found = await self._settlement.documents((draft.document,), company)
        document = next(iter(found.values()), None)
        if document is None or document.open:
            return None
        paid = await self._by_hand.of(document, draft.legal_entity, company)
        if not paid or sum_of(paid, draft.amount.currency) != draft.amount:
            return None
        told = {"external_id": draft.external_id, "amount": draft.amount}
        return paid[-1].model_copy(update=told)

    async def drop_drafts(self, external_id: str, company: Company) -> int:
        """Of the movement and of what was begun to settle with it; how many."""
        references = (external_id, f"{external_id}/split")
        return sum([await self._movements.drop_drafts(each, company) for each in references])

    async def open_items(self, party: str, legal_entity: str) -> tuple[OpenItem, ...]:
        """What is open on the party's account beside documents, oldest first. `external_id` is
        empty on what people have booked."""
        company = await self._master.company(legal_entity)
        unique = (await self._features.features()).external_ids
        return await self._balances.open_items(party, company, with_external_id=unique)

    async def reconcile_pair(
        self,
        original_id: str,
        reversal_id: str,
        company: Company,
        attempt: Attempt | None = None,
    ) -> None:
        """Settle a document and its reversal with each other, as far as both are open.

        Where the original was settled in part before, a move within the customer's account settles
        what is left of it, and the rest of the reversal stays open. May be repeated, also when the
        original has been opened again in between.
        """
        attempt = attempt or Alone()
        for number in range(1, _SET_OFFS):
            reference = f"set-off/{original_id}/{reversal_id}" + f"/{number}" * (number > 1)
            known = [move for move in await self._movements.of(reference, company) if move.posted]
            for move in known:
                await self._application.finish(move, company, attempt)
            found = await self._settlement.documents((original_id, reversal_id), company)
            if len(found) < len({original_id, reversal_id}):
                raise refusal(
                    f"document {original_id} and its reversal {reversal_id} are not both in the "
                    "ERP: look who deleted one",
                    original_id,
                )
            original, reversal = found[int(original_id)], found[int(reversal_id)]
            if original.open.minor * reversal.open.minor >= 0:
                return
            if not known and not await self._whole(original, reversal, company):
                plan = self._set_off(reference, original, reversal, company)
                move = await self._movements.entered(reference, company, plan, attempt)
                await self._application.finish(move, company, attempt)

    async def close_zero(self, document_id: str, company: Company) -> None:
        """Reconcile the line of a posted document over nothing, which Tryton leaves open."""
        found = await self._settlement.documents((document_id,), company)
        for document in found.values():
            if not document.total:
                await self._settlement.close(document, company)

    async def _documents_of(
        self, draft: SettlementDraft, party: Party, company: Company
    ) -> tuple[Receivable | None, Receivable | None]:
        """What the draft names; refused where it cannot be what is meant."""
        wanted = [key for key in (draft.document, draft.against) if key is not None]
        if not wanted:
            return None, None
        found = await self._settlement.documents(wanted, company)
        known = {str(document.id): document for document in found.values()}
        for key in wanted:
            document = known.get(key)
            if document is None:
                said = f"is not a document of {draft.legal_entity}"
            elif document.party != party.id:
                said = f"is not of ERP party {draft.party}"
            elif document.currency.code != draft.amount.currency:
                said = f"is in {document.currency.code}, not in {draft.amount.currency}"
            elif not document.live:
                said = f"is {document.standing.value} in the ERP"
            else:
                continue
            raise refusal(
                f"{what(draft)} cannot settle document {key}, which {said}: if it was taken back "
                "by hand, enter the rest by hand too; else correct the account mapping and retry",
                draft.external_id,
            )
        return (
            known[draft.document] if draft.document else None,
            known[draft.against] if draft.against else None,
        )

    async def _made_anew(
        self, document: str, settled: Iterable[str], company: Company, attempt: Attempt
    ) -> bool:
        """Whether the movement settled a document that has been taken back since. The reversal
        stands open for it then, and is settled with the document that was made in its place."""
        before = await self._settlement.documents(tuple(settled), company)
        reversals = [
            await self._settlement.reversal_of(known, company) for known in before.values()
        ]
        taken_back = [reversal for reversal in reversals if reversal is not None]
        for reversal in taken_back:
            await self.reconcile_pair(document, str(reversal.id), company, attempt)
        return bool(taken_back)

    async def _refuse_other(
        self, move: Move, draft: SettlementDraft, party: Party, company: Company
    ) -> None:
        """Of what was entered before: it is still so, and is this movement."""
        amount = move.amount(company)
        if amount != draft.amount or move.party not in (None, party.id):
            raise refusal(
                f"{draft.external_id} was entered in the ERP before, as move {move.number} over "
                f"{amount} on {'this' if move.party == party.id else 'another'} party's account, "
                f"not {draft.amount}: cancel that move there and enter this by hand, or correct "
                "billing",
                draft.external_id,
            )
        if await self._movements.cancelled([move], company):
            raise refusal(
                f"{draft.external_id} was entered in the ERP as move {move.number}, which somebody "
                "has cancelled there: if that was right, accept the difference; else enter and "
                "settle it there by hand",
                draft.external_id,
            )

    def _set_off(
        self, reference: str, original: Receivable, reversal: Receivable, company: Company
    ) -> Callable[[], Awaitable[Plan]]:
        """Settle both by what the smaller one has open."""
        smaller = min(abs(original.open), abs(reversal.open)).minor
        minor = smaller if original.open.minor > 0 else -smaller
        on = max(line.date for line in (*original.lines_to_pay, *reversal.lines_to_pay))
        legs = (
            Leg(original.account, -minor, SET_OFF, original.party, original.line),
            Leg(reversal.account, minor, SET_OFF, reversal.party, reversal.line),
        )
        return self._booking.within(reference, on, original.currency.code, company, legs)

    async def _whole(self, original: Receivable, reversal: Receivable, company: Company) -> bool:
        """Whether both are settled with each other as they are, without a move."""
        loose = (*original.loose, *reversal.loose)
        parts = [line.money(company) for line in loose]
        if {part.currency for part in parts} != {original.currency.code}:
            return False
        if Money.total(parts, original.currency.code):
            return False
        differs = sum((line.balance for line in loose), Decimal(0))
        if differs and not await self._settlement.books_exchange(company):
            return False
        try:
            await self._settlement.reconcile(loose, f"document {original.name}", company)
        except Rejection:
            # Somebody else may have done it in between.
            ids = (str(original.id), str(reversal.id))
            if any(now.open for now in (await self._settlement.documents(ids, company)).values()):
                raise
        return True

    async def _net(self, draft: SettlementDraft, party: Party, company: Company) -> None:
        """Settle with each other what ends each other on the party's account."""
        match draft.kind:
            case SettlementKind.BALANCE | SettlementKind.GOODWILL:
                await self._balances.net(party.id, BALANCE, company)
            case SettlementKind.DISPUTE | SettlementKind.DISPUTE_WON if draft.about:
                await self._balances.net(party.id, label_of(draft), company)
            case _:
                pass
