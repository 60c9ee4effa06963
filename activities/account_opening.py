"""Opening an account: a billing customer is found or made in the ERP and at support, and mapped."""

from dataclasses import replace

from stdnum.eu import vat
from stdnum.exceptions import ValidationError

from activities.effect import Effect
from activities.ledger import EffectLedger
from activities.master_data import tax_rules
from activities.tenants import Tenant
from canonical_models.commerce import AccountProfile
from canonical_models.entitlement import SupportOrganization
from canonical_models.failures import Rejection, RejectionCode
from canonical_models.ledgering import PartyMatch
from canonical_models.mapping import AccountMapping
from connectors.attempts import Attempt
from persistence import accounts, mappings
from persistence.database import Database
from persistence.ownership import Owner
from planning.parties import certain_party, listed

PARTY = "erp.party"
ORGANIZATION = "support.organization"
BY = "trueup"


async def open_account(
    database: Database,
    ledger: EffectLedger,
    tenant: Tenant,
    change_id: str,
    customer_id: str,
    *,
    owner: Owner | None = None,
) -> None:
    """Master data that was made is never unmade: an account without documents does no harm.

    Raises Rejection for a tax id that is wrong, a customer that nobody can tell from others, and
    one whose legal entity no rule names; finance decides.
    """
    profile = await tenant.billing.account(customer_id)
    check_tax_ids(profile)
    legal_entity = legal_entity_of(tenant, profile)
    party = await _party(ledger, tenant, change_id, legal_entity, profile, owner)
    await ledger.perform(replace(organization_made(tenant, change_id, profile), owner=owner))
    mapping = AccountMapping(
        billing_customer=customer_id,
        erp_party=party,
        support_organization=customer_id,
        legal_entity=legal_entity,
    )
    async with database.transaction() as conn:
        await mappings.put(conn, tenant.name, mapping, by=BY)
        await accounts.put(conn, tenant.name, customer_id, profile_digest=profile.billed.digest)


def check_tax_ids(profile: AccountProfile) -> None:
    """Form and check digit of VAT numbers of the Union; whether one is in use only VIES knows.

    Raises Rejection. Source: stdnum, after the member states' own rules.
    """
    for tax_id in profile.tax_ids:
        if tax_id.kind != "eu_vat":
            continue
        try:
            vat.validate(tax_id.value)
        except ValidationError as fault:
            raise Rejection(
                RejectionCode.TAX_ID_INVALID,
                f"the VAT number of billing customer {profile.customer_id} cannot be right "
                f"({type(fault).__name__}): correct it in billing, then retry",
                system="trueup",
                subject=profile.customer_id,
            ) from None


def legal_entity_of(tenant: Tenant, profile: AccountProfile) -> str:
    """Whose books the customer belongs to. Raises Rejection where no rule says so."""
    found = tenant.policy.accounts.entity_of(profile.address.country, profile.currency)
    if found is not None:
        return found
    raise Rejection(
        RejectionCode.ACCOUNT_UNMAPPED,
        f"no rule says which legal entity sells to billing customer {profile.customer_id} "
        f"(country {profile.address.country or 'unknown'}, currency "
        f"{profile.currency or 'unknown'}): correct the exception with the account's mapping, or "
        "add the country to policy.accounts.legal_entities",
        system="trueup",
        subject=profile.customer_id,
    )


async def _party(
    ledger: EffectLedger,
    tenant: Tenant,
    change_id: str,
    legal_entity: str,
    profile: AccountProfile,
    owner: Owner | None,
) -> str:
    """The party that is this customer for certain, else a new one."""
    found = await tenant.erp.parties(profile)
    certain = certain_party(found)
    new = replace(_new_party(tenant, change_id, legal_entity, profile), owner=owner)
    ours = any(match.by == "external_id" for match in found)
    # What an attempt has made whose answer was lost is for the ledger to find.
    if certain is not None and not (ours and await ledger.unfinished(new)):
        return certain
    if certain is None and found:
        raise Rejection(
            RejectionCode.ACCOUNT_AMBIGUOUS,
            f"billing customer {profile.customer_id} may be one of the ERP's parties "
            f"{listed(found)}: "
            "correct the exception with the account's mapping; or, if it is a new customer, give "
            "the others another name or tax id and retry",
            system="erp",
            subject=profile.customer_id,
        )
    return (await ledger.perform(new)).party


def _new_party(
    tenant: Tenant, change_id: str, legal_entity: str, profile: AccountProfile
) -> Effect[PartyMatch]:
    rules = tax_rules(tenant, legal_entity, profile)

    async def made() -> PartyMatch | None:
        found = await tenant.erp.parties(profile)
        return next((match for match in found if match.by == "external_id"), None)

    return Effect(
        key=f"party:{tenant.name}/{profile.customer_id}",
        tenant=tenant.name,
        change_id=change_id,
        step=PARTY,
        system="erp",
        operation="create party",
        request=profile,
        result=PartyMatch,
        probe=made,
        write=lambda _: tenant.erp.create_party(profile, tax_rules=rules),
        named=lambda match: (match.party, None),
        once=True,
        lands_within=tenant.lands("erp"),
    )


def organization_made(
    tenant: Tenant, change_id: str, profile: AccountProfile, *, again: str | None = None
) -> Effect[SupportOrganization]:
    """The customer's organisation in support. `again` names the occasion on which it is made anew,
    where it is there no more."""

    async def there() -> SupportOrganization | None:
        return await tenant.support.organization(profile.customer_id)

    async def found_or_made(_: Attempt) -> SupportOrganization:
        return await there() or await tenant.support.create_organization(
            profile.customer_id, profile
        )

    return Effect(
        key=f"organization:{tenant.name}/{profile.customer_id}" + (f"/{again}" if again else ""),
        tenant=tenant.name,
        change_id=change_id,
        step=ORGANIZATION,
        system="support",
        operation="create organisation",
        request=profile,
        result=SupportOrganization,
        probe=there,
        write=found_or_made,
        named=lambda organization: (organization.organization_id, organization.url),
        lands_within=tenant.lands("support"),
    )
