"""Batches that release a cause: what has joined them since."""

from canonical_models.batch import Batch
from canonical_models.preview import Mend
from persistence.connection import Connection

#: By their changes: of one that waits in two places a preview has one case alone. `not in` is
#: looked up in a hash, whatever is known of a list that was made just now.
_JOINED = """
select count(distinct e.change_id) as joined from exceptions e
where e.tenant = %(tenant)s and e.cause = %(cause)s and e.state = 'open'
  and e.change_id not in (select k.change_id from batch_items i
      join exceptions k on k.tenant = i.tenant and k.id = i.key
    where i.tenant = %(tenant)s and i.batch_id in (%(id)s,
      (select given ->> 'preview' from batches where tenant = %(tenant)s and id = %(id)s)))
"""


async def joined(conn: Connection, tenant: str, release: str, cause_id: str) -> int:
    """Open cases of the cause that neither it nor its preview has known."""
    found = await conn.execute(_JOINED, {"tenant": tenant, "id": release, "cause": cause_id})
    row = await found.fetchone()
    return int(row[0]) if row else 0


async def mends(conn: Connection, tenant: str, release: str) -> dict[str, Mend]:
    """By cause, of a release of several causes."""
    found = await conn.execute(
        "select distinct given ->> 'cause', given -> 'mend' from batch_items "
        "where tenant = %s and batch_id = %s and given ? 'cause' order by 1",
        (tenant, release),
    )
    rows = await found.fetchall()
    return {cause: Mend.model_validate(said, strict=False) for cause, said in rows}


#: What its cases that are done were foreseen to post.
_POSTED = """
select distinct f ->> 'document_id'
from batch_items i, jsonb_array_elements(i.found -> 'documents') f
where i.tenant = %s and i.batch_id = %s and i.outcome = 'done' and f ->> 'void' = 'false'
"""


async def posted(conn: Connection, tenant: str, release: str) -> tuple[str, ...]:
    """Billing's documents that it has posted."""
    found = await conn.execute(_POSTED, (tenant, release))
    return tuple(row[0] for row in await found.fetchall())


async def mends_of(conn: Connection, tenant: str, release: Batch) -> dict[str, Mend]:
    """By cause, what it has put in force or would have."""
    if "sheet" in release.given:
        return await mends(conn, tenant, release.batch_id)
    return {release.given["cause_id"]: Mend.model_validate(release.given["mend"], strict=False)}


async def open_(conn: Connection, tenant: str, release: str) -> bool:
    """Whether it is: until the end of the transaction it stays so."""
    found = await conn.execute(
        "select state in ('running', 'paused') from batches where tenant = %s and id = %s "
        "for update",
        (tenant, release),
    )
    row = await found.fetchone()
    return row is not None and row[0]
