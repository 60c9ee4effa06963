"""Revenue that is billed before it is earned: the schedule of each line, made by Tryton's module
`account_invoice_defer` and started by us, for nothing there starts it.

A schedule books all months that exist at once, earlier ones too. Months that are closed, or before
a credit note, keep what they have: the schedule starts at the first month that takes it, with its
share by days, and the rest is revenue of the day of the document.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from canonical_models.failures import Rejection, RejectionCode
from canonical_models.money import Money
from connectors.tryton.client import TrytonClient
from connectors.tryton.earning import Earning
from connectors.tryton.errors import SYSTEM
from connectors.tryton.features import FeatureProbe
from connectors.tryton.held import Held
from connectors.tryton.lines import crosses_a_month
from connectors.tryton.mapping import Amount, Company, Day, Wire, day, decimal, parsed
from connectors.tryton.masterdata import MasterData

SCHEDULE = "account.invoice.deferred"
#: So many schedules are started in one request, which is one transaction.
_BATCH = 20
#: Seconds that Tryton may take for a schedule, of a year or so.
_SCHEDULE_SECONDS = 6.0
_ROUNDS = 3

Period = tuple[date, date]


class _Schedule(Wire):
    id: int
    state: str
    amount: Amount
    start_date: Day
    end_date: Day

    def from_day(self, first: date) -> Decimal:
        """The part of the amount that belongs to the days from then on, not rounded."""
        whole = (self.end_date - self.start_date).days + 1
        return self.amount * ((self.end_date - first).days + 1) / whole


@dataclass(frozen=True)
class Deferrals:
    client: TrytonClient
    master: MasterData
    probe: FeatureProbe
    earning: Earning

    async def periods(
        self,
        legal_entity: str,
        services: Sequence[tuple[date | None, date | None] | None],
        company: Company,
        *,
        posting_date: date,
        journal: int,
    ) -> list[Period | None]:
        """Which service periods are deferred: those that cross a month's end, and end after the
        first day that the books take. Raises Rejection (document_refused) where one is and Tryton
        has no account for it."""
        crossing = [
            (first, last)
            if first is not None and last is not None and crosses_a_month(first, last)
            else None
            for first, last in (service or (None, None) for service in services)
        ]
        begins = await self._first_days(
            legal_entity,
            {period[0] for period in crossing if period},
            posting_date,
            company,
            journal,
        )
        found = [
            period if period and begins[period[0]] < period[1] else None for period in crossing
        ]
        if any(found) and await self.master.deferred_revenue(company) is None:
            raise Rejection(
                RejectionCode.DOCUMENT_REFUSED,
                f"{legal_entity} has no account for deferred revenue: set one in the ERP's "
                "accounting configuration, for services are billed there before they are earned",
                system=SYSTEM,
                subject=legal_entity,
            )
        return found

    async def run(self, held: Held, legal_entity: str, *, not_before: date | None = None) -> None:
        """Start the schedules of a posted document that are not started yet. `not_before` is the
        month that a credit note begins to take back from."""
        if not any(line.defer_from for line in held.lines):
            return
        company = await self.master.company(legal_entity)
        for attempt in range(1, _ROUNDS + 1):
            waiting = await self._waiting(held, company)
            if not waiting:
                return
            await self._begin(waiting, held, legal_entity, company, not_before)
            try:
                await self._start(waiting, held, company)
                await self.earning.correct([schedule.id for schedule in waiting], company)
            except Rejection:
                # Whoever else starts them has been faster with one at least.
                left = await self._waiting(held, company)
                if attempt == _ROUNDS or len(left) == len(waiting):
                    raise

    async def running(self, held: Held, company: Company) -> frozenset[int]:
        """The lines of a document whose schedules have been started."""
        if not (await self.probe.features()).deferral:
            return frozenset()
        rows = await self.client.search(
            SCHEDULE,
            [["invoice_line.invoice", "=", held.id], ["state", "!=", "draft"]],
            ["invoice_line"],
            what=f"deferred revenue of document {held.number or held.id}",
            company=company.id,
        )
        return frozenset(int(row["invoice_line"]) for row in rows)

    async def _waiting(self, held: Held, company: Company) -> list[_Schedule]:
        rows = await self.client.search(
            SCHEDULE,
            [["invoice_line.invoice", "=", held.id], ["state", "=", "draft"]],
            ["state", "amount", "start_date", "end_date"],
            what=f"deferred revenue of document {held.number or held.id}",
            company=company.id,
        )
        return [parsed(_Schedule, row, "schedule") for row in rows]

    async def _begin(
        self,
        schedules: Sequence[_Schedule],
        held: Held,
        legal_entity: str,
        company: Company,
        not_before: date | None,
    ) -> None:
        """Move their starts to the first day that the books take. Done again it changes nothing:
        what is left is in proportion to the days that are left."""
        booked_on = held.move.date if held.move else date.max
        begins = await self._first_days(
            legal_entity,
            {schedule.start_date for schedule in schedules},
            booked_on,
            company,
            held.journal or 0,
        )
        written: list[Any] = []
        for schedule in schedules:
            first = max(begins[schedule.start_date], not_before or date.min)
            if first > schedule.start_date:
                share = _rounded(schedule.from_day(first), company.currency.code)
                values = {"start_date": day(first), "amount": decimal(share)}
                written += [[schedule.id], values]
        if written:
            await self.client.rpc(
                f"model.{SCHEDULE}.write",
                *written,
                what=f"deferred revenue of document {held.number or held.id}",
                company=company.id,
                writes=True,
            )

    async def _first_days(
        self,
        legal_entity: str,
        starts: Collection[date],
        booked_on: date,
        company: Company,
        journal: int,
    ) -> dict[date, date]:
        """For each day the first from then on that the books take. Of the month of the document
        itself, and later ones, it is the day."""
        found = {}
        for first in starts:
            earlier = first < booked_on.replace(day=1)
            found[first] = (
                await self.master.first_open_day(
                    legal_entity, first, company, journal=("id", journal)
                )
                if earlier
                else first
            )
        return found

    async def _start(self, schedules: Sequence[_Schedule], held: Held, company: Company) -> None:
        for start in range(0, len(schedules), _BATCH):
            some = schedules[start : start + _BATCH]
            await self.client.rpc(
                f"model.{SCHEDULE}.run",
                [schedule.id for schedule in some],
                what=f"deferred revenue of document {held.number or held.id}",
                company=company.id,
                writes=True,
                more_seconds=_SCHEDULE_SECONDS * len(some),
            )


def _rounded(amount: Decimal, currency: str) -> Decimal:
    return amount.quantize(Money.zero(currency).decimal)
