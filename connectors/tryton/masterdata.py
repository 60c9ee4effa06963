"""The ERP's master data that a document rests on; each read refuses what would not post."""

from collections.abc import Mapping
from datetime import date

from canonical_models.closing import ClosedMonths, PeriodState, month_after, month_of
from canonical_models.failures import Rejection, RejectionCode, TransientFailure
from connectors.tryton.client import TrytonClient
from connectors.tryton.errors import SYSTEM
from connectors.tryton.mapping import Company, Day, Party, Wire, day, parsed

#: So many open periods are looked through for one that takes a journal: two years of months.
_PERIODS = 24


class _Today(Wire):
    today: Day


class _Period(Wire):
    id: int
    start_date: Day
    end_date: Day


class MasterData:
    """`closed` tells the months that were closed here, whatever the ERP's own periods say."""

    def __init__(self, client: TrytonClient, closed: ClosedMonths | None = None) -> None:
        self._client = client
        self._closed_here = closed
        self._companies: dict[str, Company] = {}
        self._currencies: dict[str, int] = {}
        self._journals: dict[int, int] = {}

    async def company(self, code: str) -> Company:
        """Companies do not move: each is asked for once."""
        if code not in self._companies:
            rows = await self._client.search(
                "company.company",
                [["party.code", "=", code]],
                ["currency.code"],
                what=f"legal entity {code}",
            )
            if not rows:
                raise Rejection(
                    RejectionCode.LEGAL_ENTITY_UNKNOWN,
                    f"the ERP has no legal entity {code}, or our user may not see it: create it, "
                    "or correct the account mapping",
                    system=SYSTEM,
                    subject=code,
                )
            self._companies[code] = parsed(Company, rows[0], "company")
        return self._companies[code]

    async def today(self, company: Company) -> date:
        """The ERP's own today in the legal entity."""
        said = await self._client.rpc(
            "model.ir.date.today", what="the ERP's today", company=company.id
        )
        return parsed(_Today, {"today": said}, "date").today

    async def party(self, code: str, company: Company) -> Party:
        """A party that may be invoiced."""
        party = await self.account_of(code, company)
        if not party.active:
            raise Rejection(
                RejectionCode.CUSTOMER_BLOCKED,
                f"ERP party {code} is deactivated: activate it, or map the customer to another",
                system=SYSTEM,
                subject=code,
            )
        if not party.addresses:
            raise Rejection(
                RejectionCode.DOCUMENT_REFUSED,
                f"ERP party {code} has no address to invoice: add one",
                system=SYSTEM,
                subject=code,
            )
        return party

    async def account_of(self, code: str, company: Company) -> Party:
        """A party that has, or had, an account: money also moves on one that is deactivated."""
        rows = await self._client.search(
            "party.party",
            [["code", "=", code], ["active", "in", [True, False]]],
            [
                "active",
                "account_receivable",
                "customer_payment_term",
                "addresses.id",
                "addresses.invoice",
            ],
            what=f"party {code}",
            company=company.id,
        )
        if not rows:
            raise Rejection(
                RejectionCode.PARTY_UNKNOWN,
                f"the ERP has no party {code}: create it, or correct the account mapping",
                system=SYSTEM,
                subject=code,
            )
        return parsed(Party, rows[0], "party")

    async def currency(self, code: str) -> int:
        """Currencies keep their ids: each is asked for once."""
        if code not in self._currencies:
            rows = await self._client.search(
                "currency.currency", [["code", "=", code]], ["code"], what=f"currency {code}"
            )
            if not rows:
                raise Rejection(
                    RejectionCode.CURRENCY_MISMATCH,
                    f"the ERP has no currency {code}: add it with a rate, or bill in another",
                    system=SYSTEM,
                    subject=code,
                )
            self._currencies[code] = int(rows[0]["id"])
        return self._currencies[code]

    async def journal(self, company: Company) -> int:
        """The first revenue journal, which documents are posted in."""
        if company.id not in self._journals:
            rows = await self._client.search(
                "account.journal",
                [["type", "=", "revenue"]],
                ["code"],
                what="the revenue journal",
                company=company.id,
            )
            if not rows:
                raise Rejection(
                    RejectionCode.DOCUMENT_REFUSED,
                    "the ERP has no journal of the type revenue: create one",
                    system=SYSTEM,
                    subject="journal",
                )
            self._journals[company.id] = int(rows[0]["id"])
        return self._journals[company.id]

    async def default_receivable(self, company: Company) -> int | None:
        return await self._configured("default_account_receivable", company)

    async def revenue_accounts(self, company: Company) -> set[int]:
        """What items are sold on: the accounts of their accounting categories."""
        rows = await self._client.search(
            "product.category",
            [["accounting", "=", True]],
            ["account_revenue"],
            what="the revenue accounts of items",
            company=company.id,
        )
        default = await self._configured("default_category_account_revenue", company)
        found = (default, *(row.get("account_revenue") for row in rows))
        return {int(account) for account in found if account is not None}

    async def deferred_revenue(self, company: Company) -> int | None:
        """Where revenue stands that is billed and not earned yet."""
        return await self._configured("deferred_account_revenue", company)

    async def open_period(
        self, legal_entity: str, on: date, company: Company, *, journal: tuple[str, int | str]
    ) -> int:
        """The period of the day. `journal` says by a field, such as type or id, which ones have
        to be open in it. Raises Rejection (period_closed), TransientFailure."""
        await self.require_not_closed(legal_entity, on)
        what = f"the period of {on}"
        rows = await self._client.search(
            "account.period",
            [
                ["company", "=", company.id],
                ["type", "=", "standard"],
                ["start_date", "<=", day(on)],
                ["end_date", ">=", day(on)],
            ],
            ["state"],
            what=what,
            company=company.id,
        )
        is_open = [int(row["id"]) for row in rows if row.get("state") == "open"]
        closed = await self._closed_journals(is_open, journal, company)
        if not is_open or closed:
            raise _closed(legal_entity, on, *closed.values())
        return is_open[0]

    async def first_open_day(
        self, legal_entity: str, on: date, company: Company, *, journal: tuple[str, int | str]
    ) -> date:
        """The day itself where its period is open, else the first day of the next one that is, with
        `journal` open as in `open_period`. Raises Rejection (period_closed) where none is, and
        TransientFailure."""
        ours = await self._not_open(legal_entity)
        rows = await self._client.search(
            "account.period",
            [
                ["company", "=", company.id],
                ["type", "=", "standard"],
                ["state", "=", "open"],
                ["end_date", ">=", day(on)],
            ],
            ["start_date", "end_date"],
            what=f"the first open period from {on} on",
            company=company.id,
            order=(("start_date", "ASC"),),
            limit=_PERIODS,
        )
        periods = [parsed(_Period, row, "period") for row in rows]
        closed = await self._closed_journals([period.id for period in periods], journal, company)
        for period in periods:
            first = max(on, period.start_date)
            while first <= period.end_date and month_of(first) in ours:
                _wait_for(legal_entity, first, ours)
                first = month_after(first)
            if period.id not in closed and first <= period.end_date:
                return first
        raise _closed(legal_entity, on, *closed.values())

    async def require_not_closed(self, legal_entity: str, on: date) -> None:
        """Raises Rejection (period_closed) for a day of a month that was closed here, and
        TransientFailure while that is being done."""
        ours = await self._not_open(legal_entity)
        if month_of(on) in ours:
            _wait_for(legal_entity, on, ours)
            raise Rejection(
                RejectionCode.PERIOD_CLOSED,
                f"{legal_entity} has closed {month_of(on)} in Trueup: book it on a later day, or "
                "reopen the month with a reason",
                system="trueup",
                subject=f"{legal_entity} {month_of(on)}",
            )

    async def _not_open(self, legal_entity: str) -> Mapping[str, PeriodState]:
        return await self._closed_here(legal_entity) if self._closed_here else {}

    async def _closed_journals(
        self, periods: list[int], journal: tuple[str, int | str], company: Company
    ) -> dict[int, str]:
        """Periods in which such a journal is closed, with its name: each journal closes on its own,
        and stays closed when its period is opened again."""
        field, wanted = journal
        rows = await self._client.search(
            "account.journal.period",
            [
                ["period", "in", periods],
                [f"journal.{field}", "=", wanted],
                ["state", "=", "closed"],
            ],
            ["period", "journal.name"],
            what="closed journals",
            company=company.id,
        )
        return {int(row["period"]): str(row["journal"]["name"]) for row in rows}

    async def _configured(self, field: str, company: Company) -> int | None:
        """A field of the accounting configuration, which Tryton keeps by legal entity."""
        rows = await self._client.search(
            "account.configuration",
            [],
            [field],
            what="the accounting configuration",
            company=company.id,
        )
        found = rows[0].get(field) if rows else None
        return None if found is None else int(found)


def _wait_for(legal_entity: str, on: date, ours: Mapping[str, PeriodState]) -> None:
    if ours[month_of(on)] is PeriodState.CLOSING:
        raise TransientFailure(
            f"{legal_entity} is closing {month_of(on)}: what is dated into it waits for that",
            system="trueup",
        )


def _closed(legal_entity: str, on: date, *journals: str) -> Rejection:
    return Rejection(
        RejectionCode.PERIOD_CLOSED,
        f"{legal_entity} has no accounting period open for "
        f"{journals[0] if journals else 'any journal'} on {on}: reopen the period and its journal, "
        "or open the next one",
        system=SYSTEM,
        subject=f"{legal_entity} {on:%Y-%m}",
    )
