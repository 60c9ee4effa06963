"""The access half of a plan: what the customer may use, and what support owes. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from canonical_models.amendment import AccessPlan, Refusal
from canonical_models.commerce import Subscription
from canonical_models.entitlement import (
    NO_SUPPORT,
    Grant,
    SubscriptionSupport,
    SupportEntitlement,
)
from canonical_models.failures import Rejection
from canonical_models.mapping import AccountMapping, ItemMapping
from canonical_models.records import DocumentRecord
from planning.grants import granted
from planning.mapping import keys_of_item, mapped_item
from planning.refusals import unmapped_account, unmapped_item
from planning.support import highest, merged_support, support_of
from planning.suspension import suspended_items
from planning.term import serves


@dataclass(frozen=True)
class AccessInput:
    """All that the access half depends on; equal inputs give equal plans."""

    subscription: Subscription
    #: None where the customer is mapped to no support organisation.
    account: AccountMapping | None
    #: By the keys that `keys_of_item` names.
    items: Mapping[str, ItemMapping]
    #: Support tiers, lowest first.
    tiers: tuple[str, ...]
    #: All that charge the subscription.
    records: tuple[DocumentRecord, ...] = ()
    #: Invoices whose grace is over.
    unpaid: Collection[str] = ()
    #: What this subscription grants until now.
    grants: tuple[Grant, ...] = ()
    #: What it asks of support until now, and what the customer's other subscriptions ask.
    contribution: SubscriptionSupport = NO_SUPPORT
    others: tuple[SubscriptionSupport, ...] = ()
    #: What the support platform shows now; None where nobody could ask.
    support: SupportEntitlement | None = None
    #: Where contracts end; None for billing's very second.
    time_zone: str | None = None


def plan_access(given: AccessInput) -> AccessPlan:
    """What is refused is a value of the plan, and holds up nothing else: what is mapped is given,
    and what billing has ended is taken without any mapping."""
    subscription, zone = given.subscription, given.time_zone
    documents = tuple(record.document for record in given.records)
    suspended = suspended_items(subscription, documents, given.unpaid, given.grants)
    grants = granted(subscription, given.items, given.grants, suspended=suspended, zone=zone)
    plan = AccessPlan(
        grants_before=given.grants,
        grants=grants,
        contribution_before=given.contribution,
        suspended=suspended,
        contribution=given.contribution,
        refused=_unmapped(given),
    )
    try:
        told = _support(given, grants, suspended, whole=plan.refused is None)
    except Rejection as why:
        told = {"refused": plan.refused or Refusal.of(why)}
    return plan.model_copy(update=told)


def _unmapped(given: AccessInput) -> Refusal | None:
    if serves(given.subscription, given.time_zone):
        for item in given.subscription.items:
            if item.quantity and mapped_item(item, given.items) is None:
                return Refusal.of(unmapped_item(keys_of_item(item)[0]))
    return None


def _support(
    given: AccessInput, grants: tuple[Grant, ...], suspended: tuple[str, ...], *, whole: bool
) -> dict[str, object]:
    """Raises Rejection: account_unmapped, support_refused."""
    contribution = support_of(
        given.subscription, grants, given.items, given.tiers, suspended, zone=given.time_zone
    )
    if not whole:
        # What is not mapped may give a tier: it takes none away.
        tiers = [tier for tier in (contribution.tier, given.contribution.tier) if tier is not None]
        contribution = contribution.model_copy(update={"tier": highest(tiers, given.tiers)})
    if given.account is None:
        if contribution == given.contribution == NO_SUPPORT:
            return {}
        raise unmapped_account(given.subscription.customer.customer_id)
    organization = given.account.support_organization
    merged = merged_support(organization, (contribution, *given.others), given.tiers)
    return {
        "organization": organization,
        "contribution": contribution,
        "support": None if merged == given.support else merged,
    }
