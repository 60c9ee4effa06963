"""Movements on customers' accounts in Tryton: found by our reference, entered once, and settled.

As with documents, Tryton has no idempotency: `enter` looks before it creates, looks again
afterwards, deletes the younger twin while it is a draft, and only then posts. The reference is the
move's description. What a bookkeeper cancels of it is a move with an origin, and not ours.
"""

from decimal import Decimal
from typing import Any

from canonical_models.failures import (
    CredentialsRefused,
    Rejection,
    RejectionCode,
    TransientFailure,
)
from canonical_models.ledgering import EntryKind, PaymentDraft, PaymentEntry
from canonical_models.money import Money
from connectors.tryton.allocation import allocate
from connectors.tryton.client import Row, TrytonClient
from connectors.tryton.entries import (
    ENTRY_FIELDS,
    Move,
    Receivable,
    Side,
    Terms,
    move_values,
    parts,
)
from connectors.tryton.errors import SYSTEM
from connectors.tryton.mapping import Amount, Company, Wire, day, decimal, parsed
from connectors.tryton.masterdata import MasterData
from connectors.tryton.settlement import Settlement
from connectors.tryton.terms import together

MOVE = "account.move"
_REFUSED = RejectionCode.PAYMENT_REFUSED


class _Method(Wire):
    journal: int
    debit_account: int
    credit_account: int


class _Converted(Wire):
    amount: Amount


class Payments:
    """`bank_journal` and `write_off_journal` are codes or ids of journals; None takes the first
    method of the legal entity whose journal is of the type cash or write-off."""

    def __init__(
        self,
        client: TrytonClient,
        master: MasterData,
        *,
        bank_journal: str | None = None,
        write_off_journal: str | None = None,
    ) -> None:
        self._client, self._master = client, master
        self._settlement = Settlement(client)
        self._bank_journal, self._write_off_journal = bank_journal, write_off_journal

    async def find(self, reference: str, legal_entity: str) -> tuple[PaymentEntry, ...]:
        company = await self._master.company(legal_entity)
        moves = await self._moves(reference, company)
        return tuple(move.entry(legal_entity, company) for move in moves if move.posted)

    async def enter(self, draft: PaymentDraft) -> PaymentEntry:
        company = await self._master.company(draft.legal_entity)
        known, documents = await together(
            self._moves(draft.reference, company),
            self._settlement.documents(draft.documents, company),
        )
        try:
            move = await self._one(known, draft, company, documents)
        except (Rejection, CredentialsRefused):
            # Somebody else may have posted it in between. Else, what the ERP's words mean is
            # found by asking for all that it needs; if everything is in order, they stand.
            posted = [move for move in await self._moves(draft.reference, company) if move.posted]
            if not posted:
                await self._terms(draft, company)
                raise
            move = posted[0]
        now = await self._settlement.documents(draft.documents, company)
        await self._settlement.settle(move, now, company, draft.value_date)
        return move.entry(draft.legal_entity, company)

    async def _one(
        self,
        known: tuple[Move, ...],
        draft: PaymentDraft,
        company: Company,
        documents: tuple[Receivable, ...],
    ) -> Move:
        """The one posted move of the reference: found, finished or made."""
        if not known:
            await self._create(draft, company, documents)
            known = await self._moves(draft.reference, company)
        if not known:
            raise TransientFailure(
                f"payment {draft.reference} was deleted from the ERP as soon as it was made: it is "
                "tried again",
                system=SYSTEM,
            )
        kept = next((move for move in known if move.posted), known[0])
        for twin in known:
            if twin is not kept and not twin.posted:
                await self._delete(twin, draft, company)
        if kept.posted:
            return kept
        if kept.amount(company) != draft.amount:
            await self._delete(kept, draft, company)
            raise _refusal(
                f"the ERP makes {kept.amount(company)} of payment {draft.reference} where billing "
                f"has {draft.amount}; the draft is deleted and nothing posted: check the ERP's "
                "currencies",
                draft.reference,
            )
        await self._settlement.reopen(kept, documents, company)
        row = await self._client.act(
            MOVE,
            str(kept.id),
            "post",
            ENTRY_FIELDS,
            what=f"payment {draft.reference}",
            company=company.id,
            refused=_REFUSED,
        )
        return _move(row)

    async def _create(
        self, draft: PaymentDraft, company: Company, documents: tuple[Receivable, ...]
    ) -> None:
        terms = await self._terms(draft, company)
        _check(draft, documents, terms)
        ready = {str(document.id): document for document in documents if document.settleable}
        allocation = allocate(draft.amount.minor, [document.claim for document in ready.values()])
        if not parts(allocation):
            raise _refusal(
                f"payment {draft.reference} is of nothing and settles nothing: check its documents",
                draft.reference,
            )
        booked = [await self._booked(part, draft, terms) for part in parts(allocation)]
        await self._client.create(
            MOVE,
            move_values(draft, terms, allocation, ready, booked),
            ("state",),
            what=f"payment {draft.reference}",
            company=company.id,
            refused=_REFUSED,
        )

    async def _booked(self, minor: int, draft: PaymentDraft, terms: Terms) -> Decimal:
        """In the currency of the books, by the ERP's own rate of the day."""
        amount = Money(minor=minor, currency=draft.amount.currency)
        if not terms.foreign(draft):
            return amount.decimal
        answer = await self._client.rpc(
            "model.currency.currency.compute",
            terms.currency,
            decimal(amount.decimal),
            await self._master.currency(terms.company.currency.code),
            what=f"the rate of {amount.currency} on {draft.value_date}",
            company=terms.company.id,
            context={"date": day(draft.value_date)},
            refused=_REFUSED,
        )
        return parsed(_Converted, {"amount": answer}, "conversion").amount

    async def _moves(self, reference: str, company: Company) -> tuple[Move, ...]:
        rows = await self._client.search(
            MOVE,
            [["description", "=", reference], ["company", "=", company.id], ["origin", "=", None]],
            ENTRY_FIELDS,
            what=f"payments with reference {reference}",
            company=company.id,
        )
        return tuple(_move(row) for row in rows)

    async def _delete(self, move: Move, draft: PaymentDraft, company: Company) -> None:
        await self._client.delete(
            MOVE,
            move.id,
            what=f"a draft of payment {draft.reference}",
            company=company.id,
            refused=_REFUSED,
        )

    async def _terms(self, draft: PaymentDraft, company: Company) -> Terms:
        """Raises Rejection for the first thing that would keep the movement from posting."""
        party, currency, default, side = await together(
            self._master.account_of(draft.party, company),
            self._master.currency(draft.amount.currency),
            self._master.default_receivable(company),
            self._side(draft, company),
        )
        period = await self._master.open_period(
            draft.legal_entity, draft.value_date, company, journal=("id", side.journal)
        )
        receivable = party.account_receivable or default
        if receivable is None:
            raise _refusal(
                f"ERP party {draft.party} has no receivable account in {draft.legal_entity}: set "
                "one on the party, or a default in the accounting configuration",
                draft.party,
            )
        return Terms(
            company=company,
            party=party.id,
            receivable=receivable,
            period=period,
            currency=currency,
            side=side,
        )

    async def _side(self, draft: PaymentDraft, company: Company) -> Side:
        match draft.kind:
            case EntryKind.RECEIPT | EntryKind.REFUND | EntryKind.CHARGEBACK:
                model, kind, name = "account.invoice.payment.method", "cash", self._bank_journal
            case EntryKind.WRITE_OFF:
                model, kind = "account.move.reconcile.write_off", "write-off"
                name = self._write_off_journal
        wanted = [["journal.type", "=", kind]] if name is None else [_named(name)]
        rows = await self._client.search(
            model,
            [["company", "=", company.id], *wanted],
            ("journal", "debit_account", "credit_account"),
            what=f"the {kind} journal of {draft.legal_entity}",
            company=company.id,
        )
        if not rows:
            which = f"of the type {kind}" if name is None else name
            method = "payment" if kind == "cash" else "write-off"
            raise _refusal(
                f"{draft.legal_entity} has no {method} method with a journal {which} in the ERP: "
                "create one there, or name its journal in the connection's options",
                f"{draft.legal_entity} {method} method",
            )
        found = parsed(_Method, rows[0], "payment method")
        return Side(found.journal, found.debit_account, found.credit_account)


def _check(draft: PaymentDraft, documents: tuple[Receivable, ...], terms: Terms) -> None:
    """Before anything is entered: the documents are there, and of this party and currency."""
    known = {str(document.id): document for document in documents}
    for key in draft.documents:
        document = known.get(key)
        if document is None:
            said = f"is not a document of {draft.legal_entity}"
        elif document.party != terms.party:
            said = f"is not of ERP party {draft.party}"
        elif document.currency.code != draft.amount.currency:
            said = f"is in {document.currency.code}, not in {draft.amount.currency}"
        else:
            continue
        raise _refusal(
            f"payment {draft.reference} cannot settle document {key}, which {said}: correct the "
            "account mapping, or enter the payment in the ERP by hand",
            draft.reference,
        )


def _named(journal: str) -> list[Any]:
    by_code = ["journal.code", "=", journal]
    if not journal.isdecimal():
        return by_code
    return ["OR", by_code, ["journal", "=", int(journal)]]


def _move(row: Row) -> Move:
    return parsed(Move, row, "move")


def _refusal(message: str, subject: str) -> Rejection:
    return Rejection(_REFUSED, message, system=SYSTEM, subject=subject)
