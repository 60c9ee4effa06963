"""Whom support asks about: customers by their organisation at the support desk, by an e-mail
address, and those beside one of them."""

from canonical_models.mapping import AccountMapping
from persistence.addresses import digest
from persistence.connection import Connection

_NOW = "valid_from <= clock_timestamp() and (valid_to is null or valid_to > clock_timestamp())"
_MOST = 100

_OF_ORGANIZATION = f"""
select source from mappings where tenant = %s and kind = 'account'
  and lower(target ->> 'support_organization') = lower(%s) and {_NOW} order by source limit {_MOST}
"""  # noqa: S608 - put together from constants

# One that billing addresses so on its newest document comes first.
_OF_EMAIL = f"""
select customer_id from documents where tenant = %s and email_digest = %s
group by customer_id order by max(issued_at) desc, customer_id limit {_MOST}
"""  # noqa: S608 - put together from constants

_OF_PARTY = f"""
select source from mappings where tenant = %s and kind = 'account' and target ->> 'erp_party' = %s
  and {_NOW} and source <> %s order by source limit {_MOST}
"""  # noqa: S608 - put together from constants

# Whether anything at all has arrived of the customer.
_KNOWN = """
select exists (select from mappings where tenant = %(tenant)s and kind = 'account'
    and source = %(customer)s)
  or exists (select from subscription_states where tenant = %(tenant)s
    and customer_id = %(customer)s)
  or exists (select from documents where tenant = %(tenant)s and customer_id = %(customer)s)
  or exists (select from accounts where tenant = %(tenant)s and customer_id = %(customer)s)
  or exists (select from account_places where tenant = %(tenant)s and customer_id = %(customer)s)
  or exists (select from grants where tenant = %(tenant)s and customer_id = %(customer)s)
"""


async def customers_of_organization(
    conn: Connection, tenant: str, organization: str
) -> tuple[str, ...]:
    """Those that are mapped to it now, by id, at most a hundred. Upper and lower case are the same:
    they are at the desk."""
    return await _ids(conn, _OF_ORGANIZATION, (tenant, organization))


async def customers_of_email(conn: Connection, tenant: str, email: str) -> tuple[str, ...]:
    """Those whose documents name the address, the newest document's first."""
    return await _ids(conn, _OF_EMAIL, (tenant, digest(tenant, email)))


async def customers_beside(
    conn: Connection, tenant: str, account: AccountMapping
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(of the same party in the ERP, of the same organisation at the desk), without the customer
    itself."""
    customer = account.billing_customer
    party = await _ids(conn, _OF_PARTY, (tenant, account.erp_party, customer))
    desk = await customers_of_organization(conn, tenant, account.support_organization)
    return party, tuple(found for found in desk if found != customer)


async def known(conn: Connection, tenant: str, customer_id: str) -> bool:
    found = await conn.execute(_KNOWN.encode(), {"tenant": tenant, "customer": customer_id})
    row = await found.fetchone()
    return bool(row and row[0])


async def _ids(conn: Connection, query: str, values: tuple[str, ...]) -> tuple[str, ...]:
    found = await conn.execute(query.encode(), values)
    return tuple(row[0] for row in await found.fetchall())
