"""Streams: add, change and remove who is told of events; see deliveries, and send them again."""

import secrets
from fnmatch import fnmatchcase
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from canonical_models.base import Canonical, Instant, Slug
from canonical_models.decisions import DecisionMade, Target
from canonical_models.events import TYPES, Event, StreamTried, event
from canonical_models.failures import Team
from canonical_models.streams import (
    BACK_OFF,
    MAIL_PREFIX,
    Answer,
    Delivery,
    DeliveryState,
    Stream,
    StreamState,
)
from connectors.push import NotAllowed
from operations.context import AppContext
from operations.errors import Conflict, Invalid, NotFound, Unavailable
from operations.paging import Page, cursor, cut, number, words
from persistence import decisions, deliveries, streams
from persistence.connection import Connection
from persistence.streams import Receiver
from runtime.pushing import PATIENCE, Pusher

#: `invoice.posted.v1`, or with `*` for anything: `sync.*`.
Pattern = Annotated[str, StringConstraints(max_length=80, pattern=r"^[a-z0-9_*]+(\.[a-z0-9_*]+)*$")]


class NewStream(Canonical):
    """`secret` is a name of the tenant's `stream_secrets`; `types` none for all; with a `team` the
    stream is told of what that team answers alone."""

    name: Slug
    url: Annotated[str, StringConstraints(min_length=1, max_length=2000)]
    secret: Slug
    types: tuple[Pattern, ...] = Field(default=(), max_length=50)
    team: Team | None = None


class Rotation(Canonical):
    """The `secret` that takes the place of the present one; both sign until it is ended, which is
    without one."""

    secret: Slug | None = None


class Again(Canonical):
    """All that was published `since` then, delivered or not; without it what is dead."""

    since: Instant | None = None


class Removed(Canonical):
    """`pending` events were still to come to it."""

    name: str
    pending: int


class SentAgain(Canonical):
    """So many events are sent again, by themselves, each after those before it of its subject."""

    events: int


async def list_(
    context: AppContext, tenant: str, *, after: str | None = None, limit: int = 50
) -> Page[Stream]:
    """By name; those by mail, too, once their team was looked at. Raises Invalid for a cursor that
    is none."""
    place = words(after, 1)
    async with context.database.statement() as conn:
        found = await streams.page(conn, tenant, after=place[0] if place else None, limit=limit + 1)
    items, more = cut(found, limit)
    return Page[Stream](items=items, next=cursor(items[-1].name) if more else None)


async def show(context: AppContext, tenant: str, name: str) -> Stream:
    """Raises NotFound."""
    async with context.database.statement() as conn:
        return await _stream(conn, tenant, name)


async def add(context: AppContext, tenant: str, new: NewStream, *, by: str) -> Stream:
    """From now on it is told. Raises Invalid, Conflict where the name is taken."""
    if new.name.startswith(MAIL_PREFIX):
        raise Invalid(
            f"{new.name} is a name of a team's mail", remedy="use another that begins otherwise"
        )
    _require_types(new.types)
    _require_secret(context, tenant, new.secret)
    try:
        _pusher(context).require_address(new.url)
    except NotAllowed as fault:
        raise Invalid(
            f"stream {new.name} cannot be told at this address: {fault}",
            remedy="give the https:// address of a receiver",
        ) from fault
    async with context.database.transaction() as conn:
        added = await streams.add(
            conn,
            tenant,
            new.name,
            url=new.url,
            secret=new.secret,
            types=new.types,
            team=new.team,
            by=by,
        )
        if not added:
            raise Conflict(
                f"a stream is called {new.name} already",
                remedy="use another name, or remove that one",
                see=("stream", new.name),
            )
        await _decided(context, conn, tenant, new.name, "add", by, new.model_dump(mode="json"))
        return await _stream(conn, tenant, new.name)


async def remove(context: AppContext, tenant: str, name: str, *, by: str) -> Removed:
    """With all its deliveries; what was still to come is not sent. Raises NotFound."""
    async with context.database.transaction() as conn:
        to = await _receiver(conn, tenant, name)
        removed = Removed(name=name, pending=await streams.remove(conn, to.stream))
        await _decided(context, conn, tenant, name, "remove", by, removed.model_dump())
    return removed


async def turn(
    context: AppContext, tenant: str, name: str, state: StreamState, *, by: str
) -> Stream:
    """Pause or resume; what comes meanwhile waits. Raises NotFound."""
    async with context.database.transaction() as conn:
        to = await _receiver(conn, tenant, name)
        before = (await _stream(conn, tenant, name)).state
        if before is not state:
            await streams.turn(conn, to.stream, state)
            action = "pause" if state is StreamState.PAUSED else "resume"
            await _decided(context, conn, tenant, name, action, by, {"state": state.value})
        return await _stream(conn, tenant, name)


async def rotate(
    context: AppContext, tenant: str, name: str, rotation: Rotation, *, by: str
) -> Stream:
    """Begin with a new secret, or end with it alone. Raises NotFound, Invalid, Conflict."""
    if rotation.secret is not None:
        _require_secret(context, tenant, rotation.secret)
    async with context.database.transaction() as conn:
        to = await _receiver(conn, tenant, name)
        names = _rotated(to, rotation.secret)
        await streams.sign_with(conn, to.stream, names)
        await _decided(context, conn, tenant, name, "rotate", by, {"secrets": [*names]})
        return await _stream(conn, tenant, name)


def _rotated(to: Receiver, secret: str | None) -> tuple[str, ...]:
    if secret is None:
        if len(to.secrets) == 1:
            raise Conflict(
                f"no secret of stream {to.name} is being rotated", remedy="begin with a new secret"
            )
        return to.secrets[:1]
    if secret == to.secrets[0]:
        raise Conflict(
            f"stream {to.name} signs with {secret} already", remedy="name another secret"
        )
    if len(to.secrets) > 1:
        raise Conflict(
            f"stream {to.name} still rotates from {to.secrets[1]} to {to.secrets[0]}",
            remedy="end that first, once the receiver knows the new one",
        )
    return (secret, *to.secrets)


async def try_out(context: AppContext, tenant: str, name: str, *, by: str) -> Answer:
    """Send it an event that says nothing, now, whatever waits; what the receiver says. Raises
    NotFound."""
    async with context.database.statement() as conn:
        to = await _receiver(conn, tenant, name)
    tried = event(
        tenant,
        "stream.tried.v1",
        key=f"{name}/{secrets.token_hex(8)}",
        subject=name,
        data=StreamTried(stream=name, by=by),
    )
    return await _send(context, to, tried)


async def list_deliveries(
    context: AppContext,
    tenant: str,
    name: str,
    *,
    state: DeliveryState | None = None,
    subject: str | None = None,
    after: str | None = None,
    limit: int = 50,
) -> Page[Delivery]:
    """The newest first. Raises NotFound, Invalid."""
    async with context.database.statement() as conn:
        to = await _receiver(conn, tenant, name)
        found = await deliveries.page(
            conn, to, state=state, subject=subject, before=number(after), limit=limit + 1
        )
    items, more = cut(found, limit)
    return Page[Delivery](items=items, next=cursor(items[-1].position) if more else None)


async def resend(
    context: AppContext, tenant: str, name: str, position: int, *, by: str
) -> Delivery:
    """Send one again now, whatever became of it and waits before it, and see what the receiver
    says. One that is not taken is tried again by itself. Raises NotFound, Conflict."""
    async with context.database.transaction() as conn:
        to = await _receiver(conn, tenant, name)
        due = await deliveries.claim_again(conn, to, position, patience=PATIENCE)
        if due is None or due.event is None:
            raise await _not_again(conn, to, position)
        await _decided(context, conn, tenant, name, "resend", by, {"position": position})
    answer = await _send(context, to, due.event)
    async with context.database.transaction() as conn:
        await deliveries.record(conn, due, answer, again_in=BACK_OFF[0])
        await streams.went(conn, to.stream, answer, gone=False)
        found = await deliveries.get(conn, to, position)
    if found is None:
        raise await _not_again(conn, to, position)
    return found


async def resend_all(
    context: AppContext, tenant: str, name: str, which: Again, *, by: str
) -> SentAgain:
    """By itself, from now on. Raises NotFound."""
    async with context.database.transaction() as conn:
        to = await _receiver(conn, tenant, name)
        if which.since is None:
            count = await deliveries.dead_again(conn, to)
        else:
            count = await deliveries.since_again(conn, to, which.since)
        said = {"events": count, **which.model_dump(mode="json")}
        await _decided(context, conn, tenant, name, "resend", by, said)
    return SentAgain(events=count)


async def _not_again(conn: Connection, to: Receiver, position: int) -> NotFound | Conflict:
    found = await deliveries.get(conn, to, position)
    if found is None:
        return NotFound(
            f"stream {to.name} was not told of an event at {position}",
            remedy="list its deliveries",
            see=("stream", to.name),
        )
    return Conflict(
        f"the event at {position} cannot be sent to {to.name} now: it is just being sent, or the "
        "retention policy has dropped it",
        remedy="look at it again in a minute",
        see=("stream", to.name),
    )


async def _send(context: AppContext, to: Receiver, told: Event) -> Answer:
    return await _pusher(context).send(to.tenant, to.url, to.secrets, told)


def _pusher(context: AppContext) -> Pusher:
    if context.pusher is None:
        raise Unavailable("nothing is sent to receivers from here", remedy="ask the operator")
    return context.pusher


async def _stream(conn: Connection, tenant: str, name: str) -> Stream:
    found = await streams.get(conn, tenant, name)
    if found is None:
        raise _unknown(name)
    return found


async def _receiver(conn: Connection, tenant: str, name: str) -> Receiver:
    """Nobody else changes it before the end of the transaction."""
    found = await streams.receiver(conn, tenant, name, lock=True)
    if found is not None:
        return found
    if await streams.get(conn, tenant, name) is not None:
        raise Conflict(
            f"{name} is a team's mail, which the settings say all of",
            remedy=f"change `tenants.{tenant}.notify` and `notifications`",
        )
    raise _unknown(name)


def _unknown(name: str) -> NotFound:
    return NotFound(
        f"no stream is called {name}", remedy="list those there are", see=("streams", "")
    )


def _require_types(types: tuple[str, ...]) -> None:
    for pattern in types:
        if not any(fnmatchcase(kind, pattern) for kind in TYPES):
            raise Invalid(
                f"there is no event of the type {pattern}",
                remedy=f"use one of {', '.join(TYPES)}, or `*` in place of a part",
            )


def _require_secret(context: AppContext, tenant: str, name: str) -> None:
    settings = context.tenants.get(tenant)
    known = sorted(settings.stream_secrets) if settings else []
    if name not in known:
        raise Invalid(
            f"there is no secret {name} to sign with",
            remedy=f"use one of {', '.join(known)}"
            if known
            else f"an operator adds a reference to one as tenants.{tenant}.stream_secrets.{name}",
        )


async def _decided(
    context: AppContext,
    conn: Connection,
    tenant: str,
    name: str,
    action: str,
    by: str,
    after: dict[str, Any],
) -> None:
    decided = DecisionMade(
        by=by, action=action, target_kind=Target.STREAM, target_id=name, after=after
    )
    await decisions.record(conn, tenant, context.entrance, decided)
