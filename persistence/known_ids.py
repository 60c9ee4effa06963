"""The ids that a tenant has, by what they are of: to find one by its beginning, and to say which
there are."""

from enum import StrEnum

from persistence.connection import Connection


class Kind(StrEnum):
    CHANGE = "change"
    EXCEPTION = "exception"
    CAUSE = "cause"
    BATCH = "batch"
    RECEIPT = "receipt"
    GRANT = "grant"
    ADOPTION = "adoption"
    KEY = "key"
    INVOICE = "invoice"
    SUBSCRIPTION = "subscription"
    CUSTOMER = "customer"
    #: A change, or a process by its name.
    ASKING = "asking"
    SUBJECT = "subject"
    ENTITY = "legal entity"
    STREAM = "stream"


_OF = {
    Kind.CHANGE: "select id from changes where tenant = %(tenant)s",
    Kind.EXCEPTION: "select id from exceptions where tenant = %(tenant)s",
    Kind.CAUSE: "select id from causes where tenant = %(tenant)s",
    Kind.BATCH: "select id from batches where tenant = %(tenant)s",
    Kind.RECEIPT: "select receipt from inbox where tenant = %(tenant)s",
    Kind.GRANT: "select source_id from grants where tenant = %(tenant)s",
    Kind.ADOPTION: "select id from batches where tenant = %(tenant)s and kind = 'adopt'",
    Kind.KEY: (
        "select 'tk_' || left(encode(key_hash, 'hex'), 16) from api_keys where tenant = %(tenant)s"
    ),
    Kind.INVOICE: "select document_id from documents where tenant = %(tenant)s",
    Kind.SUBSCRIPTION: (
        "select subscription_id from contracts where tenant = %(tenant)s "
        "union all select subscription_id from subscription_states where tenant = %(tenant)s "
        "union all select subscription_id from changes where tenant = %(tenant)s"
    ),
    Kind.CUSTOMER: (
        "select customer_id from contracts where tenant = %(tenant)s "
        "union all select customer_id from accounts where tenant = %(tenant)s "
        "union all select source from mappings where tenant = %(tenant)s and kind = 'account' "
        "union all select customer_id from documents where tenant = %(tenant)s "
        "union all select customer_id from grants where tenant = %(tenant)s "
        "union all select customer_id from changes where tenant = %(tenant)s"
    ),
    Kind.ASKING: (
        "select id from changes where tenant = %(tenant)s "
        "union all select change_id from exceptions where tenant = %(tenant)s"
    ),
    Kind.SUBJECT: "select subject from changes where tenant = %(tenant)s",
    Kind.ENTITY: (
        "select legal_entity from documents where tenant = %(tenant)s "
        "union all select target ->> 'legal_entity' from mappings "
        "where tenant = %(tenant)s and kind = 'account'"
    ),
    Kind.STREAM: "select name from streams where tenant = %(tenant)s",
}


async def known(conn: Connection, tenant: str, kind: Kind, given: str) -> bool:
    found = await conn.execute(
        f"select from ({_OF[kind]}) as of(id) where id = %(given)s limit 1".encode(),
        {"tenant": tenant, "given": given},
    )
    return await found.fetchone() is not None


async def beginning_with(
    conn: Connection, tenant: str, kind: Kind, beginning: str, *, limit: int
) -> tuple[str, ...]:
    """In their order; all of them are looked at, so this is for what people type."""
    found = await conn.execute(
        f"select distinct id from ({_OF[kind]}) as of(id) "  # noqa: S608 - constants
        "where starts_with(id, %(beginning)s) order by id limit %(limit)s".encode(),
        {"tenant": tenant, "beginning": beginning, "limit": limit},
    )
    return tuple(row[0] for row in await found.fetchall())
