"""Who a customer of billing is elsewhere: mapped already, found for certain, to be made by policy,
or proposed to a person. Reads alone."""

from dataclasses import dataclass

from activities.account_opening import check_tax_ids, legal_entity_of
from activities.gather import gather
from activities.tenants import Tenant
from canonical_models.adoption import AccountStep, AdoptionCause, Finding
from canonical_models.commerce import AccountProfile
from canonical_models.entitlement import SupportOrganization
from canonical_models.failures import ContractDrift, Rejection
from canonical_models.ledgering import PartyMatch
from canonical_models.mapping import AccountMapping
from planning.parties import certain_party, listed

#: Stands for the ERP party that is made when it is no rehearsal.
NEW_PARTY = "new"


@dataclass(frozen=True)
class Proposal:
    """`mapping` is None where a person has to say it. `digest` is what of the customer's master
    data the other systems have, where they were found to have it."""

    mapping: AccountMapping | None
    step: AccountStep = AccountStep.NONE
    digest: str | None = None
    findings: tuple[Finding, ...] = ()


def kept(mapping: AccountMapping) -> Proposal:
    return Proposal(mapping, AccountStep.KEPT)


async def proposed(tenant: Tenant, customer: str) -> Proposal:
    """For a customer that is not mapped."""
    try:
        profile = await tenant.billing.account(customer)
        parties, organization = await gather(
            tenant.erp.parties(profile), tenant.support.organization(customer)
        )
        return _of(tenant, profile, parties, organization)
    except (Rejection, ContractDrift) as refused:
        return Proposal(None, findings=(refusal(refused, customer),))


def refusal(refused: Rejection | ContractDrift, about: str) -> Finding:
    """What a system says no to keeps the customer waiting."""
    subject = refused.subject if isinstance(refused, Rejection) else None
    return Finding(
        cause=refused.code, subject=subject or about, message=refused.message[:2000], blocks=True
    )


def _of(
    tenant: Tenant,
    profile: AccountProfile,
    parties: tuple[PartyMatch, ...],
    organization: SupportOrganization | None,
) -> Proposal:
    """Raises Rejection where no rule names the legal entity, or what is made could not be."""
    customer, party = profile.customer_id, certain_party(parties)
    if party is None and parties:
        return Proposal(None, findings=(_ambiguous(customer, parties),))
    create = tenant.policy.accounts.create
    if not create and (party is None or organization is None):
        return Proposal(None, findings=tuple(_absent(customer, party, organization)))
    if party is None:
        check_tax_ids(profile)
    mapping = AccountMapping(
        billing_customer=customer,
        erp_party=party or NEW_PARTY,
        support_organization=customer,
        legal_entity=legal_entity_of(tenant, profile),
    )
    made = party is None or organization is None
    step = AccountStep.MADE if made else AccountStep.FOUND
    return Proposal(mapping, step, digest=profile.billed.digest)


def _ambiguous(customer: str, parties: tuple[PartyMatch, ...]) -> Finding:
    return Finding(
        cause=AdoptionCause.ACCOUNT_AMBIGUOUS,
        subject=customer,
        message=f"billing customer {customer} may be one of the ERP's parties {listed(parties)}: "
        f"say which with `trueup mappings set account {customer} --party {parties[0].party} "
        "--entity CODE`",
        erp=", ".join(match.party for match in parties)[:500],
        blocks=True,
    )


def _absent(
    customer: str, party: str | None, organization: SupportOrganization | None
) -> list[Finding]:
    said = f"`trueup mappings set account {customer} --party {party or 'CODE'} --entity CODE"
    found = []
    if party is None:
        found.append(
            Finding(
                cause=AdoptionCause.ACCOUNT_UNMAPPED,
                subject=customer,
                message=f"no party of the ERP is billing customer {customer} by external id, tax "
                f"id or name: map it with {said}`, or let policy.accounts.create make it",
                blocks=True,
            )
        )
    if organization is None:
        found.append(
            Finding(
                cause=AdoptionCause.ORGANIZATION_UNKNOWN,
                subject=customer,
                message=f"the support platform has no organisation of the external id {customer}: "
                f"give the customer's that id, or map it with {said} --organization ID`",
                erp=party,
                blocks=True,
            )
        )
    return found
