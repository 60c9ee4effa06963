"""A customer's master data in the ERP and at support, as billing has it.

What was told is remembered as a digest alone: the data itself stays in its systems.
"""

from activities.tenants import Tenant
from canonical_models.amendment import account_subject
from canonical_models.approvals import ApprovalAsked
from canonical_models.commerce import AccountProfile
from canonical_models.documents import BilledParty
from canonical_models.failures import Rejection, RejectionCode
from canonical_models.policy import PartyTaxRules
from connectors.failpoints import reached
from persistence import accounts, approvals, planning_context
from persistence.database import Database


def content_of(profile: AccountProfile) -> str:
    """What is approved of an account, in the place of a document's content."""
    return f"master_data:{profile.billed.digest}"


async def before_posting(
    database: Database, tenant: Tenant, customer_id: str, bill_to: BilledParty
) -> None:
    """A document names its customer: what has changed since the ERP was told goes there first.

    Raises Rejection (master_data_changed) where the policy asks a person.
    """
    if bill_to.name is None:
        return
    async with database.statement() as conn:
        known = await accounts.get(conn, tenant.name, customer_id)
    told = known.profile_digest if known else ""
    if told == bill_to.digest:
        return
    profile = await tenant.billing.account(customer_id)
    if not told:
        # Mapped by hand: what the ERP has is finance's; changes count from now on.
        async with database.statement() as conn:
            await accounts.put(conn, tenant.name, customer_id, profile_digest=profile.billed.digest)
        return
    if told != profile.billed.digest:
        await carry_on(database, tenant, profile)


async def carry_on(database: Database, tenant: Tenant, profile: AccountProfile) -> None:
    """To the ERP's party and the support organisation. May be repeated. Raises Rejection."""
    customer = profile.customer_id
    async with database.statement() as conn:
        found = await planning_context.master_data(
            conn, tenant.name, customer_id=customer, keys=(), subscription_id=None
        )
    account = found.account
    if account is None:
        return
    subject, content = account_subject(customer), content_of(profile)
    async with database.statement() as conn:
        said = await approvals.of(conn, tenant.name, subject)
    approved = any(each.content == content for each in said)
    if tenant.policy.books.of(account.legal_entity).master_data == "ask" and not approved:
        async with database.statement() as conn:
            await approvals.ask(conn, tenant.name, subject, ApprovalAsked(content=content))
        raise Rejection(
            RejectionCode.MASTER_DATA_CHANGED,
            f"billing has changed the name, address or tax ids of customer {customer}, which is "
            f"ERP party {account.erp_party}: `approve` carries them on to the ERP and support; or "
            "change them there by hand and `approve` all the same, which then changes nothing",
            system="billing",
            subject=customer,
        )
    await reached("carry on master data", "before", lambda: customer)
    await tenant.erp.update_party(
        account.erp_party, profile, tax_rules=tax_rules(tenant, account.legal_entity, profile)
    )
    await tenant.support.rename_organization(account.support_organization, profile)
    await reached("carry on master data", "answered", lambda: customer)
    async with database.transaction() as conn:
        await accounts.put(conn, tenant.name, customer, profile_digest=profile.billed.digest)
        await approvals.used(conn, tenant.name, subject, content)
    await reached("carry on master data", "committed", lambda: customer)


def tax_rules(tenant: Tenant, legal_entity: str, profile: AccountProfile) -> dict[str, str]:
    """The ERP's tax rule of the party in the legal entity that sells to it; empty where none is
    configured."""
    books = tenant.policy.books.of(legal_entity)
    rule = _rule(books.party_tax_rules, books.country, profile)
    return {} if rule is None else {legal_entity: rule}


def _rule(rules: PartyTaxRules, at_home: str | None, profile: AccountProfile) -> str | None:
    country = profile.address.country
    if country is None or at_home is None or country == at_home:
        return rules.domestic
    if country not in _EU or at_home not in _EU:
        return rules.third_country
    checked = any(
        tax_id.kind == "eu_vat" and tax_id.verified is not False for tax_id in profile.tax_ids
    )
    if checked:
        return rules.eu_business
    return rules.eu_consumer.get(country) or rules.eu_consumer.get("*")


#: Member states whose VAT rules are the Union's.
#: Source: council directive 2006/112/EC, article 5.
_EU = frozenset(
    {
        "AT",
        "BE",
        "BG",
        "CY",
        "CZ",
        "DE",
        "DK",
        "EE",
        "ES",
        "FI",
        "FR",
        "GR",
        "HR",
        "HU",
        "IE",
        "IT",
        "LT",
        "LU",
        "LV",
        "MT",
        "NL",
        "PL",
        "PT",
        "RO",
        "SE",
        "SI",
        "SK",
    }
)
