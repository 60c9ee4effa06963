"""Settles documents in Tryton with the lines of a posted move, as far as they are not settled yet.

A line that goes towards a document is registered as its payment, which lowers what is open; where a
document and its payments sum to zero they are reconciled, and Tryton makes the document paid. A
line against the document's own sign becomes one of its lines to pay, as a rescheduled one is: the
document is open again by that much while the payment before stays reconciled with what it paid.
A line may also take back another one, whose name it bears: both are reconciled with each other, and
the document that the other had settled is open again.

Every step reads what is there first, so all of it may be repeated. Rights: those of Tryton's
accounting group, which has to see the company.
"""

from collections.abc import Sequence
from decimal import Decimal

from canonical_models.failures import Rejection, RejectionCode
from connectors.tryton.client import Row, TrytonClient
from connectors.tryton.entries import (
    CLAIM_FIELDS,
    LINE,
    LINE_FIELDS,
    EntryLine,
    Move,
    MoveLine,
    Receivable,
)
from connectors.tryton.errors import SYSTEM
from connectors.tryton.mapping import Company, day, parsed

INVOICE = "account.invoice"
REFUSED = RejectionCode.PAYMENT_REFUSED


def refusal(message: str, subject: str) -> Rejection:
    return Rejection(REFUSED, message, system=SYSTEM, subject=subject)


class Settlement:
    def __init__(self, client: TrytonClient) -> None:
        self._client = client

    async def documents(self, ids: Sequence[str], company: Company) -> dict[int, Receivable]:
        """Documents by Tryton's ids; ids that are unknown are left out."""
        wanted = sorted({int(key) for key in ids if key.isdecimal()})
        if not wanted:
            return {}
        return await self._documents([["id", "in", wanted]], company)

    async def of_lines(self, lines: Sequence[int], company: Company) -> dict[int, Receivable]:
        """The documents to which receivable lines belong."""
        if not lines:
            return {}
        ids = sorted(set(lines))
        own = [["move.lines.id", "in", ids], ["additional_moves.lines.id", "in", ids]]
        return await self._documents([["OR", *own]], company)

    async def reversal_of(self, document: Receivable, company: Company) -> Receivable | None:
        """The posted document that names this one and is its exact opposite."""
        found = await self._documents(
            [
                ["lines.origin.invoice.id", "=", document.id, "account.invoice.line"],
                ["state", "in", ["posted", "paid"]],
            ],
            company,
        )
        whole = (other for other in found.values() if other.total == -document.total)
        return next(whole, None)

    async def reopen(self, move: Move, documents: dict[int, Receivable], company: Company) -> None:
        """Make the draft one of the additional moves of a document that it opens again.

        Before it is posted, for posting makes Tryton look again whether the document is paid. All
        lines of such a move on the document's account count for it, so it has no other there.
        """
        for document, line in pairs(move, documents):
            against = line.money(company).minor * document.total.minor > 0
            if against and move.id not in document.additional_moves:
                await self._update(document, {"additional_moves": [["add", [move.id]]]}, company)

    async def register(self, line: MoveLine, document: Receivable, company: Company) -> Receivable:
        """Count a posted line as a payment of the document, which is given as it is then."""
        add = {"payment_lines": [["add", [line.id]]]}
        return await self._update(document, add, company)

    async def close(self, document: Receivable, company: Company) -> None:
        """Reconcile the document with its payments if they sum to zero."""
        if document.state != "posted" or not document.balanced(company):
            return
        try:
            await self.reconcile(document.loose, f"document {document.name}", company)
        except Rejection:
            # Somebody else may have reconciled it in between.
            now = await self.documents((str(document.id),), company)
            again = now.get(document.id, document)
            if again.state == "posted" and again.balanced(company):
                raise

    async def take_back(self, line: EntryLine, company: Company) -> None:
        """Reconcile the line with the one that it names, which settles nothing else then."""
        if line.reconciliation is not None or line.settles is None:
            return
        found = await self.lines([line.settles], company)
        if not found:
            raise refusal(
                f"line {line.settles} of a customer's account, which line {line.id} takes back, is "
                "not in the ERP any more: settle the latter there by hand",
                str(line.id),
            )
        other = found[0]
        if other.reconciliation is not None:
            await self._wizard(
                "account.move.unreconcile_lines", "unreconcile", {}, [other], company
            )
        for document in (await self._paid_by(other, company)).values():
            remove = {"payment_lines": [["remove", [other.id]]]}
            await self._update(document, remove, company)
        await self.reconcile((line, other), f"line {other.id}, which is taken back", company)

    async def lines(self, ids: Sequence[int], company: Company) -> tuple[MoveLine, ...]:
        rows = await self._client.search(
            LINE,
            [["id", "in", list(ids)], ["move.company", "=", company.id]],
            LINE_FIELDS,
            what="lines of customers' accounts",
            company=company.id,
        )
        return tuple(parsed(MoveLine, row, "line") for row in rows)

    async def reconcile(self, lines: Sequence[MoveLine], what: str, company: Company) -> None:
        """Settle lines that sum to zero in the currency of the deal with each other. What exchange
        rates have made of it in the books goes to the account for that, on the latest day."""
        if sum((line.balance for line in lines), Decimal(0)) and not await self.books_exchange(
            company
        ):
            return
        await self._wizard(
            "account.move.reconcile_lines",
            "reconcile",
            {"writeoff": {"date": day(max(line.date for line in lines))}},
            lines,
            company,
            what=what,
        )

    async def books_exchange(self, company: Company) -> bool:
        """Whether the ERP knows where a difference of exchange rates goes. Where it does not, what
        is settled stays there with nothing open, for its people to reconcile."""
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

    async def _paid_by(self, line: MoveLine, company: Company) -> dict[int, Receivable]:
        return await self._documents([["payment_lines", "=", line.id]], company)

    async def _documents(self, domain: list[object], company: Company) -> dict[int, Receivable]:
        rows = await self._client.search(
            INVOICE,
            [*domain, ["company", "=", company.id], ["type", "=", "out"]],
            CLAIM_FIELDS,
            what="the documents to settle",
            company=company.id,
        )
        found = (parsed(Receivable, row, "invoice") for row in rows)
        return {document.id: document for document in found}

    async def _update(self, document: Receivable, values: Row, company: Company) -> Receivable:
        row = await self._client.update(
            INVOICE,
            document.id,
            values,
            CLAIM_FIELDS,
            what=f"the payments of document {document.name}",
            company=company.id,
            refused=REFUSED,
        )
        return parsed(Receivable, row, "invoice")

    async def _wizard(
        self,
        name: str,
        state: str,
        forms: Row,
        lines: Sequence[MoveLine],
        company: Company,
        *,
        what: str = "a line that is taken back",
    ) -> None:
        await self._client.wizard(
            name,
            state,
            forms,
            model=LINE,
            ids=[line.id for line in lines],
            what=f"the settlement of {what}",
            company=company.id,
            refused=REFUSED,
        )


def pairs(move: Move, documents: dict[int, Receivable]) -> list[tuple[Receivable, EntryLine]]:
    """Each line of the movement with the document that it is for."""
    owner = {line.id: document for document in documents.values() for line in document.lines_to_pay}
    return [(owner[line.settles], line) for line in move.claims if line.settles in owner]
