"""Organisations that the support platform no longer has: where people have put them, and what of it
is a question."""

from activities.planned import without_organization
from activities.tenants import Tenant
from canonical_models.amendment import AmendmentPlan
from canonical_models.failures import Failure
from canonical_models.mapping import AccountMapping
from persistence import effects
from persistence.database import Database


async def without(
    database: Database, tenant: Tenant, plan: AmendmentPlan, account: AccountMapping
) -> AmendmentPlan:
    """The plan where support has no such organisation. Of a customer who has ended nothing is to be
    shown, and nothing is asked. One that was merged with another is a proposal to map the account
    to that one: whether both are one customer for billing too is a person's to say."""
    if plan.access.support is None or plan.access.support.is_nothing:
        access = plan.access.model_copy(update={"support": None})
        return plan.model_copy(update={"access": access})
    organization = account.support_organization
    async with database.statement() as conn:
        known = await effects.last_reference(
            conn, effects.organization_set(tenant.name, organization)
        )
    return without_organization(plan, account, await proposed(tenant, organization, known))


async def proposed(tenant: Tenant, organization: str, known: str | None) -> str | None:
    """What to do about one that was merged; None where it was not, or nobody can tell. `known` is
    the platform's own id of it, when it last had it."""
    if known is None:
        return None
    try:
        merged = await tenant.support.merged_into(known)
    except Failure:
        # That it is gone is said all the same, only not where it went.
        return None
    if merged is None:
        return None
    if merged.external_id is None:
        return (
            f"support has merged the organisation {organization} ({known}) into "
            f"{merged.organization_id}, which has no external id: give it one, and `correct` the "
            "account's mapping to that as its support_organization; or make a new organisation for "
            "it there"
        )
    return (
        f"support has merged the organisation {organization} ({known}) into {merged.external_id} "
        f"({merged.organization_id}): `correct` the account's mapping to support_organization "
        f"{merged.external_id}, where both are then shown as one; or make a new organisation for "
        "it there"
    )
