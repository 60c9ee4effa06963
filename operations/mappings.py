"""Mappings: what billing's customers and items are called elsewhere."""

from canonical_models.base import Canonical
from canonical_models.ledgering import AccountMapping, ItemMapping
from canonical_models.views import MappingView
from operations.errors import Invalid
from operations.paging import Page, cursor, cut, words
from operations.systems import Systems
from persistence import mappings, oversight

KINDS = ("account", "item")


class Mapped(Canonical):
    """`replaced` is what held until now; None when this is the first."""

    mapping: MappingView
    replaced: MappingView | None
    changed: bool


async def list_(
    systems: Systems,
    tenant: str,
    *,
    kind: str | None = None,
    after: str | None = None,
    limit: int = 50,
) -> Page[MappingView]:
    """Those that hold now, by kind and source."""
    position = words(after, 2)
    async with systems.database.transaction() as session:
        found = await mappings.page(
            session,
            tenant,
            kind=kind,
            after=(position[0], position[1]) if position else ("", ""),
            limit=limit + 1,
        )
    items, more = cut(found, limit)
    following = cursor(items[-1].kind, items[-1].source) if more else None
    return Page[MappingView](items=items, next=following)


async def put(
    systems: Systems, tenant: str, mapping: AccountMapping | ItemMapping, *, by: str
) -> Mapped:
    """From now on this mapping holds. Setting what holds already changes nothing.

    Raises Invalid for a support tier that the tenant does not have.
    """
    if isinstance(mapping, ItemMapping):
        check_tier(systems, tenant, mapping)
    kind, source = _named(mapping)
    async with systems.database.transaction() as session:
        before = await oversight.mapping(session, tenant, kind, source, locked=True)
        await mappings.put(session, tenant, mapping, by=by)
        after = await oversight.mapping(session, tenant, kind, source)
    if after is None:
        raise AssertionError(f"the mapping of {kind} {source} was set and is not there")
    return Mapped(
        mapping=after,
        replaced=before,
        changed=before is None or before.target != after.target,
    )


async def holds(systems: Systems, tenant: str, mapping: AccountMapping | ItemMapping) -> bool:
    kind, source = _named(mapping)
    async with systems.database.transaction() as session:
        now = await oversight.mapping(session, tenant, kind, source)
    return now is not None and now.target == mapping.model_dump(mode="json")


def check_tier(systems: Systems, tenant: str, item: ItemMapping) -> None:
    """A tier that the policy does not know would stop every change that uses the item."""
    settings = systems.tenants.get(tenant)
    if settings is None or item.support_tier is None:
        return
    tiers = settings.policy.tiers
    if item.support_tier not in tiers:
        raise Invalid(
            f"{item.item}: this support tier is not one of {', '.join(tiers)}",
            remedy="use one of these, or add the tier to the tenant's policy in the configuration",
        )


def _named(mapping: AccountMapping | ItemMapping) -> tuple[str, str]:
    match mapping:
        case AccountMapping():
            return "account", mapping.billing_customer
        case ItemMapping():
            return "item", mapping.item
