"""May customer X use feature Y, how much, until when, and why; and if not, why not."""

from datetime import UTC, datetime

from canonical_models.base import Canonical, Instant, isoformat
from canonical_models.entitlement import Entitlement, Grant, GrantState
from operations.context import AppContext
from persistence import grants
from planning.entitlements import entitlements


class HeldBack(Canonical):
    """A grant that gives nothing at the time in question; `why` in words."""

    grant: Grant
    why: str


class EntitlementList(Canonical):
    """`held_back` are grants that give nothing now: suspended, ended, or not yet begun."""

    customer_id: str
    as_of: Instant
    items: tuple[Entitlement, ...]
    held_back: tuple[HeldBack, ...]


class Check(Canonical):
    """The answer to one question. `because` holds the live grants that give the feature,
    `because_not` those of it that give nothing; both are empty where nobody ever granted it."""

    customer_id: str
    feature: str
    allowed: bool
    quantity: int
    #: None for an open end, and where nothing is allowed.
    until: Instant | None
    because: tuple[Grant, ...]
    because_not: tuple[HeldBack, ...]
    as_of: Instant


async def list_(context: AppContext, tenant: str, customer_id: str) -> EntitlementList:
    """Empty for a customer who holds nothing, known or not."""
    async with context.database.statement() as conn:
        held = await grants.of_customer(conn, tenant, customer_id)
    now = datetime.now(UTC)
    return EntitlementList(
        customer_id=customer_id,
        as_of=now,
        items=entitlements(held, now),
        held_back=held_back(held, now),
    )


async def check(
    context: AppContext, tenant: str, customer_id: str, feature: str, *, at: datetime | None = None
) -> Check:
    """By the grants as they are held now, for the instant `at`; it is not a look into the past."""
    # Asked before every use of a feature: one statement, without a transaction around it.
    async with context.database.statement() as conn:
        held = await grants.of_customer(conn, tenant, customer_id, feature)
    instant = at or datetime.now(UTC)
    found = entitlements(held, instant)
    given = found[0] if found else None
    return Check(
        customer_id=customer_id,
        feature=feature,
        allowed=given is not None,
        quantity=given.quantity if given else 0,
        until=given.until if given else None,
        because=given.because if given else (),
        because_not=held_back(held, instant),
        as_of=instant,
    )


def held_back(held: tuple[Grant, ...], at: datetime) -> tuple[HeldBack, ...]:
    """Those that give nothing at that time, each with the reason."""
    return tuple(HeldBack(grant=grant, why=_why(grant, at)) for grant in held if not grant.live(at))


def _why(grant: Grant, at: datetime) -> str:
    """The first obstacle that time alone does not remove comes first."""
    if grant.ends_at is not None and grant.ends_at <= max(at, grant.starts_at):
        return f"ended at {isoformat(grant.ends_at)}"
    if grant.state is GrantState.SUSPENDED:
        return grant.reason or "suspended"
    return f"begins at {isoformat(grant.starts_at)}"
