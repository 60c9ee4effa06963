"""Batches that release a cause: what has joined them since."""

from persistence.connection import Connection

_JOINED = """
select count(distinct e.change_id) from exceptions e
where e.tenant = %(tenant)s and e.cause = %(cause)s and e.state = 'open'
  and not exists (select from batch_items i where i.tenant = e.tenant and i.batch_id = %(id)s
    and (i.key = e.id or i.change_id = e.change_id))
  and not exists (select from batches b join batch_items i
    on i.tenant = b.tenant and i.batch_id = b.given ->> 'preview'
    where b.tenant = e.tenant and b.id = %(id)s and i.key = e.id)
"""


async def joined(conn: Connection, tenant: str, release: str, cause_id: str) -> int:
    """Open cases of the cause that neither it nor its preview has known."""
    found = await conn.execute(_JOINED, {"tenant": tenant, "id": release, "cause": cause_id})
    row = await found.fetchone()
    return int(row[0]) if row else 0


async def open_(conn: Connection, tenant: str, release: str) -> bool:
    """Whether it is: until the end of the transaction it stays so."""
    found = await conn.execute(
        "select state in ('running', 'paused') from batches where tenant = %s and id = %s "
        "for update",
        (tenant, release),
    )
    row = await found.fetchone()
    return row is not None and row[0]
