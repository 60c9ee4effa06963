"""All that is read of a customer before it is taken over. Changes nothing anywhere."""

from collections.abc import Iterable
from dataclasses import dataclass

from activities.adoption_accounts import Proposal, kept, proposed, refusal
from activities.gather import each_of
from activities.tenants import Tenant
from canonical_models.adoption import Finding
from canonical_models.commerce import AccountSnapshot, BilledCustomer, BillingSnapshot
from canonical_models.documents import BillingDocument, Settlement
from canonical_models.failures import ContractDrift, Rejection
from canonical_models.mapping import ItemMapping, keys_of
from canonical_models.records import DocumentRecord, subject_of
from persistence import adoptable, documents, planning_context
from persistence.adoptable import Known
from persistence.database import Database
from planning.adoption import to_be_found
from planning.mapping import keys_of_item
from planning.term import serves

#: Reads of one customer side by side: one with a thousand subscriptions leaves room for others.
READS = 4


@dataclass(frozen=True)
class Seen:
    """A customer as billing and our tables have it. `documents` are those that were open at the
    cutover or issued since, each once, the oldest first, with the newest of each subscription;
    `records` are what we knew of them. `refused` is what could not be read."""

    customer_id: str
    account: AccountSnapshot
    subscriptions: tuple[BillingSnapshot, ...]
    documents: tuple[BillingDocument, ...]
    records: dict[str, DocumentRecord]
    known: Known
    proposal: Proposal
    items: dict[str, ItemMapping]
    refused: tuple[Finding, ...]

    @property
    def moved(self) -> tuple[Settlement, ...]:
        """All movements that billing shows."""
        of_documents = (each for document in self.documents for each in document.settlements)
        return (*self.account.movements, *of_documents)


async def read_customer(
    database: Database, tenant: Tenant, customer: BilledCustomer
) -> Seen | Finding:
    """A Finding where the customer itself cannot be read."""
    key = customer.customer_id
    async with database.statement() as conn:
        found = await planning_context.master_data(
            conn, tenant.name, customer_id=key, keys=(), subscription_id=None
        )
        before = await adoptable.unlinked(conn, tenant.name, key, cutover=tenant.books_from)
    named = {*customer.open_documents, *(record.document.document_id for record in before)}
    try:
        account = await tenant.billing.account_snapshot(
            key, documents=sorted(named), since=tenant.books_from
        )
    except (Rejection, ContractDrift) as refused:
        return refusal(refused, key)
    read = await each_of(
        customer.subscriptions, lambda of: _subscription(tenant, of), at_once=READS
    )
    snapshots = tuple(each for each in read if isinstance(each, BillingSnapshot))
    shown = {each.document_id: each for each in account.documents}
    shown |= {each.document_id: each for of in snapshots for each in of.documents}
    issued = tuple(sorted(shown.values(), key=lambda each: (each.issued_at, each.document_id)))
    mapping = found.account
    if mapping is not None:
        proposal = kept(mapping)
    elif needs_account(tenant, account, snapshots, issued):
        proposal = await proposed(tenant, key)
    else:
        proposal = Proposal(None)
    organization = proposal.mapping.support_organization if proposal.mapping else None
    ids = [each.subscription.subscription_id for each in snapshots]
    movements = {each.settlement_id for document in issued for each in document.settlements}
    movements |= {each.settlement_id for each in account.movements}
    async with database.statement() as conn:
        items = await planning_context.master_data(
            conn, tenant.name, customer_id=key, keys=_keys(snapshots, issued), subscription_id=None
        )
        records = await documents.named(conn, tenant.name, shown)
        known = await adoptable.known(
            conn, tenant.name, ids, movements=movements, organization=organization
        )
    return Seen(
        customer_id=key,
        account=account,
        subscriptions=snapshots,
        documents=issued,
        records=records,
        known=known,
        proposal=proposal,
        items=items.items,
        refused=tuple(each for each in read if isinstance(each, Finding)),
    )


def needs_account(
    tenant: Tenant,
    account: AccountSnapshot,
    snapshots: Iterable[BillingSnapshot],
    issued: Iterable[BillingDocument],
) -> bool:
    """Whether anything of the customer is to stand elsewhere. One whose subscriptions have ended
    and that owes nothing need not be mapped."""
    return (
        any(serves(each.subscription, tenant.policy.time_zone) for each in snapshots)
        or any(
            each.issued_at >= tenant.books_from or to_be_found(each, tenant.books_from)
            for each in issued
        )
        or bool(account.movements or account.balance)
    )


def of_subject(issued: Iterable[BillingDocument], subject: str) -> tuple[BillingDocument, ...]:
    return tuple(document for document in issued if subject_of(document) == subject)


async def _subscription(tenant: Tenant, subscription_id: str) -> BillingSnapshot | Finding:
    try:
        return await tenant.billing.snapshot(subscription_id, since=tenant.books_from)
    except (Rejection, ContractDrift) as refused:
        return refusal(refused, subscription_id)


def _keys(snapshots: Iterable[BillingSnapshot], issued: Iterable[BillingDocument]) -> set[str]:
    keys = {
        key for each in snapshots for item in each.subscription.items for key in keys_of_item(item)
    }
    return keys | {key for document in issued for line in document.lines for key in keys_of(line)}
