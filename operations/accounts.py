"""Customers' accounts: what belongs to no single subscription, and what stands open."""

from canonical_models.amendment import ChangeKind, account_subject
from canonical_models.base import Canonical, Instant
from canonical_models.failures import RejectionCode
from canonical_models.mapping import AccountMapping
from canonical_models.money import Money
from canonical_models.records import AccountRecord
from canonical_models.views import ChangeView, ExceptionView
from operations.context import AppContext
from operations.errors import NotFound
from operations.movements import SettlementView, settlement_views
from operations.sides import InvoiceSummary, summaries
from operations.syncing import SyncStarted, start
from persistence import (
    accounts,
    changes,
    differences,
    documents,
    exceptions,
    mappings,
    settlements,
    subscriptions,
)
from persistence.connection import Connection
from persistence.differences import BalanceApart

_MOST = 100


class MasterData(Canonical):
    """What other systems were told of the customer's name, address and tax ids.

    `state` is `unknown` before they were told anything, `agreed`, `asked` while a change of them
    waits for a person, or `deleted` where billing has only the customer's id left.
    """

    state: str
    told_at: Instant | None
    exception_id: str | None


class Balance(Canonical):
    """A customer's balance in one currency, positive where we owe the customer. `billing` is None
    where it was never read; `missing` is what the ERP has not been told of it."""

    billing: Money | None
    missing: Money


class AccountDetail(Canonical):
    """`subject` is what the account's changes are listed by. `documents` are the newest 100 of no
    single subscription. `open_items` were entered on the account and settle no document there:
    money that came first, goodwill, debts of their own."""

    customer_id: str
    subject: str
    account: AccountMapping | None
    master_data: MasterData
    balances: tuple[Balance, ...]
    open_items: tuple[SettlementView, ...]
    documents: tuple[InvoiceSummary, ...]
    subscriptions: tuple[str, ...]
    exceptions: tuple[ExceptionView, ...]
    open_changes: tuple[ChangeView, ...]
    recent_changes: tuple[ChangeView, ...]


async def show(context: AppContext, tenant: str, customer_id: str) -> AccountDetail:
    """Raises NotFound for a customer that nothing is known of."""
    subject = account_subject(customer_id)
    async with context.database.transaction() as conn:
        mapped = (await mappings.accounts_now(conn, tenant, [customer_id])).get(customer_id)
        kept = await accounts.get(conn, tenant, customer_id)
        recent = await changes.page(conn, tenant, subject=subject, limit=20)
        issued = await documents.page(conn, tenant, subject=subject, limit=_MOST)
        standing = await settlements.on_account(conn, tenant, customer_id)
        held = await subscriptions.page(conn, tenant, customer_id=customer_id, limit=_MOST)
        if not (mapped or kept or recent or issued or standing or held):
            raise _unknown(customer_id)
        asked = await exceptions.open_of(conn, tenant, [subject])
        missing = await _missing(context, conn, tenant, customer_id)
        return AccountDetail(
            customer_id=customer_id,
            subject=subject,
            account=mapped,
            master_data=_master_data(kept, asked),
            balances=_balances(kept, missing),
            open_items=settlement_views(standing),
            documents=await summaries(context, conn, tenant, issued),
            subscriptions=tuple(state.subscription.subscription_id for state in held),
            exceptions=asked,
            open_changes=await changes.unsettled(conn, tenant, subject),
            recent_changes=recent,
        )


async def sync(context: AppContext, tenant: str, customer_id: str) -> SyncStarted:
    """Have all read anew that billing has issued to the customer beside subscriptions, balance and
    master data, and every system brought to that. Raises NotFound for a customer that nothing is
    known of."""
    await show(context, tenant, customer_id)
    async with context.database.transaction() as conn:
        return await start(
            conn,
            tenant,
            account_subject(customer_id),
            kind=ChangeKind.ACCOUNT,
            customer_id=customer_id,
        )


async def _missing(
    context: AppContext, conn: Connection, tenant: str, customer_id: str
) -> tuple[BalanceApart, ...]:
    since = context.cutover(tenant)
    return await differences.balances(conn, tenant, since=since, customer_id=customer_id)


def _balances(kept: AccountRecord | None, missing: tuple[BalanceApart, ...]) -> tuple[Balance, ...]:
    said = {amount.currency: amount for amount in (kept.balance if kept else ())}
    apart = {found.missing.currency: found.missing for found in missing}
    return tuple(
        Balance(billing=said.get(code), missing=apart.get(code, Money.zero(code)))
        for code in sorted({*said, *apart})
    )


def _master_data(kept: AccountRecord | None, asked: tuple[ExceptionView, ...]) -> MasterData:
    code = RejectionCode.MASTER_DATA_CHANGED.value
    question = next((found.exception_id for found in asked if found.code == code), None)
    told = kept is not None and bool(kept.profile_digest)
    if kept is not None and kept.deleted:
        state = "deleted"
    elif question is not None:
        state = "asked"
    else:
        state = "agreed" if told else "unknown"
    return MasterData(
        state=state, told_at=kept.synced_at if kept and told else None, exception_id=question
    )


def _unknown(customer_id: str) -> NotFound:
    return NotFound(
        f"there is no account of customer {customer_id}: nothing of it has arrived",
        remedy="see the customers that are mapped",
        see=("customers", ""),
    )
