"""Customers' accounts: what belongs to no single subscription, and what stands open."""

from canonical_models.amendment import ChangeKind, account_subject
from canonical_models.base import Canonical, Instant
from canonical_models.decisions import DecisionView, Target
from canonical_models.failures import RejectionCode
from canonical_models.mapping import AccountMapping, AccountPlace
from canonical_models.money import Money
from canonical_models.records import AccountRecord
from canonical_models.views import ChangeView, ExceptionView
from operations import preview
from operations.context import AppContext
from operations.errors import NotFound
from operations.movements import SettlementView, settlement_views
from operations.sides import InvoiceSummary, summaries
from operations.syncing import SyncStarted, start, waiting
from persistence import (
    account_places,
    accounts,
    changes,
    decisions,
    differences,
    documents,
    exceptions,
    mappings,
    settlements,
    subscriptions,
)
from persistence.connection import Connection
from persistence.differences import BalanceApart
from persistence.together import together

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
    single subscription. `children` stand directly below it, and it pays for `pays_for`, at most a
    hundred of each. `open_items` were entered on the account and settle no document there:
    money that came first, goodwill, debts of their own."""

    customer_id: str
    subject: str
    account: AccountMapping | None
    #: Where it stands: above it, who pays, and what others call it; None where nothing was said.
    place: AccountPlace | None
    children: tuple[str, ...]
    pays_for: tuple[str, ...]
    #: Who has set where it stands, the newest first.
    placed: tuple[DecisionView, ...]
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
    place_id = f"account/{customer_id}"

    async def billed(on: Connection) -> tuple[InvoiceSummary, ...]:
        issued = await documents.page(on, tenant, subject=subject, limit=_MOST)
        return await summaries(context, on, tenant, issued)

    async with context.database.transaction() as conn:
        mapped, kept, recent, issued, standing, held, place = await together(
            conn,
            lambda on: mappings.accounts_now(on, tenant, [customer_id]),
            lambda on: accounts.get(on, tenant, customer_id),
            lambda on: changes.page(on, tenant, subject=subject, limit=20),
            billed,
            lambda on: settlements.on_account(on, tenant, customer_id),
            lambda on: subscriptions.page(on, tenant, customer_id=customer_id, limit=_MOST),
            lambda on: account_places.get(on, tenant, customer_id),
        )
        if not (mapped or kept or recent or issued or standing or held or place):
            raise _unknown(customer_id)
        children, pays_for, placed, asked, missing, unsettled = await together(
            conn,
            lambda on: account_places.children(on, tenant, customer_id),
            lambda on: account_places.paid_by(on, tenant, customer_id),
            lambda on: decisions.on(on, tenant, Target.ACCOUNT, place_id, limit=20),
            lambda on: exceptions.open_of(on, tenant, [subject]),
            lambda on: _missing(context, on, tenant, customer_id),
            lambda on: changes.unsettled(on, tenant, subject),
        )
    return AccountDetail(
        customer_id=customer_id,
        subject=subject,
        account=mapped.get(customer_id),
        place=place,
        children=children,
        pays_for=pays_for,
        placed=placed,
        master_data=_master_data(kept, asked),
        balances=_balances(kept, missing),
        open_items=settlement_views(standing),
        documents=issued,
        subscriptions=tuple(state.subscription.subscription_id for state in held),
        exceptions=asked,
        open_changes=unsettled,
        recent_changes=recent,
    )


async def sync(
    context: AppContext, tenant: str, customer_id: str, *, dry_run: bool = False
) -> SyncStarted:
    """Have all read anew that billing has issued to the customer beside subscriptions, balance and
    master data, and every system brought to that; with `dry_run` it is only said what that would
    come to. Raises NotFound for a customer that nothing is known of; of a dry run Unavailable."""
    await show(context, tenant, customer_id)
    subject = account_subject(customer_id)
    async with context.database.transaction() as conn:
        if not dry_run:
            begun = await start(
                conn, tenant, subject, kind=ChangeKind.ACCOUNT, customer_id=customer_id
            )
            return SyncStarted(change_id=begun.change_id, already=begun.already)
        waits = await waiting(conn, tenant, subject)
    found = await preview.of_subject(context, tenant, subject, whole=True)
    return SyncStarted(change_id=waits, already=waits is not None, foreseen=found)


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
