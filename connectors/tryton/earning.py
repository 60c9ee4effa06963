"""What is left of a schedule when its last month is booked, and schedules that wait for new years.

Tryton puts what rounding leaves over into the last month, and for customers it puts it there the
wrong way: 1,200.00 over a year is earned as 1,200.02. The books are right once the difference is
moved between deferred revenue and revenue, on the day of the last month; a schedule that comes out
right, as a credit's does, is left alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from connectors.tryton.client import Row, TrytonClient
from connectors.tryton.features import FeatureProbe
from connectors.tryton.mapping import Amount, Company, Day, Wire, day, decimal, parsed

SCHEDULE = "account.invoice.deferred"
MOVE = "account.move"
#: What a move of what rounding left is described by, before the schedule.
ROUNDING = f"rounding/{SCHEDULE}/"

_FIELDS = (
    "state",
    "invoice_line.account",
    "moves.id",
    "moves.date",
    "moves.period",
    "moves.journal",
    "moves.lines.account",
    "moves.lines.debit",
    "moves.lines.credit",
)
_NEW_YEARS = "account.invoice.deferred.create_moves"


class _Line(Wire):
    account: int
    debit: Amount
    credit: Amount


class _Move(Wire):
    id: int
    date: Day
    period: int
    journal: int
    lines: tuple[_Line, ...]


class _Charged(Wire):
    account: int


class _Schedule(Wire):
    id: int
    state: str
    invoice_line: _Charged
    moves: tuple[_Move, ...]

    @property
    def left(self) -> Decimal:
        """What is not earned although the schedule is over; negative where too much is."""
        return sum(
            (
                line.debit - line.credit
                for move in self.moves
                for line in move.lines
                if line.account == self.invoice_line.account
            ),
            Decimal(0),
        )

    @property
    def last(self) -> _Move:
        return max(self.moves, key=lambda move: (move.date, move.id))

    @property
    def deferred_account(self) -> int:
        others = {line.account for line in self.last.lines} - {self.invoice_line.account}
        (account,) = others
        return account


@dataclass(frozen=True)
class Earning:
    client: TrytonClient
    probe: FeatureProbe

    async def correct(self, schedules: Sequence[int], company: Company) -> None:
        """Move what is left of those that are over. May be repeated."""
        if not schedules:
            return
        rows = await self.client.search(
            SCHEDULE,
            [["id", "in", list(schedules)], ["state", "=", "closed"]],
            _FIELDS,
            what="schedules of deferred revenue",
            company=company.id,
        )
        for row in rows:
            schedule = parsed(_Schedule, row, "schedule")
            if schedule.left:
                await self._move(schedule, company)

    async def extend(self, company: Company) -> None:
        """Book the months of fiscal years that have been opened since. May be repeated."""
        if not (await self.probe.features()).deferral:
            return
        rows = await self.client.search(
            SCHEDULE,
            [["company", "=", company.id], ["state", "=", "running"]],
            ["state"],
            what="schedules of deferred revenue",
            company=company.id,
        )
        if not rows:
            return
        await self.client.wizard(
            _NEW_YEARS,
            "create_moves",
            {},
            model=None,
            ids=(),
            what="deferred revenue of new fiscal years",
            company=company.id,
        )
        await self.correct([int(row["id"]) for row in rows], company)

    async def _move(self, schedule: _Schedule, company: Company) -> None:
        """One posted move of the schedule's reference: found, finished or made."""
        reference = f"{ROUNDING}{schedule.id}"
        made = await self._of(reference, company)
        if not made:
            await self.client.create(
                MOVE,
                _values(schedule, reference, company),
                ("state",),
                what=f"the rest of schedule {schedule.id}",
                company=company.id,
            )
            made = await self._of(reference, company)
        kept = next((row for row in made if row["state"] == "posted"), made[0])
        for twin in made:
            if twin is not kept and twin["state"] == "draft":
                await self.client.delete(
                    MOVE, twin["id"], what=f"a draft of {reference}", company=company.id
                )
        if kept["state"] == "draft":
            await self.client.act(
                MOVE,
                str(kept["id"]),
                "post",
                ("state",),
                what=f"the rest of schedule {schedule.id}",
                company=company.id,
            )

    async def _of(self, reference: str, company: Company) -> list[Row]:
        return await self.client.search(
            MOVE,
            [["description", "=", reference], ["company", "=", company.id]],
            ("state",),
            what=f"moves of {reference}",
            company=company.id,
        )


def _values(schedule: _Schedule, reference: str, company: Company) -> Row:
    left, last = schedule.left, schedule.last
    return {
        "company": company.id,
        "journal": last.journal,
        "period": last.period,
        "date": day(last.date),
        "description": reference,
        "lines": [
            [
                "create",
                [
                    _line(schedule.deferred_account, left),
                    _line(schedule.invoice_line.account, -left),
                ],
            ]
        ],
    }


def _line(account: int, amount: Decimal) -> Row:
    """Positive is a debit."""
    return {
        "account": account,
        "debit": decimal(max(amount, Decimal(0))),
        "credit": decimal(max(-amount, Decimal(0))),
    }
