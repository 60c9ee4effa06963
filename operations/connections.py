"""Connections to vendors: which are away, how many calls at once each takes, and which worker posts
for a legal entity; and whether one answers now."""

import asyncio
import time
from datetime import UTC, datetime

from canonical_models.base import Canonical, Instant
from canonical_models.failures import CredentialsRefused, Failure, Rejection
from canonical_models.ledgering import LedgerQuestion
from operations.context import AppContext
from operations.errors import Invalid, NotFound
from operations.paging import cursor, cut, words
from persistence import breakers, lanes
from persistence import drifts as kept
from persistence.breakers import ConnectionView
from persistence.drifts import DriftView
from persistence.lanes import LaneView
from runtime.settings import TenantSettings


class Connections(Canonical):
    """Those that a worker has looked at, by name. `lanes` are there where the ERP wants one to post
    for a legal entity at a time; they are all on each page."""

    items: tuple[ConnectionView, ...]
    lanes: tuple[LaneView, ...]
    next: str | None = None


async def list_(
    context: AppContext, tenant: str, *, after: str | None = None, limit: int = 50
) -> Connections:
    """Raises Invalid for a cursor that is none."""
    place = words(after, 1)
    async with context.database.statement() as conn:
        found = await breakers.of_tenant(
            conn, tenant, after=place[0] if place else "", limit=limit + 1
        )
        posting = await lanes.of_tenant(conn, tenant)
    items, more = cut(found, limit)
    following = cursor(items[-1].connection) if more else None
    return Connections(items=items, lanes=posting, next=following)


class Drifts(Canonical):
    """What of the answers of vendors does not fit, by connection, the oldest first."""

    items: tuple[DriftView, ...]


async def drifts(context: AppContext, tenant: str, name: str | None = None) -> Drifts:
    """Of one connection, or of all. Raises NotFound for one that the tenant does not use."""
    if name is not None and tenant in context.tenants:
        used_as(context, tenant, name)
    async with context.database.statement() as conn:
        return Drifts(items=await kept.of_tenant(conn, tenant, connection=name))


def used_as(context: AppContext, tenant: str, name: str) -> tuple[str, TenantSettings]:
    """What the tenant uses the connection for: `billing`, `erp`, `support`, or the name of a
    target. Raises NotFound for one that it does not use."""
    settings = context.tenants.get(tenant)
    if settings is not None:
        for part, used in settings.parts.items():
            if used == name:
                return part, settings
    raise NotFound(
        f"no connection of {tenant} is called {name}",
        remedy="list those there are",
        see=("connection", ""),
    )


#: Seconds for an answer, and the name of what no system has.
_PATIENCE = 10.0
_NOTHING = "trueup-connection-test"


class Tested(Canonical):
    """What the vendor has said to one reading just now. `works` is that it was reached, took our
    key and answered in a form that is known; `why` says which of them was not so."""

    connection: str
    part: str
    works: bool
    seconds: float
    why: str | None
    at: Instant


async def test(context: AppContext, tenant: str, name: str) -> Tested:
    """Asks it once, by a reading that changes nothing. Raises NotFound for a connection that the
    tenant does not use, and Invalid for an entitlement target, which the worker alone asks."""
    part, _ = used_as(context, tenant, name)
    if part not in {"billing", "erp", "support"}:
        raise Invalid(
            f"{name} is told what customers may use, and is asked by the worker alone",
            remedy="have the targets compared",
        )
    began, why = time.monotonic(), None
    try:
        async with asyncio.timeout(_PATIENCE):
            await _read(context, tenant, part)
    except Rejection:
        # It has no such thing, and has said so: it answers.
        pass
    except CredentialsRefused as refused:
        why = f"the key is refused: {refused.message}"
    except Failure as fault:
        why = fault.message
    except TimeoutError:
        why = f"no answer within {_PATIENCE:g} s"
    return Tested(
        connection=name,
        part=part,
        works=why is None,
        seconds=round(time.monotonic() - began, 3),
        why=why,
        at=datetime.now(UTC),
    )


async def _read(context: AppContext, tenant: str, part: str) -> None:
    """Raises Failure."""
    match part:
        case "billing":
            billing = context.billing(tenant)
            if billing is None:
                raise _not_here(part)
            try:
                await billing.customer_page(limit=1)
            finally:
                await billing.close()
        case "erp":
            erp = context.erp(tenant)
            if erp is None:
                raise _not_here(part)
            question = LedgerQuestion(
                legal_entity=_NOTHING,
                party=_NOTHING,
                currency="EUR",
                on=datetime.now(UTC).date(),
                items=(),
            )
            try:
                await erp.check(question)
            finally:
                await erp.close()
        case _:
            support = context.support(tenant)
            if support is None:
                raise _not_here(part)
            try:
                await support.organization(_NOTHING)
            finally:
                await support.close()


def _not_here(part: str) -> Invalid:
    return Invalid(
        f"no adapter of this vendor plays the part of {part}",
        remedy="look at `vendor` of the connection in the settings",
    )
