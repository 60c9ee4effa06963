"""Grants by people: give, end, suspend and restore what no subscription gives."""

import hashlib
import secrets
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Literal, Self

from pydantic import Field, model_validator

from canonical_models.base import Canonical, Identifier, Instant
from canonical_models.decisions import DecisionMade, Target
from canonical_models.entitlement import Grant, GrantSource, GrantState
from canonical_models.events import EntitlementTimed, event
from canonical_models.process import SUPPORT_TARGET, entitlement_processes
from operations.context import AppContext
from operations.errors import Conflict, Invalid, NotFound
from operations.handing import under_name
from operations.paging import Page, cursor, cut, words
from persistence import decisions, grants, outbox, processes
from persistence.connection import Connection
from persistence.grants import KeptGrant
from planning.entitlements import entitlements

SOURCES = ("manual", "contract", "trial")
LONGEST_GRACE_DAYS = 3650
#: Beyond these years a time that the database takes may be one that cannot be read back.
_YEARS = range(1970, 9000)


class NewGrant(Canonical):
    """`starts_at` None is now, `ends_at` None has no end. `reason` is kept and shown."""

    customer_id: Identifier
    feature: Identifier
    quantity: int = Field(default=1, ge=1, le=10**9)
    source: Literal["manual", "contract", "trial"] = "manual"
    starts_at: Instant | None = None
    ends_at: Instant | None = None
    reason: str = Field(min_length=1, max_length=500)

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> Self:
        if any(at is not None and at.year not in _YEARS for at in (self.starts_at, self.ends_at)):
            raise ValueError("times must be between the years 1970 and 9000")
        if self.starts_at and self.ends_at and self.ends_at <= self.starts_at:
            raise ValueError("ends_at must be later than starts_at")
        return self


class GrantView(Canonical):
    """`status` is live, suspended, ended or not_begun. `by` is the person or the change that
    made it as it is, at `at`."""

    grant_id: str
    grant: Grant
    status: str
    by: str
    at: Instant


class GrantChanged(Canonical):
    """`changed` is False when it was so already."""

    grant: GrantView
    changed: bool


async def list_(
    context: AppContext, tenant: str, customer_id: str, *, after: str | None = None, limit: int = 50
) -> Page[GrantView]:
    """All that the customer holds by any source, by feature; subscriptions' grants included."""
    position = words(after, 3)
    async with context.database.statement() as conn:
        found = await grants.page(
            conn,
            tenant,
            customer_id,
            after=(position[0], position[1], position[2]) if position else ("", "", ""),
            limit=limit + 1,
        )
    items, more = cut(found, limit)
    last = items[-1].grant if more else None
    following = cursor(last.feature, last.source_id, last.source.value) if last else None
    now = datetime.now(UTC)
    return Page[GrantView](items=tuple(_view(kept, now) for kept in items), next=following)


async def show(context: AppContext, tenant: str, grant_id: str) -> GrantView:
    """As it is held now, of a subscription or given by a person. Raises NotFound."""
    async with context.database.transaction() as conn:
        known = await grants.history(conn, tenant, grant_id)
    if not known:
        raise _unknown(grant_id)
    return _view(known[-1], datetime.now(UTC))


async def give(
    context: AppContext, tenant: str, wanted: NewGrant, *, by: str, key: str | None = None
) -> GrantChanged:
    """The same `key` gives once: again, it answers with the grant as it has become.

    Raises Invalid for a grant that would have ended already, Conflict for a key that another grant
    was given with.
    """
    now = datetime.now(UTC)
    grant = _grant(wanted, _grant_id(tenant, key), now)
    async with context.database.transaction() as conn:
        await under_name(conn, tenant, key, (Target.GRANT, grant.source_id), "give")
        known = await grants.history(conn, tenant, grant.source_id)
        if known:
            if not _same(wanted, known[0].grant):
                raise Conflict(
                    f"this idempotency key has given another grant, {grant.source_id}",
                    remedy="send a key of its own with every new grant",
                )
            return GrantChanged(grant=_view(known[-1], now), changed=False)
        if grant.ends_at is not None and grant.ends_at <= now:
            raise Invalid(
                f"the grant of {wanted.feature} would have ended already",
                remedy="give an end that is still to come, or none",
            )
        before = await grants.of_customer(conn, tenant, grant.customer_id)
        await grants.give(conn, tenant, grant, by=by)
        await _record(conn, context, tenant, grant, "give", by=by, once=key)
        await _tell(context, conn, tenant, grant, before, now=now)
        return await _as_kept(conn, tenant, grant, now)


async def revoke(
    context: AppContext, tenant: str, grant_id: str, *, by: str, grace_days: int = 0
) -> GrantChanged:
    """It ends now, or after the grace; never later than it would have. Raises NotFound, Conflict
    for a grant of a subscription."""
    now = datetime.now(UTC)
    async with context.database.transaction() as conn:
        held = (await _editable(conn, tenant, grant_id))[-1]
        # One that has not begun ends where it begins, and so never gives anything.
        end = max(now + timedelta(days=grace_days), held.grant.starts_at)
        if held.grant.ends_at is not None and held.grant.ends_at <= end:
            return GrantChanged(grant=_view(held, now), changed=False)
        return await _exchange(
            context, conn, tenant, held, {"ends_at": end}, action="revoke", by=by, now=now
        )


async def suspend(
    context: AppContext, tenant: str, grant_id: str, reason: str, *, by: str
) -> GrantChanged:
    """It is kept and gives nothing until it is restored. Raises NotFound, Conflict for one that
    has ended or is a subscription's."""
    now = datetime.now(UTC)
    async with context.database.transaction() as conn:
        held = (await _editable(conn, tenant, grant_id))[-1]
        _still_there(held, now)
        if held.grant.state is GrantState.SUSPENDED:
            return GrantChanged(grant=_view(held, now), changed=False)
        change = {"state": GrantState.SUSPENDED, "reason": reason}
        return await _exchange(
            context, conn, tenant, held, change, action="suspend", by=by, now=now
        )


async def restore(context: AppContext, tenant: str, grant_id: str, *, by: str) -> GrantChanged:
    """It gives again what it gave. Raises NotFound, Conflict for one that has ended or is a
    subscription's."""
    now = datetime.now(UTC)
    async with context.database.transaction() as conn:
        known = await _editable(conn, tenant, grant_id)
        held = known[-1]
        _still_there(held, now)
        if held.grant.state is GrantState.ACTIVE:
            return GrantChanged(grant=_view(held, now), changed=False)
        # While it was suspended its reason said why; now it says again why it was given.
        change = {"state": GrantState.ACTIVE, "reason": known[0].grant.reason}
        return await _exchange(
            context, conn, tenant, held, change, action="restore", by=by, now=now
        )


async def _editable(conn: Connection, tenant: str, grant_id: str) -> tuple[KeptGrant, ...]:
    known = await grants.history(conn, tenant, grant_id)
    if not known:
        raise _unknown(grant_id)
    subscription = known[-1].grant.subscription_id
    if subscription is not None:
        raise Conflict(
            f"grant {grant_id} is given by subscription {subscription} and follows it",
            remedy="change the subscription in billing, or give a grant beside it",
        )
    return known


def _unknown(grant_id: str) -> NotFound:
    return NotFound(f"there is no grant {grant_id}", remedy="list those of its customer")


def _still_there(held: KeptGrant, now: datetime) -> None:
    if _status(held.grant, now) == "ended":
        raise Conflict(
            f"grant {held.grant.source_id} has ended",
            remedy="give a new one",
        )


async def _exchange(
    context: AppContext,
    conn: Connection,
    tenant: str,
    held: KeptGrant,
    change: Mapping[str, object],
    *,
    action: str,
    by: str,
    now: datetime,
) -> GrantChanged:
    before = await grants.of_customer(conn, tenant, held.grant.customer_id)
    wanted = held.grant.model_copy(update=change)
    await grants.exchange(conn, tenant, held.grant, wanted, by=by)
    await _record(conn, context, tenant, wanted, action, by=by, before=held.grant)
    await _tell(context, conn, tenant, wanted, before, now=now)
    return await _as_kept(conn, tenant, wanted, now)


async def _record(
    conn: Connection,
    context: AppContext,
    tenant: str,
    grant: Grant,
    action: str,
    *,
    by: str,
    before: Grant | None = None,
    once: str | None = None,
) -> None:
    decided = DecisionMade(
        by=by,
        action=action,
        target_kind=Target.GRANT,
        target_id=grant.source_id,
        before=before.model_dump(mode="json") if before else None,
        after=grant.model_dump(mode="json"),
        reason=(grant.reason or "") if action in ("give", "suspend") else "",
        once=once,
    )
    await decisions.record(conn, tenant, context.entrance, decided)


async def _as_kept(conn: Connection, tenant: str, grant: Grant, now: datetime) -> GrantChanged:
    """As it can be read from now on, to the microsecond."""
    kept = (await grants.history(conn, tenant, grant.source_id))[-1]
    return GrantChanged(grant=_view(kept, now), changed=True)


async def _tell(
    context: AppContext,
    conn: Connection,
    tenant: str,
    grant: Grant,
    before: tuple[Grant, ...],
    *,
    now: datetime,
) -> None:
    """Every target hears of it, and support; what holds now is an event."""
    customer = grant.customer_id
    settings = context.tenants.get(tenant)
    targets = (*(settings.targets if settings else ()), SUPPORT_TARGET)
    await processes.news(conn, entitlement_processes(tenant, customer, targets))
    held = await grants.of_customer(conn, tenant, customer)
    if _told(held, now) == _told(before, now):
        return
    told = EntitlementTimed(
        customer_id=customer,
        features={found.feature: found.quantity for found in entitlements(held, now)},
    )
    key = f"{grant.source_id}/{now:%Y%m%dT%H%M%S%f}"
    await outbox.publish(
        conn, tenant, [event(tenant, "entitlement.timed.v1", key=key, subject=customer, data=told)]
    )


def _told(held: Iterable[Grant], now: datetime) -> list[tuple[str, int, datetime | None]]:
    return [(found.feature, found.quantity, found.until) for found in entitlements(held, now)]


def _grant_id(tenant: str, key: str | None) -> str:
    if key is None:
        return f"grt_{secrets.token_hex(10)}"
    digest = hashlib.sha256(f"{tenant}\0{key}".encode()).hexdigest()
    return f"grt_{digest[:20]}"


def _grant(wanted: NewGrant, grant_id: str, now: datetime) -> Grant:
    return Grant(
        customer_id=wanted.customer_id,
        feature=wanted.feature,
        source=GrantSource(wanted.source),
        source_id=grant_id,
        quantity=wanted.quantity,
        starts_at=wanted.starts_at or now,
        ends_at=wanted.ends_at,
        reason=wanted.reason,
    )


def _same(wanted: NewGrant, given: Grant) -> bool:
    """Whether this is what was asked for then; a start that was left open was the time of day."""
    start = wanted.starts_at or given.starts_at
    return _grant(wanted, given.source_id, start) == given


def _status(grant: Grant, now: datetime) -> str:
    if grant.ends_at is not None and grant.ends_at <= max(now, grant.starts_at):
        return "ended"
    if grant.state is GrantState.SUSPENDED:
        return "suspended"
    return "live" if grant.starts_at <= now else "not_begun"


def _view(kept: KeptGrant, now: datetime) -> GrantView:
    return GrantView(
        grant_id=kept.grant.source_id,
        grant=kept.grant,
        status=_status(kept.grant, now),
        by=kept.by,
        at=kept.at,
    )
