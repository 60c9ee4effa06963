"""People, what they are to each tenant, and how they may sign in."""

import hashlib
import secrets
from collections.abc import Collection
from datetime import timedelta

from pydantic import AwareDatetime

from canonical_models.acts import Role
from canonical_models.base import Canonical
from persistence.connection import Connection
from persistence.rows import fetch, fetch_one, select

INVITATION = "ti_"


class Person(Canonical):
    """An account. `name` is what it signs in with, and what is recorded as who did it."""

    person_id: str
    name: str
    email: str | None
    #: How it may sign in.
    password: bool
    provider: bool
    invited_until: AwareDatetime | None
    created_at: AwareDatetime


class Member(Person):
    """What somebody is to one tenant."""

    roles: tuple[Role, ...]


_APART = {
    "person_id": "p.id",
    "password": "p.password_hash is not null",
    "provider": "p.oidc_subject is not null",
    "invited_until": "case when p.invited_until > now() then p.invited_until end",
}
_SELECT = select(Person, "people p", **_APART)


async def add(conn: Connection, name: str, email: str | None, *, by: str) -> bool:
    """Whether the account is new. Raises psycopg's UniqueViolation for an e-mail of another."""
    added = await conn.execute(
        "insert into people (id, name, email, created_by) values (%s, %s, %s, %s) "
        "on conflict (name) do nothing",
        (f"psn_{secrets.token_hex(10)}", name, email, by),
    )
    return added.rowcount == 1


async def named(conn: Connection, name: str) -> Person | None:
    return await fetch_one(conn, Person, _SELECT + " where p.name = %s", (name,))


async def get(conn: Connection, person_id: str) -> Person | None:
    return await fetch_one(conn, Person, _SELECT + " where p.id = %s", (person_id,))


async def members(
    conn: Connection, tenant: str, *, after: str = "", limit: int | None = None
) -> tuple[Member, ...]:
    """Who belongs to the tenant, by name; `after` is the last one seen."""
    roles = "array_agg(m.role order by m.role)"
    listed = select(
        Member, "people p join memberships m on m.person_id = p.id", **_APART, roles=roles
    )
    of_tenant = " where m.tenant = %s and p.name > %s group by p.id order by p.name limit %s"
    return await fetch(conn, Member, listed + of_tenant, (tenant, after, limit))


async def roles_of(conn: Connection, person_id: str) -> dict[str, frozenset[Role]]:
    """By tenant; a tenant to which they do not belong is not there."""
    found = await conn.execute(
        "select tenant, array_agg(role) from memberships where person_id = %s group by tenant",
        (person_id,),
    )
    return {tenant: frozenset(map(Role, roles)) for tenant, roles in await found.fetchall()}


async def set_roles(
    conn: Connection, tenant: str, person_id: str, roles: Collection[Role], *, by: str
) -> bool:
    """These and no others; whether that changed anything."""
    wanted = [role.value for role in roles]
    gone = await conn.execute(
        "delete from memberships where person_id = %s and tenant = %s and role <> all(%s)",
        (person_id, tenant, wanted),
    )
    new = await conn.execute(
        "insert into memberships (person_id, tenant, role, granted_by) "
        "select %s, %s, unnest(%s::text[]), %s on conflict do nothing",
        (person_id, tenant, wanted, by),
    )
    return gone.rowcount + new.rowcount > 0


async def holders(conn: Connection, tenant: str, roles: Collection[Role]) -> tuple[str, ...]:
    """Names of the people who have one of them, the first ten."""
    found = await conn.execute(
        "select distinct p.name from memberships m join people p on p.id = m.person_id "
        "where m.tenant = %s and m.role = any(%s) order by p.name limit 10",
        (tenant, [role.value for role in roles]),
    )
    return tuple(name for (name,) in await found.fetchall())


async def administered(conn: Connection, tenant: str) -> bool:
    """Whether anybody who administers it can sign in."""
    found = await conn.execute(
        "select 1 from memberships m join people p on p.id = m.person_id "
        "where m.tenant = %s and m.role = 'admin' and (p.password_hash is not null "
        "or p.oidc_subject is not null or exists (select from api_keys k where k.person_id = p.id "
        "and k.tenant = m.tenant and k.revoked_at is null "
        "and (k.expires_at is null or k.expires_at > now()))) limit 1",
        (tenant,),
    )
    return await found.fetchone() is not None


async def invite(conn: Connection, tenant: str, person_id: str, *, holds: timedelta) -> str:
    """The invitation, shown this once; one before it is void."""
    invitation = INVITATION + secrets.token_urlsafe(32)
    await conn.execute(
        "update people set invitation_hash = %s, invited_to = %s, invited_until = now() + %s "
        "where id = %s",
        (_hash(invitation), tenant, holds, person_id),
    )
    return invitation


async def redeem(conn: Connection, tenant: str | None, invitation: str) -> Person | None:
    """Whose invitation to the tenant, or to any, it was, which it is from now on no more."""
    redeemed = await conn.execute(
        "update people set invitation_hash = null, invited_to = null, invited_until = null "
        "where invitation_hash = %s and invited_to = coalesce(%s, invited_to) "
        "and invited_until > now() returning id",
        (_hash(invitation), tenant),
    )
    row = await redeemed.fetchone()
    return await get(conn, row[0]) if row else None


async def uninvite(conn: Connection, person_id: str) -> None:
    await conn.execute(
        "update people set invitation_hash = null, invited_to = null, invited_until = null "
        "where id = %s",
        (person_id,),
    )


async def password_of(conn: Connection, name: str) -> tuple[str, str | None] | None:
    """(person, Argon2id hash or None)."""
    found = await conn.execute("select id, password_hash from people where name = %s", (name,))
    return await found.fetchone()


async def set_password(conn: Connection, person_id: str, hashed: str) -> None:
    await conn.execute("update people set password_hash = %s where id = %s", (hashed, person_id))


async def by_subject(conn: Connection, issuer: str, subject: str) -> Person | None:
    """Who that is to the identity provider."""
    known = " where p.oidc_issuer = %s and p.oidc_subject = %s"
    return await fetch_one(conn, Person, _SELECT + known, (issuer, subject))


async def bind(conn: Connection, email: str, issuer: str, subject: str) -> Person | None:
    """Whoever has that e-mail is them to the provider from now on, unless they are another."""
    bound = await conn.execute(
        "update people set oidc_issuer = %s, oidc_subject = %s "
        "where email = %s and oidc_subject is null returning id",
        (issuer, subject, email),
    )
    row = await bound.fetchone()
    return await get(conn, row[0]) if row else None


def _hash(invitation: str) -> bytes:
    return hashlib.sha256(invitation.encode("utf-8", "surrogatepass")).digest()
