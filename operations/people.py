"""People: add, give roles, invite and remove; each for one tenant."""

from datetime import timedelta

import psycopg
from pydantic import Field

from canonical_models.acts import Role
from canonical_models.base import Canonical
from operations import keys as api_keys
from operations.context import AppContext
from operations.errors import Conflict, Invalid, NotFound
from operations.keys import KeyMade
from operations.paging import Page, cursor, cut, words
from persistence import keys, people, sessions
from persistence.connection import Connection
from persistence.people import Member, Person

#: How long an invitation can be taken up.
INVITED = timedelta(days=7)


class NewPerson(Canonical):
    """`name` is what they sign in with, and what is recorded as who did something; `email` is how
    the identity provider knows them."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")
    email: str | None = Field(default=None, pattern=r"^[^@\s]+@[^@\s]+$", max_length=254)
    roles: tuple[Role, ...] = Field(min_length=1)


class Added(Canonical):
    """`known` is whether the account was there before, as of somebody of another tenant."""

    person: Member
    known: bool


class Invited(Canonical):
    """`invitation` is shown this once; it makes one personal key, for whoever has it."""

    name: str
    invitation: str
    days: int = INVITED.days


class Removed(Canonical):
    name: str


async def list_(
    context: AppContext, tenant: str, *, after: str | None = None, limit: int = 50
) -> Page[Member]:
    """By name. Raises Invalid for a cursor that is none."""
    place = words(after, 1)
    async with context.database.statement() as conn:
        found = await people.members(conn, tenant, after=place[0] if place else "", limit=limit + 1)
    items, more = cut(found, limit)
    return Page[Member](items=items, next=cursor(items[-1].name) if more else None)


async def add(context: AppContext, tenant: str, new: NewPerson, *, by: str) -> Added:
    """Raises Conflict where they belong to the tenant already, or somebody else has the e-mail."""
    email = None if new.email is None else new.email.lower()
    try:
        async with context.database.transaction() as conn:
            fresh = await people.add(conn, new.name, email, by=by)
            person = await _named(conn, new.name)
            if tenant in await people.roles_of(conn, person.person_id):
                raise Conflict(
                    f"{new.name} belongs to {tenant} already",
                    remedy="give other roles",
                    see=("roles", new.name),
                )
            await people.set_roles(conn, tenant, person.person_id, new.roles, by=by)
            member = await _member(conn, tenant, new.name)
    except psycopg.errors.UniqueViolation as taken:
        raise Conflict(
            f"somebody else has the e-mail that was given for {new.name}",
            remedy="give another, or none",
        ) from taken
    return Added(person=member, known=not fresh)


async def set_roles(
    context: AppContext, tenant: str, name: str, roles: tuple[Role, ...], *, by: str
) -> Member:
    """These and no others, from the next request on. Raises NotFound, Conflict where nobody would
    be left who administers."""
    async with context.database.transaction() as conn:
        member = await _member(conn, tenant, name)
        if Role.ADMIN not in roles:
            await _another_admin(conn, tenant, member)
        await people.set_roles(conn, tenant, member.person_id, roles, by=by)
        return await _member(conn, tenant, name)


async def invite(context: AppContext, tenant: str, name: str) -> Invited:
    """Who takes it up has a personal key for this tenant. An invitation before it is void.

    Raises NotFound, and Conflict for somebody who belongs to another tenant as well: only they
    themselves may make keys then.
    """
    async with context.database.transaction() as conn:
        member = await _member(conn, tenant, name)
        if len(await people.roles_of(conn, member.person_id)) > 1:
            raise Conflict(
                f"the account of {name} is not this company's alone",
                remedy="they sign in with their own password",
                see=("password", name),
            )
        invitation = await people.invite(conn, tenant, member.person_id, holds=INVITED)
    return Invited(name=name, invitation=invitation)


async def accept(
    context: AppContext, tenant: str, invitation: str, *, lasts: timedelta
) -> KeyMade | None:
    """The personal key of whoever was invited; None where the invitation is not known, or used, or
    too old."""
    async with context.database.transaction() as conn:
        person = await people.redeem(conn, tenant, invitation)
        if person is None or tenant not in await people.roles_of(conn, person.person_id):
            return None
        return await api_keys.made(
            conn, tenant, person.name, person_id=person.person_id, lasts=lasts
        )


async def personal_key(
    context: AppContext, tenant: str, person_id: str, *, lasts: timedelta
) -> KeyMade | None:
    """Of somebody who has just signed in; None where they do not belong to the tenant."""
    async with context.database.transaction() as conn:
        person = await people.get(conn, person_id)
        if person is None or tenant not in await people.roles_of(conn, person_id):
            return None
        return await api_keys.made(conn, tenant, person.name, person_id=person_id, lasts=lasts)


async def remove(context: AppContext, tenant: str, name: str, *, by: str) -> Removed:
    """At once: their keys for the tenant open nothing, and they are signed out everywhere. What
    they decided goes on to name them. Raises NotFound, Conflict for the last who administers."""
    async with context.database.transaction() as conn:
        member = await _member(conn, tenant, name)
        await _another_admin(conn, tenant, member)
        await people.set_roles(conn, tenant, member.person_id, (), by=by)
        await keys.revoke_all_of(conn, tenant, member.person_id)
        await people.uninvite(conn, member.person_id)
        await sessions.end_all_of(conn, member.person_id)
    return Removed(name=name)


async def administered(context: AppContext, tenant: str) -> bool:
    """Whether anybody who administers the tenant can sign in."""
    async with context.database.statement() as conn:
        return await people.administered(conn, tenant)


async def _another_admin(conn: Connection, tenant: str, member: Member) -> None:
    # Two who take the role from each other at a time do so one after the other.
    await conn.execute("select pg_advisory_xact_lock(hashtext('people/' || %s))", (tenant,))
    admins = {one.name for one in await people.members(conn, tenant) if Role.ADMIN in one.roles}
    if admins == {member.name}:
        raise Conflict(
            f"nobody but {member.name} administers {tenant}",
            remedy="give somebody else the role admin first",
            see=("admin", ""),
        )


async def _named(conn: Connection, name: str) -> Person:
    person = await people.named(conn, name)
    if person is None:
        raise Invalid(f"{name} cannot be added", remedy="try again")
    return person


async def _member(conn: Connection, tenant: str, name: str) -> Member:
    for member in await people.members(conn, tenant):
        if member.name == name:
            return member
    raise NotFound(f"nobody here is called {name}", remedy="list who is", see=("people", ""))
