"""What is open on customers' accounts in Tryton beside documents: shown, and netted."""

from collections import defaultdict
from collections.abc import Sequence

from canonical_models.failures import Rejection
from canonical_models.ledgering import OpenItem
from canonical_models.money import Money
from connectors.tryton.client import Row, TrytonClient
from connectors.tryton.entries import LINE, LINE_FIELDS, MoveLine, external_id
from connectors.tryton.mapping import Company, Day, Wire, parsed
from connectors.tryton.settlement import INVOICE, Settlement

_ITEM_FIELDS = (*LINE_FIELDS, "move.id", "move.date", "move.description")


class _Move(Wire):
    id: int
    date: Day
    description: str | None
    external_id: str | None = None


class _Item(MoveLine):
    move: _Move


class Balances:
    def __init__(self, client: TrytonClient, settlement: Settlement) -> None:
        self._client, self._settlement = client, settlement

    async def net(self, party: int, label: str, company: Company) -> None:
        """Reconcile open lines of ours that say `label`, where all of one account and currency sum
        to zero."""
        for lines in await self._zero(party, label, company):
            try:
                await self._settlement.reconcile(lines, f"the {label}", company)
            except Rejection:
                # Somebody else may have done it in between.
                if lines in await self._zero(party, label, company):
                    raise

    async def open_items(
        self, party: str, company: Company, *, with_external_id: bool
    ) -> tuple[OpenItem, ...]:
        own = ("move.external_id",) if with_external_id else ()
        rows = await self._open(
            [
                ["party.code", "=", party],
                ["party.active", "in", [True, False]],
                ["invoice_payment", "=", None],
                ["OR", ["move.origin", "=", None], ["move.origin", "not like", f"{INVOICE},%"]],
            ],
            (*_ITEM_FIELDS, *own),
            company,
        )
        items = [parsed(_Item, row, "line") for row in rows]
        reopening = await self._reopening({item.move.id for item in items}, company)
        return tuple(
            OpenItem(
                entry_id=str(item.move.id),
                external_id=external_id(item.move.external_id, item.move.description),
                party=party,
                on=item.move.date,
                amount=item.money(company),
            )
            for item in items
            if item.move.id not in reopening and item.money(company)
        )

    async def _zero(self, party: int, label: str, company: Company) -> list[list[MoveLine]]:
        rows = await self._open(
            [["party", "=", party], ["description", "=", label], ["move.origin", "=", None]],
            LINE_FIELDS,
            company,
        )
        groups: defaultdict[tuple[int, str], list[MoveLine]] = defaultdict(list)
        for row in rows:
            line = parsed(MoveLine, row, "line")
            groups[line.account.id, line.money(company).currency].append(line)
        return [
            lines
            for (_, currency), lines in groups.items()
            if not Money.total((line.money(company) for line in lines), currency)
        ]

    async def _open(
        self, domain: list[object], fields: Sequence[str], company: Company
    ) -> list[Row]:
        return await self._client.search(
            LINE,
            [
                *domain,
                ["account.type.receivable", "=", True],
                ["reconciliation", "=", None],
                ["move.company", "=", company.id],
                ["move.state", "=", "posted"],
            ],
            fields,
            what="what is open on a customer's account",
            company=company.id,
        )

    async def _reopening(self, moves: set[int], company: Company) -> set[int]:
        """Which of the moves open a document again: their lines are that document's."""
        if not moves:
            return set()
        rows = await self._client.search(
            INVOICE,
            [["additional_moves", "in", sorted(moves)], ["company", "=", company.id]],
            ("additional_moves",),
            what="documents that were opened again",
            company=company.id,
        )
        return {int(move) for row in rows for move in row["additional_moves"]}
