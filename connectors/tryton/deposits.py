"""Deposits in Tryton: payouts of billing, booked once each, and what stands on clearing.

What was taken in the payout's own currency leaves clearing at its sum. What was taken in another
one leaves it at what the books have for it, which is looked up: what billing has given for it more
or less is a difference of currencies, and nothing of it stays.

Sources: Tryton's modules account (move, tax line) and currency, 8.0.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal

from canonical_models.cash import CashAccounts, Converted, DepositDraft, DepositEntry
from canonical_models.failures import Rejection, RejectionCode
from canonical_models.money import Money
from connectors.attempts import Alone, Attempt
from connectors.tryton.client import TrytonClient
from connectors.tryton.deposit_plan import (
    BANK,
    CLEARED,
    CONVERSION,
    FEE_TAX,
    FEES,
    DepositLeg,
    DepositPlan,
    TaxPart,
    entry_of,
)
from connectors.tryton.entries import LINE, LINE_FIELDS, Move, MoveLine
from connectors.tryton.errors import SYSTEM
from connectors.tryton.mapping import Amount, Company, Wire, day, decimal, parsed
from connectors.tryton.masterdata import MasterData
from connectors.tryton.movements import Movements
from connectors.tryton.settlement import REFUSED, refusal
from connectors.tryton.taxes import TaxBook


class _Converted(Wire):
    amount: Amount


class _Balance(Wire):
    balance: Amount


class Deposits:
    def __init__(
        self, client: TrytonClient, master: MasterData, movements: Movements, taxes: TaxBook
    ) -> None:
        self._client, self._master = client, master
        self._movements, self._taxes = movements, taxes

    async def find(self, draft: DepositDraft) -> DepositEntry | None:
        """The posted deposit of the reference that nobody has cancelled."""
        company = await self._master.company(draft.accounts.legal_entity)
        moves = [m for m in await self._movements.of(draft.external_id, company) if m.posted]
        cancelled = await self._movements.cancelled(moves, company)
        live = next((move for move in moves if move.id not in cancelled), None)
        return None if live is None else entry_of(live, draft, company)

    async def deposit(self, draft: DepositDraft, attempt: Attempt | None = None) -> DepositEntry:
        """Enter it once. Raises Rejection before anything is posted that would not say it whole."""
        company = await self._master.company(draft.accounts.legal_entity)

        async def plan() -> DepositPlan:
            return await self._plan(draft, company)

        move = await self._movements.entered(draft.external_id, company, plan, attempt or Alone())
        if move.id in await self._movements.cancelled([move], company):
            raise refusal(
                f"move {move.number}, by which {draft.external_id} was booked, was cancelled in "
                "the ERP: undo that there, or abort, and the payout stays out of the books",
                draft.external_id,
            )
        return entry_of(move, draft, company)

    async def standing(self, accounts: CashAccounts) -> tuple[Money, ...]:
        """What stands on clearing in posted moves, by currency of the deals."""
        company = await self._master.company(accounts.legal_entity)
        clearing = await self._account(accounts.clearing, company)
        (row,) = await self._client.rpc(
            "model.account.account.read",
            [clearing],
            ["balance"],
            what=f"the balance of account {accounts.clearing}",
            company=company.id,
            context={"posted": True},
        )
        whole = Money.of(parsed(_Balance, row, "account").balance, company.currency.code)
        found = {whole.currency: whole}
        for line in await self._foreign(clearing, company):
            books, deal = Money.of(line.balance, whole.currency), line.money(company)
            found[whole.currency] -= books
            found[deal.currency] = found.get(deal.currency, Money.zero(deal.currency)) + deal
        return tuple(found[code] for code in sorted(found))

    async def _plan(self, draft: DepositDraft, company: Company) -> DepositPlan:
        accounts = draft.accounts
        journal = await self._journal(accounts)
        on = draft.value_date
        if draft.first_open_day:
            on = await self._master.first_open_day(
                accounts.legal_entity, on, company, journal=("id", journal)
            )
        period = await self._master.open_period(
            accounts.legal_entity, on, company, journal=("id", journal)
        )
        codes = {draft.received.currency, *(each.taken.currency for each in draft.converted)}
        currencies = {code: await self._master.currency(code) for code in sorted(codes)}
        legs = await self._legs(draft, company)
        described = draft.external_id
        if on != draft.value_date:
            described += f", value date {draft.value_date.isoformat()}"
        return DepositPlan(
            reference=draft.external_id,
            description=described,
            company=company,
            journal=journal,
            period=period,
            on=on,
            legs=tuple(leg for leg in legs if leg.booked or leg.second),
            currencies=currencies,
        )

    async def _legs(self, draft: DepositDraft, company: Company) -> list[DepositLeg]:
        accounts, books = draft.accounts, company.currency.code
        clearing = await self._account(accounts.clearing, company)
        legs: list[DepositLeg] = []

        async def add(account: int, amount: Money, label: str, *tax: tuple[int, str]) -> None:
            if not amount:
                return
            booked = await self._booked(amount, draft.value_date, company)
            second = None if amount.currency == books else amount
            part = TaxPart(*tax[0], booked) if tax else None
            legs.append(DepositLeg(account, booked, label, second, part))

        fee_tax = await self._fee_tax(draft, company)
        await add(await self._account(accounts.bank, company), draft.received, BANK)
        fees = await self._account(accounts.fees, company)
        if fee_tax is None:
            await add(fees, draft.fee, FEES)
        else:
            tax, account = fee_tax
            await add(fees, draft.fee, FEES, (tax, "base"))
            await add(account, draft.fee_tax, FEE_TAX, (tax, "tax"))
        if not draft.converted:
            rest = -sum((each.booked for each in legs), Decimal(0))
            second = None if draft.cleared.currency == books else -draft.cleared
            return [*legs, DepositLeg(clearing, rest, CLEARED, second)]
        await add(clearing, -draft.cleared, CLEARED)
        legs += [
            await self._converted_leg(each, clearing, draft, company) for each in draft.converted
        ]
        rest = -sum((each.booked for each in legs), Decimal(0))
        if rest:
            if accounts.conversion is None:
                raise refusal(
                    f"payout {draft.external_id} has {rest} {books} of difference between "
                    "currencies, and no account is named for it: name one as "
                    "policy.books.cash.conversion",
                    draft.external_id,
                )
            account = await self._account(accounts.conversion, company)
            legs.append(DepositLeg(account, rest, CONVERSION))
        return legs

    async def _converted_leg(
        self, each: Converted, clearing: int, draft: DepositDraft, company: Company
    ) -> DepositLeg:
        """Takes off clearing what stands there for it, at the books' own value."""
        booked, stands = await self._stands(each.settlement_id, clearing, company)
        if stands not in (each.taken, -each.taken) or not stands:
            raise refusal(
                f"{each.taken} of {each.settlement_id} are part of payout {draft.external_id}, and "
                f"the ERP has {stands or 'nothing'} of it on account {draft.accounts.clearing}: "
                "have its payment entered there first, then retry",
                each.settlement_id,
            )
        # What is taken back is the same, the other way round.
        sign = 1 if stands == each.taken else -1
        return DepositLeg(clearing, -booked * sign, f"{CLEARED} {each.settlement_id}", -each.taken)

    async def _stands(
        self, settlement_id: str, clearing: int, company: Company
    ) -> tuple[Decimal, Money | None]:
        """What a movement of a customer has put on clearing: in the books, and in its currency. One
        that several documents share has a move for each."""
        moves = await self._live(await self._movements.of(settlement_id, company), company)
        if not moves:
            parts = await self._movements.beneath(settlement_id, company)
            moves = await self._live(parts, company)
        lines = [line for move in moves for line in move.lines if line.account.id == clearing]
        money = [line.money(company) for line in lines]
        if len({each.currency for each in money}) != 1:
            return Decimal(0), None
        booked = sum((line.balance for line in lines), Decimal(0))
        return booked, Money.total(money, money[0].currency)

    async def _live(self, moves: Iterable[Move], company: Company) -> list[Move]:
        posted = [move for move in moves if move.posted]
        cancelled = await self._movements.cancelled(posted, company)
        return [move for move in posted if move.id not in cancelled]

    async def _fee_tax(self, draft: DepositDraft, company: Company) -> tuple[int, int] | None:
        """Tryton's id of the tax and of the account it is claimed on; None where fees bear none."""
        if not draft.fee_tax:
            return None
        accounts = draft.accounts
        if accounts.fee_tax_code is None:
            raise Rejection(
                RejectionCode.PAYMENT_REFUSED,
                f"billing's fees of payout {draft.external_id} bear {draft.fee_tax} of tax, and no "
                "tax code of the ERP is named for it: name one as policy.books.cash.fee_tax_code",
                system=SYSTEM,
                subject=draft.external_id,
            )
        taxes = await self._taxes.of(accounts.legal_entity, company)
        tax = taxes.named(accounts.fee_tax_code)
        account = taxes.account(tax)
        if account is None:
            raise refusal(
                f"tax {accounts.fee_tax_code} has no account in {accounts.legal_entity}, on which "
                f"the tax of payout {draft.external_id} would be claimed: set one in the ERP",
                accounts.fee_tax_code,
            )
        return tax, account

    async def _account(self, code: str, company: Company) -> int:
        rows = await self._client.search(
            "account.account",
            [["company", "=", company.id], ["code", "=", code], ["type", "!=", None]],
            ["code"],
            what=f"account {code}",
            company=company.id,
        )
        if not rows:
            raise refusal(
                f"the ERP has no account {code} to book payouts with: correct it in "
                "policy.books.cash, or make it in the ERP",
                code,
            )
        return int(rows[0]["id"])

    async def _journal(self, accounts: CashAccounts) -> int:
        named = accounts.journal
        rows = await self._client.search(
            "account.journal",
            [["type", "=", "cash"] if named is None else ["code", "=", named]],
            ["code"],
            what="the journal of payouts",
        )
        if not rows:
            raise refusal(
                f"the ERP has no journal {named or 'of the type cash'} to book payouts in: name "
                "one as policy.books.cash.journal, or make it in the ERP",
                named or "cash journal",
            )
        return int(rows[0]["id"])

    async def _booked(self, amount: Money, on: date, company: Company) -> Decimal:
        """In the currency of the books, by the ERP's own rate of the day."""
        if amount.currency == company.currency.code:
            return amount.decimal
        answer = await self._client.rpc(
            "model.currency.currency.compute",
            await self._master.currency(amount.currency),
            decimal(amount.decimal),
            await self._master.currency(company.currency.code),
            what=f"the rate of {amount.currency} on {on}",
            company=company.id,
            context={"date": day(on)},
            refused=REFUSED,
        )
        return parsed(_Converted, {"amount": answer}, "conversion").amount

    async def _foreign(self, account: int, company: Company) -> Sequence[MoveLine]:
        """Posted lines of the account that are of another currency than the books."""
        rows = await self._client.search(
            LINE,
            [
                ["account", "=", account],
                ["move.state", "=", "posted"],
                ["second_currency", "!=", None],
            ],
            LINE_FIELDS,
            what="what stands on clearing in other currencies",
            company=company.id,
        )
        return [parsed(MoveLine, row, "line") for row in rows]
