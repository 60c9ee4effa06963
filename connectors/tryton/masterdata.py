"""The ERP's master data that a document rests on; each read refuses what would not post."""

from datetime import date

from canonical_models.failures import Rejection, RejectionCode
from canonical_models.ledgering import LedgerQuestion
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
        party = parsed(Party, rows[0], "party")
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

    async def open_period(self, question: LedgerQuestion, company: Company) -> None:
        on: date = question.posting_date
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
        is_open = [row["id"] for row in rows if row.get("state") == "open"]
        # Each journal closes on its own, and stays closed when its period is reopened.
        closed = await self._client.search(
            "account.journal.period",
            [["period", "in", is_open], ["journal.type", "=", "revenue"], ["state", "=", "closed"]],
            ["state"],
            what=what,
            company=company.id,
        )
        if not is_open or closed:
            raise Rejection(
                RejectionCode.PERIOD_CLOSED,
                f"{question.legal_entity} has no accounting period open for revenue on {on}: "
                "reopen the period and its journal, or open the next one",
                system=SYSTEM,
                subject=f"{question.legal_entity} {on:%Y-%m}",
            )
