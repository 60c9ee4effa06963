"""Which namespace of Temporal carries out the changes of this database."""

from persistence.connection import Connection


async def kept(conn: Connection, name: str, namespace_id: str) -> tuple[str, str]:
    """(name, id) of the one that is kept: this one, if it is the first."""
    await conn.execute(
        "insert into temporal_namespace (name, namespace_id) values (%s, %s) "
        "on conflict do nothing",
        (name, namespace_id),
    )
    found = await conn.execute("select name, namespace_id from temporal_namespace")
    row = await found.fetchone()
    if row is None:
        raise RuntimeError("the namespace was kept and is gone: who deleted it?")
    return row[0], row[1]


async def known(conn: Connection) -> str | None:
    """The name of the one that is kept."""
    found = await conn.execute("select name from temporal_namespace")
    row = await found.fetchone()
    return row[0] if row else None


async def moved(conn: Connection, name: str, namespace_id: str) -> None:
    """From now on it is this one."""
    await conn.execute(
        "insert into temporal_namespace (name, namespace_id) values (%s, %s) "
        "on conflict (one) do update set name = excluded.name, "
        "namespace_id = excluded.namespace_id, since = now()",
        (name, namespace_id),
    )
