"""What entitlement targets hold, read and compared with what they should; telling them again."""

from canonical_models.base import Canonical
from canonical_models.process import SUPPORT_TARGET, entitlement_processes
from operations.context import AppContext
from operations.errors import NotFound
from persistence import processes, targets
from workflows.names import TARGETS, targets_id

#: Customers that are told in one transaction.
_PAGE = 500


class Difference(Canonical):
    """A customer of whom the target does not hold what it should, with where it differs. `revision`
    is the last that it was to be told, `held` the one that it says it holds."""

    target: str
    customer_id: str
    revision: int
    held: int
    differences: tuple[str, ...]


class TargetsCheck(Canonical):
    """`finished` is False while the look goes on by itself: asking again shows what came of it.
    `differing` are the first hundred of `differences`; `problems` say what could not be read."""

    finished: bool
    looked_at: int = 0
    differences: int = 0
    differing: tuple[Difference, ...] = ()
    problems: tuple[str, ...] = ()


class TargetsPublished(Canonical):
    """How many customers each target is being told of again."""

    customers: dict[str, int]


async def check(
    context: AppContext, tenant: str, *, target: str | None = None, customer_id: str | None = None
) -> TargetsCheck:
    """Read what each target holds and list where it is not what it should be; changes nothing.

    Raises NotFound for a target that is not configured, Unavailable.
    """
    _names(context, tenant, target)
    found = await context.engine.result(
        TARGETS,
        {"tenant": tenant, "target": target, "customer_id": customer_id},
        workflow_id=f"{targets_id(tenant)}/{target or 'all'}/{customer_id or 'all'}",
        tenant=tenant,
        summary=f"What {target or 'every target'} holds of {customer_id or 'every customer'}",
    )
    if found is None:
        return TargetsCheck(finished=False)
    differing = [Difference.model_validate(_known(one), strict=False) for one in found["differing"]]
    return TargetsCheck(
        finished=True,
        looked_at=int(found["looked_at"]),
        differences=int(found["differences"]),
        differing=tuple(differing),
        problems=tuple(map(str, found["problems"])),
    )


async def publish(
    context: AppContext, tenant: str, *, target: str | None = None, customer_id: str | None = None
) -> TargetsPublished:
    """Have targets told again, with the next revision, whatever they hold; one that a person has
    given up as well. May be repeated. Raises NotFound for a target that is not configured, and for
    a customer of whom there is nothing to tell."""
    told: dict[str, int] = {}
    for name in _names(context, tenant, target):
        told[name], after = 0, ""
        while True:
            async with context.database.transaction() as conn:
                customers = await targets.customers(
                    conn, tenant, name, after=after, only=customer_id, limit=_PAGE
                )
                wanted = [
                    process
                    for customer in customers
                    for process in entitlement_processes(tenant, customer, [name])
                ]
                await processes.news(conn, wanted)
            told[name] += len(customers)
            if len(customers) < _PAGE:
                break
            after = customers[-1]
    if customer_id is not None and not any(told.values()):
        raise NotFound(
            f"there is nothing to tell of customer {customer_id}",
            remedy="see what the customer holds",
            see=("entitlements", customer_id),
        )
    return TargetsPublished(customers=told)


def _names(context: AppContext, tenant: str, target: str | None) -> tuple[str, ...]:
    settings = context.tenants.get(tenant)
    known = (*(settings.targets if settings else ()), SUPPORT_TARGET)
    if target is None:
        return known
    if target not in known:
        raise NotFound(
            f"no entitlement target is called {target}", remedy=f"use one of {', '.join(known)}"
        )
    return (target,)


def _known(one: dict[str, object]) -> dict[str, object]:
    return {name: one[name] for name in Difference.model_fields}
