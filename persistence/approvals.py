"""What a person has said yes to: a document as it is, by its content, whichever change posts it.

Another thing that has a subject and says what is asked of it is approved alike.
"""

from collections.abc import Collection

from persistence.connection import Connection


async def put(
    conn: Connection, tenant: str, document_id: str, content: str, *, by: str, note: str
) -> None:
    """The first yes to a content stays."""
    await conn.execute(
        "insert into approvals (tenant, document_id, content, approved_by, note) "
        "values (%s, %s, %s, %s, %s) on conflict do nothing",
        (tenant, document_id, content, by, note),
    )


async def keep_plan(conn: Connection, tenant: str, change_id: str, *, by: str) -> None:
    """The plan of the change as it is now, which somebody has said yes to: it stays for good,
    whatever is planned later. A process has none."""
    await conn.execute(
        "insert into approved_plans (id, tenant, change_id, digest, plan, approved_by) "
        "select id || '/' || plan_digest, tenant, id, plan_digest, plan, %s from changes "
        "where tenant = %s and id = %s and plan is not null and plan_digest is not null "
        "on conflict do nothing",
        (by, tenant, change_id),
    )


async def used(conn: Connection, tenant: str, document_id: str, content: str) -> None:
    """What was said yes to has been done; the next time it is asked again."""
    await conn.execute(
        "delete from approvals where tenant = %s and document_id = %s and content = %s",
        (tenant, document_id, content),
    )


async def of(conn: Connection, tenant: str, ids: Collection[str]) -> frozenset[tuple[str, str]]:
    """(document, content) of each yes to these documents."""
    found = await conn.execute(
        "select document_id, content from approvals where tenant = %s and document_id = any(%s)",
        (tenant, list(ids)),
    )
    return frozenset((document_id, content) for document_id, content in await found.fetchall())
