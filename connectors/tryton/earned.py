"""What the books have of documents as revenue: by month, their schedules of deferred revenue
included, for a page of documents with a few requests.

A document's own move books its revenue, a schedule's first move takes all of it out again and the
others bring it back month by month. What rounding leaves is moved by us, by the schedule's name
(`earning.py`). Goods are never spread.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from canonical_models.money import Money
from canonical_models.reconciliation import Earned
from connectors.tryton.client import TrytonClient
from connectors.tryton.earning import ROUNDING, SCHEDULE
from connectors.tryton.entries import LINE
from connectors.tryton.features import FeatureProbe
from connectors.tryton.lines import LINE as INVOICE_LINE
from connectors.tryton.mapping import Amount, Coded, Company, Day, ProductType, Wire, parsed
from connectors.tryton.masterdata import MasterData

#: Documents whose moves are read at once: a year of each is 26 lines.
_CHUNK = 100

_MOVED = ("debit", "credit", "date", "account", "move.id", "move.origin", "move.description")


class _Charged(Wire):
    invoice: int


class _Schedule(Wire):
    id: int
    invoice_line: _Charged
    start_date: Day
    end_date: Day


class _Move(Wire):
    id: int
    origin: str | None
    description: str | None


class _Moved(Wire):
    debit: Amount
    credit: Amount
    date: Day
    account: int
    move: _Move


class _Product(Wire):
    type: ProductType


class _Invoice(Wire):
    id: int
    currency: Coded


class _Line(Wire):
    """`product` is None on a line that somebody has typed."""

    id: int
    invoice: _Invoice
    amount: Amount | None
    account: int | None
    product: _Product | None
    origin: str | None

    @property
    def takes_back(self) -> int | None:
        model, _, key = (self.origin or "").partition(",")
        return int(key) if model == INVOICE_LINE and key.isdecimal() else None


@dataclass(frozen=True)
class Told:
    """Of documents: what was earned, which document they take back, and requests it took."""

    earned: dict[int, Earned]
    corrects: dict[int, int]
    requests: int


@dataclass(frozen=True)
class EarnedReader:
    client: TrytonClient
    master: MasterData
    probe: FeatureProbe

    async def of(self, moves: Mapping[int, int], company: Company) -> Told:
        """Of documents, whose own moves are given."""
        earned: dict[int, Earned] = {}
        named: dict[int, int] = {}
        ids, requests = sorted(moves), 0
        for start in range(0, len(ids), _CHUNK):
            some = {key: moves[key] for key in ids[start : start + _CHUNK]}
            lines = await self._lines(sorted(some), company)
            told, asked = await self._some(some, lines, company)
            earned |= told
            named |= {
                line.invoice.id: line.takes_back for line in lines if line.takes_back is not None
            }
            requests += 1 + asked
        corrects = await self._documents_of(named, company) if named else {}
        return Told(earned, corrects, requests + bool(named))

    async def _documents_of(self, named: Mapping[int, int], company: Company) -> dict[int, int]:
        """By document, the one whose line it names."""
        rows = await self.client.search(
            INVOICE_LINE,
            [["id", "in", sorted(set(named.values()))]],
            ("invoice",),
            what="lines that are taken back",
            company=company.id,
        )
        of = {int(row["id"]): int(row["invoice"]) for row in rows if row["invoice"] is not None}
        return {key: of[line] for key, line in named.items() if line in of}

    async def _some(
        self, moves: Mapping[int, int], lines: Sequence[_Line], company: Company
    ) -> tuple[dict[int, Earned], int]:
        spread = (await self.probe.features()).deferral
        schedules = await self._schedules(sorted(moves), company) if spread else []
        of_schedule = {each.id: each.invoice_line.invoice for each in schedules}
        of_move = {move: document for document, move in moves.items()}
        deferred = await self.master.deferred_revenue(company) if spread else None
        charged = {(line.invoice.id, line.account) for line in lines}
        months: dict[int, dict[str, list[int]]] = {key: {} for key in moves}
        for moved in await self._moved(of_move, of_schedule, deferred, company):
            document = of_move.get(moved.move.id)
            if document is None:
                document = of_schedule[_schedule_of(moved.move)]
            elif (document, moved.account) not in charged:
                # A difference of rounding.
                continue
            grew = Money.of(moved.credit - moved.debit, company.currency.code).minor
            month = months[document].setdefault(f"{moved.date:%Y-%m}", [0, 0])
            month[moved.account == deferred] += grew
        told = {
            key: Earned(
                currency=company.currency.code,
                months={
                    month: (revenue, kept)
                    for month, (revenue, kept) in sorted(months[key].items())
                    if revenue or kept
                },
                at_once=tuple(
                    Money.of(line.amount or 0, line.invoice.currency.code).minor
                    for line in lines
                    if line.invoice.id == key and not (spread and _is_service(line))
                ),
                schedules=tuple(
                    (each.start_date, each.end_date)
                    for each in schedules
                    if each.invoice_line.invoice == key
                ),
            )
            for key in moves
        }
        return told, 1 + 2 * spread

    async def _schedules(self, documents: list[int], company: Company) -> list[_Schedule]:
        rows = await self.client.search(
            SCHEDULE,
            [["invoice_line.invoice", "in", documents]],
            ("invoice_line.invoice", "start_date", "end_date"),
            what="schedules of deferred revenue",
            company=company.id,
        )
        return [parsed(_Schedule, row, "schedule") for row in rows]

    async def _moved(
        self,
        moves: Mapping[int, int],
        schedules: Mapping[int, int],
        deferred: int | None,
        company: Company,
    ) -> list[_Moved]:
        named: list[Any] = ["OR", ["move", "in", sorted(moves)]]
        if schedules:
            named += [
                ["move.origin", "in", [f"{SCHEDULE},{key}" for key in sorted(schedules)]],
                ["move.description", "in", [f"{ROUNDING}{key}" for key in sorted(schedules)]],
            ]
        rows = await self.client.search(
            LINE,
            [
                named,
                ["move.state", "=", "posted"],
                [
                    "OR",
                    ["account.type.revenue", "=", True],
                    *([] if deferred is None else [["account", "=", deferred]]),
                ],
            ],
            _MOVED,
            what="revenue of documents",
            company=company.id,
        )
        return [parsed(_Moved, row, "line") for row in rows]

    async def _lines(self, documents: list[int], company: Company) -> list[_Line]:
        rows = await self.client.search(
            INVOICE_LINE,
            [["invoice", "in", documents], ["type", "=", "line"]],
            (
                "invoice.currency.code",
                "amount",
                "account",
                "product.type",
                "origin",
            ),
            what="lines of documents",
            company=company.id,
        )
        return [parsed(_Line, row, "invoice line") for row in rows]


def _is_service(line: _Line) -> bool:
    return line.product is not None and line.product.type == "service"


def _schedule_of(move: _Move) -> int:
    model, _, key = (move.origin or "").partition(",")
    return int(key if model == SCHEDULE else (move.description or "").removeprefix(ROUNDING))
