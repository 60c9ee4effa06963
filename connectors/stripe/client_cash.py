"""What is read from Stripe of our own balance: movements, payouts, and what is on it.

Source: https://docs.stripe.com/api/balance_transactions/list, https://docs.stripe.com/api/payouts.
"""

from datetime import datetime

from canonical_models.cash import CashBalance, CashMovement, Payout
from connectors.stripe import cash
from connectors.stripe.amounts import instant
from connectors.stripe.errors import Kind, StripeRequest
from connectors.stripe.transport import Query, StripeTransport, expanding, path_part
from connectors.stripe.wire import Page
from connectors.stripe.wire_cash import Balance, BalanceTransaction, PayoutRead

_LIST = "/v1/balance_transactions"


class StripeCash:
    """The reads of one connection. Every method raises the failures of `errors.REFUSALS`."""

    def __init__(self, transport: StripeTransport) -> None:
        self._transport = transport

    async def payout(self, payout_id: str) -> Payout:
        """With what it pays out, where it is automatic and Stripe has reconciled it: of others it
        does not say it."""
        read = await self._transport.get(
            f"/v1/payouts/{path_part(payout_id, Kind.PAYOUT)}",
            [],
            PayoutRead,
            self._context("read the payout", payout_id),
        )
        covered = None
        if read.automatic and read.reconciliation_status == "completed":
            covered = await self._movements([("payout", payout_id)], payout_id)
        back = None
        if read.failure_balance_transaction is not None:
            returned = await self._transport.get(
                f"{_LIST}/{path_part(read.failure_balance_transaction, Kind.PAYOUT)}",
                expanding("source"),
                BalanceTransaction,
                self._context("read what brought back the payout", payout_id),
            )
            back = instant(returned.created)
        return cash.payout(read, covered, back)

    async def payouts_since(self, since: datetime) -> tuple[str, ...]:
        found = await self._transport.list_all(
            "/v1/payouts",
            [("created[gte]", str(int(since.timestamp())))],
            Page[PayoutRead],
            self._context("list the payouts of", "the account"),
        )
        return tuple(each.id for each in reversed(found))

    async def balance(self) -> CashBalance:
        read = await self._transport.get(
            "/v1/balance", [], Balance, self._context("read the balance of", "the account")
        )
        return cash.balance(read)

    async def movements(self, since: datetime, after: str | None) -> tuple[CashMovement, ...]:
        """Oldest first. Stripe lists the newest first, so all that are new are read."""
        query = [("created[gte]", str(int(since.timestamp())))]
        if after is None:
            return tuple(reversed(await self._movements(query, "the account")))
        return await self._behind(query, after)

    async def _behind(self, query: Query, after: str) -> tuple[CashMovement, ...]:
        """What was entered after one, page by page upwards."""
        found: list[CashMovement] = []
        while True:
            page = await self._transport.page(
                _LIST,
                [*query, *expanding("data.source"), ("ending_before", after)],
                Page[BalanceTransaction],
                self._context("list the balance transactions of", "the account"),
            )
            found += [cash.movement(each) for each in reversed(page.data)]
            if not page.has_more or not page.data:
                return tuple(found)
            after = page.data[0].id

    async def _movements(self, query: Query, subject: str) -> list[CashMovement]:
        """The newest first."""
        read = await self._transport.list_all(
            _LIST,
            [*query, *expanding("data.source")],
            Page[BalanceTransaction],
            self._context("list the balance transactions of", subject),
        )
        return [cash.movement(each) for each in read]

    def _context(self, words: str, key: str) -> StripeRequest:
        return self._transport.context(words, key, kind=Kind.PAYOUT)
