"""The ERP's master data that a document rests on; each read refuses what would not post."""

from datetime import date

from canonical_models.failures import Rejection, RejectionCode
from connectors.tryton.client import TrytonClient
from connectors.tryton.errors import SYSTEM
from connectors.tryton.mapping import Company, Party, day, parsed


class MasterData:
    def __init__(self, client: TrytonClient) -> None:
        self._client = client
        self._companies: dict[str, Company] = {}

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
        what = f"currency {code}"
        rows = await self._client.search(
            "currency.currency", [["code", "=", code]], ["code"], what=what
        )
        if not rows:
            raise Rejection(
                RejectionCode.CURRENCY_MISMATCH,
                f"the ERP has no currency {code}: add it with a rate, or bill in another",
                system=SYSTEM,
                subject=code,
            )
        return int(rows[0]["id"])

    async def journal(self, company: Company) -> int:
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
        return int(rows[0]["id"])

    async def default_receivable(self, company: Company) -> int | None:
        rows = await self._client.search(
            "account.configuration",
            [],
            ["default_account_receivable"],
            what="the accounting configuration",
            company=company.id,
        )
        return rows[0].get("default_account_receivable") if rows else None

    async def open_period(
        self, legal_entity: str, on: date, company: Company, *, journal: tuple[str, int | str]
    ) -> int:
        """The period of the day. `journal` says by a field, such as type or id, which ones have
        to be open in it. Raises Rejection (period_closed)."""
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
        # Each journal closes on its own, and stays closed when its period is reopened.
        field, wanted = journal
        closed = await self._client.search(
            "account.journal.period",
            [
                ["period", "in", is_open],
                [f"journal.{field}", "=", wanted],
                ["state", "=", "closed"],
            ],
            ["journal.name"],
            what=what,
            company=company.id,
        )
        if not is_open or closed:
            name = closed[0]["journal"]["name"] if closed else "any journal"
            raise Rejection(
                RejectionCode.PERIOD_CLOSED,
                f"{legal_entity} has no accounting period open for {name} on {on}: "
                "reopen the period and its journal, or open the next one",
                system=SYSTEM,
                subject=f"{legal_entity} {on:%Y-%m}",
            )
        return is_open[0]
