"""The journals and accounts of a legal entity that movements are booked with.

Tryton keeps the accounts of a bank in a payment method and those of a write-off in a write-off
method, of which each legal entity has its own; a journal may be shared by all.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict

from canonical_models.documents import SettlementKind
from canonical_models.ledgering import SettlementDraft
from canonical_models.money import Money
from connectors.tryton.client import TrytonClient
from connectors.tryton.entries import what
from connectors.tryton.mapping import Company, Wire, parsed
from connectors.tryton.settlement import refusal


class SettlementAccounts(BaseModel):
    """Which journals and accounts movements are booked with, by code (journals also by id).

    - `bank_journal`: of the payment method on whose account the money that billing collects stands,
      such as a clearing account; by default the first method whose journal is of the type cash.
    - `paid_elsewhere_journal`: the same for money that reached us past billing; by default it too.
    - `write_off_journal`: of the write-off method; by default the first of the type write-off.
    - `goodwill_account`: what balance that is given without a document costs. Without it goodwill
      is refused: there is no default.
    - `general_journal`: for goodwill and what stays within customers' accounts; by default MISC,
      which Tryton brings, else the first of the type general.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)

    bank_journal: str | None = None
    paid_elsewhere_journal: str | None = None
    write_off_journal: str | None = None
    goodwill_account: str | None = None
    general_journal: str | None = None


class Method(Wire):
    """The other side of movements: a journal, and its accounts for debts that shrink and grow."""

    journal: int
    debit_account: int
    credit_account: int

    def account(self, amount: Money) -> int:
        return self.debit_account if amount.minor > 0 else self.credit_account


class Methods:
    def __init__(self, client: TrytonClient, accounts: SettlementAccounts) -> None:
        self._client, self._accounts = client, accounts

    async def money(self, draft: SettlementDraft, company: Company) -> Method:
        """Where money of this kind stands."""
        name = self._accounts.bank_journal
        if draft.kind is SettlementKind.PAID_ELSEWHERE:
            name = self._accounts.paid_elsewhere_journal or name
        return await self.payment(name, draft.legal_entity, company)

    async def past_billing(self, company: Company) -> set[int]:
        """Accounts that money past billing may stand on: those of all payment methods, but the one
        for what billing collects where that has a journal of its own."""
        rows = await self._client.search(
            "account.invoice.payment.method",
            [["company", "=", company.id]],
            ("journal.code", "debit_account", "credit_account"),
            what="the payment methods",
            company=company.id,
        )
        collected, elsewhere = self._accounts.bank_journal, self._accounts.paid_elsewhere_journal
        left_out = {collected} if elsewhere is not None and elsewhere != collected else set()
        return {
            int(row[side])
            for row in rows
            if not {row["journal"]["code"], str(row["journal"]["id"])} & left_out
            for side in ("debit_account", "credit_account")
        }

    async def write_off(self, draft: SettlementDraft, company: Company) -> Method:
        """What a loss costs."""
        return await self.losses(draft.legal_entity, company)

    async def payment(self, name: str | None, legal_entity: str, company: Company) -> Method:
        """The payment method by its journal; without a name the first of the type cash."""
        return await self._find(
            "account.invoice.payment.method", "cash", "payment", name, legal_entity, company
        )

    async def losses(self, legal_entity: str, company: Company) -> Method:
        """The write-off method."""
        return await self._find(
            "account.move.reconcile.write_off",
            "write-off",
            "write-off",
            self._accounts.write_off_journal,
            legal_entity,
            company,
        )

    async def _find(
        self,
        model: str,
        kind: str,
        called: str,
        name: str | None,
        legal_entity: str,
        company: Company,
    ) -> Method:
        wanted = [["journal.type", "=", kind]] if name is None else [_named("journal", name)]
        rows = await self._client.search(
            model,
            [["company", "=", company.id], *wanted],
            ("journal", "debit_account", "credit_account"),
            what=f"the {kind} journal of {legal_entity}",
            company=company.id,
        )
        if not rows:
            which = f"of the type {kind}" if name is None else name
            raise refusal(
                f"{legal_entity} has no {called} method with a journal {which} in the ERP: "
                "create one there, or name its journal in the connection's options",
                f"{legal_entity} {called} method",
            )
        return parsed(Method, rows[0], f"{called} method")

    async def goodwill(self, draft: SettlementDraft, company: Company) -> Method:
        """What balance costs that is given without a document."""
        code = self._accounts.goodwill_account
        rows = await self._client.search(
            "account.account",
            [["company", "=", company.id], ["code", "=", code], ["type", "!=", None]],
            ("code",),
            what=f"the goodwill account of {draft.legal_entity}",
            company=company.id,
        )
        if code is None or not rows:
            said = "is named" if code is None else f"{code} is in the ERP"
            raise refusal(
                f"no goodwill account {said} for {draft.legal_entity}, against which "
                f"{what(draft)} would be booked: name one that it has by its code in the "
                "connection's options, as goodwill_account",
                f"{draft.legal_entity} goodwill account",
            )
        account = int(rows[0]["id"])
        return Method(
            journal=await self.general_journal(company),
            debit_account=account,
            credit_account=account,
        )

    async def general_journal(self, company: Company) -> int:
        """For what stays within customers' accounts."""
        name = self._accounts.general_journal
        rows = await self._client.search(
            "account.journal",
            [["type", "=", "general"] if name is None else _named("", name)],
            ("code",),
            what="the general journal",
            company=company.id,
        )
        if not rows:
            which = "of the type general" if name is None else name
            raise refusal(
                f"the ERP has no journal {which}: create one there, or name one in the "
                "connection's options, as general_journal",
                "general journal",
            )
        usual = (row for row in rows if row.get("code") == "MISC")
        return int(next(usual, rows[0])["id"])


def _named(path: str, name: str) -> list[Any]:
    by_code = [f"{path}.code" if path else "code", "=", name]
    if not name.isdecimal():
        return by_code
    return ["OR", by_code, [path or "id", "=", int(name)]]
