"""Settles documents in Tryton with the lines of a movement, as far as they are not settled yet.

A payment line is registered on its document, which lowers what is open; where a document and its
payments sum to zero they are reconciled, and Tryton makes the document paid. A line against the
document's own sign becomes one of its lines to pay, as a rescheduled one is: the document is open
again by that much while the payment before stays reconciled with what it paid. Every step reads
what is there first, so all of it may be repeated.

Rights: those of Tryton's accounting group, which has to see the company.
"""

from collections.abc import Sequence
from datetime import date

from canonical_models.failures import Rejection, RejectionCode
from connectors.tryton.client import Row, TrytonClient
from connectors.tryton.entries import CLAIM_FIELDS, EntryLine, Move, Receivable
from connectors.tryton.mapping import Company, day, parsed

INVOICE = "account.invoice"
_REFUSED = RejectionCode.PAYMENT_REFUSED


class Settlement:
    def __init__(self, client: TrytonClient) -> None:
        self._client = client

    async def documents(self, ids: Sequence[str], company: Company) -> tuple[Receivable, ...]:
        """The documents in the order given; ids that are unknown are left out."""
        wanted = [int(key) for key in ids if key.isdecimal()]
        if not wanted:
            return ()
        rows = await self._client.search(
            INVOICE,
            [["id", "in", wanted], ["company", "=", company.id], ["type", "=", "out"]],
            CLAIM_FIELDS,
            what="the documents to settle",
            company=company.id,
        )
        found = {document.id: document for document in map(_receivable, rows)}
        return tuple(found[key] for key in dict.fromkeys(wanted) if key in found)

    async def reopen(self, move: Move, documents: Sequence[Receivable], company: Company) -> None:
        """Make the movement one of the additional moves of the documents that it opens again.

        Before it is posted, for posting makes Tryton look again whether they are paid.
        """
        for document, line in _pairs(move, documents):
            linked = move.id in document.additional_moves
            if not linked and document.reopened_by(line, company):
                await self._update(document, {"additional_moves": [["add", [move.id]]]}, company)

    async def settle(
        self, move: Move, documents: Sequence[Receivable], company: Company, on: date
    ) -> None:
        """Register the payments of a posted movement, and reconcile what is paid by them."""
        now = {document.id: document for document in documents}
        for document, line in _pairs(move, documents):
            if now[document.id].payable_by(line, company):
                add = {"payment_lines": [["add", [line.id]]]}
                now[document.id] = await self._update(document, add, company)
        for document in now.values():
            if _payable(document, company):
                try:
                    await self._reconcile(document, company, on)
                except Rejection:
                    # Somebody else may have reconciled it in between.
                    (again,) = await self.documents((str(document.id),), company) or (document,)
                    if _payable(again, company):
                        raise

    async def _reconcile(self, document: Receivable, company: Company, on: date) -> None:
        loose = document.loose
        if sum(line.balance for line in loose) and not await self._books_exchange(company):
            return
        await self._client.wizard(
            "account.move.reconcile_lines",
            "reconcile",
            {"writeoff": {"date": day(on)}},
            model="account.move.line",
            ids=[line.id for line in loose],
            what=f"the settlement of document {document.number}",
            company=company.id,
            refused=_REFUSED,
        )

    async def _books_exchange(self, company: Company) -> bool:
        """Whether the ERP knows where a difference of exchange rates goes. Where it does not, the
        document stays posted with nothing open, for its people to reconcile."""
        names = [
            f"currency_exchange_{side}" for side in ("journal", "debit_account", "credit_account")
        ]
        rows = await self._client.search(
            "account.configuration",
            [],
            names,
            what="the accounting configuration",
            company=company.id,
        )
        return bool(rows) and all(rows[0].get(name) is not None for name in names)

    async def _update(self, document: Receivable, values: Row, company: Company) -> Receivable:
        row = await self._client.update(
            INVOICE,
            document.id,
            values,
            CLAIM_FIELDS,
            what=f"the payments of document {document.number}",
            company=company.id,
            refused=_REFUSED,
        )
        return _receivable(row)


def _payable(document: Receivable, company: Company) -> bool:
    return document.state == "posted" and document.balanced(company)


def _receivable(row: Row) -> Receivable:
    return parsed(Receivable, row, "invoice")


def _pairs(move: Move, documents: Sequence[Receivable]) -> list[tuple[Receivable, EntryLine]]:
    """Each line of the movement with the document that it is for."""
    owner = {line.id: document for document in documents for line in document.lines_to_pay}
    return [
        (owner[line.settles], line)
        for line in move.claims
        if line.settles in owner and line.reconciliation is None
    ]
