"""Mappings: what billing's customers and items are called elsewhere."""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from canonical_models.base import Canonical
from canonical_models.decisions import DecisionMade, Target
from canonical_models.mapping import AccountMapping, ItemMapping
from canonical_models.views import MappingView
from operations.context import AppContext
from operations.erp_names import require_in_erp
from operations.errors import Invalid, NotFound
from operations.paging import Page, cursor, cut, unreadable, words
from persistence import decisions, mappings, waking
from persistence.connection import Connection

KINDS = ("account", "item")
#: Beyond it a time that the database takes may be one that cannot be read back.
_LAST_YEAR = 9000


class Mapped(Canonical):
    """`replaced` is what held until then, or would have; None when this is the first."""

    mapping: MappingView
    replaced: MappingView | None
    changed: bool


async def list_(
    context: AppContext,
    tenant: str,
    *,
    kind: str | None = None,
    after: str | None = None,
    limit: int = 50,
) -> Page[MappingView]:
    """Those that hold now and those that are set for later, by kind, source and day."""
    async with context.database.transaction() as conn:
        found = await mappings.page(
            conn, tenant, kind=kind, after=_position(after), limit=limit + 1
        )
    items, more = cut(found, limit)
    last = items[-1] if more else None
    following = cursor(last.kind, last.source, last.valid_from.isoformat()) if last else None
    return Page[MappingView](items=items, next=following)


async def show(context: AppContext, tenant: str, kind: str, source: str) -> MappingView:
    """What holds now. Raises NotFound."""
    async with context.database.statement() as conn:
        found = await mappings.get(conn, tenant, kind, source)
    if found is None:
        raise NotFound(
            f"no mapping of {kind} {source} holds now", remedy="list them", see=("mapping", "")
        )
    return found


async def put(
    context: AppContext,
    tenant: str,
    mapping: AccountMapping | ItemMapping,
    *,
    by: str,
    valid_from: date | None = None,
) -> Mapped:
    """From now on this mapping holds, or from the beginning of that day in the tenant's time zone,
    until the next that is set. Setting what holds then already changes nothing.

    Raises Invalid for a support tier that the tenant does not have, for what the ERP says that it
    does not have, where it is to hold from now on, and for a day that has begun.
    """
    if isinstance(mapping, ItemMapping):
        check_tier(context, tenant, mapping)
    if valid_from is None:
        await require_in_erp(context, tenant, mapping)
    kind, source = named(mapping)
    begins = None if valid_from is None else _beginning(context, tenant, source, valid_from)
    async with context.database.transaction() as conn:
        before = await mappings.history(conn, tenant, kind, source)
        await mappings.put(conn, tenant, mapping, by=by, valid_from=begins)
        if begins is None:
            # Whoever waits for it looks again.
            await waking.wake_mapped(conn, tenant, mapping)
        after = await mappings.history(conn, tenant, kind, source)
        # In the clock of the database, which is the one that `from now on` is taken from.
        at = begins or max((row.valid_from for row in after if row not in before), default=None)
        at = at or datetime.now(UTC)
        made, replaced = _at(after, at), _at(before, at)
        if made is None:
            raise AssertionError(f"the mapping of {kind} {source} was set and is not there")
        changed = replaced is None or replaced.target != made.target
        if changed:
            decided = DecisionMade(
                by=by,
                action="set",
                target_kind=Target.MAPPING,
                target_id=f"{kind}/{source}",
                before=replaced.model_dump(mode="json") if replaced else None,
                after=made.model_dump(mode="json"),
            )
            await decisions.record(conn, tenant, context.entrance, decided)
    return Mapped(mapping=made, replaced=replaced, changed=changed)


async def now(
    conn: Connection, tenant: str, mapping: AccountMapping | ItemMapping
) -> MappingView | None:
    """What holds now of the customer or item that this one is of."""
    return await mappings.get(conn, tenant, *named(mapping))


def check_tier(context: AppContext, tenant: str, item: ItemMapping) -> None:
    """A tier that the policy does not know would stop every change that uses the item."""
    settings = context.tenants.get(tenant)
    if settings is None or item.support_tier is None:
        return
    tiers = settings.policy.tiers
    if item.support_tier not in tiers:
        raise Invalid(
            f"{item.item}: this support tier is not one of {', '.join(tiers)}",
            remedy="use one of these, or add the tier to the tenant's policy in the configuration",
        )


def _beginning(context: AppContext, tenant: str, source: str, day: date) -> datetime:
    settings = context.tenants.get(tenant)
    zone = settings.policy.time_zone if settings else None
    if day.year > _LAST_YEAR:
        raise Invalid(
            f"the mapping of {source} cannot begin after the year {_LAST_YEAR}",
            remedy="give a day that somebody will live to see",
        )
    begins = datetime.combine(day, time(), tzinfo=ZoneInfo(zone) if zone else UTC)
    if begins <= datetime.now(UTC):
        raise Invalid(
            f"the mapping of {source} cannot begin on {day}: documents since then were posted with "
            "what held then",
            remedy="give a day that is still to come, or none for from now on",
        )
    return begins


def _at(rows: tuple[MappingView, ...], at: datetime) -> MappingView | None:
    """What holds at that moment."""
    return next(
        (
            row
            for row in rows
            if row.valid_from <= at and (row.valid_to is None or row.valid_to > at)
        ),
        None,
    )


def _position(after: str | None) -> tuple[str, str, datetime] | None:
    position = words(after, 3)
    if position is None:
        return None
    kind, source, at = position
    try:
        begins = datetime.fromisoformat(at)
    except ValueError:
        raise unreadable() from None
    if begins.tzinfo is None:
        raise unreadable()
    return kind, source, begins


def named(mapping: AccountMapping | ItemMapping) -> tuple[str, str]:
    """Kind and source."""
    match mapping:
        case AccountMapping():
            return "account", mapping.billing_customer
        case ItemMapping():
            return "item", mapping.item
