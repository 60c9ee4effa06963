"""What other systems have that a decision can name: looked up live, a few at a time, with what is
blocked. People choose from it; nothing is decided here."""

from canonical_models.base import Canonical, Instant
from canonical_models.looked_up import MOST, LookedUp
from canonical_models.mends import LookUp
from connectors.ports import ErpPort, TicketingPort
from operations.context import AppContext
from operations.support_fresh import asked

#: Longer ones are no name of anything.
LONGEST = 200

#: What the policy lists and no system is asked for.
_OURS = frozenset({LookUp.TIER})


class Answers(Canonical):
    """At most twenty, those that cannot be used as they are last; `more` where there may be others.
    `problem` says why a system did not answer."""

    kind: LookUp
    items: tuple[LookedUp, ...]
    more: bool
    problem: str | None
    as_of: Instant | None = None


async def look_up(
    context: AppContext, tenant: str, kind: LookUp, text: str, *, legal_entity: str | None = None
) -> Answers:
    """What is called so, or begins, ends or goes on so."""
    said = text.strip()[:LONGEST]
    if kind in _OURS:
        found = tuple(
            LookedUp(id=tier, name=tier)
            for tier in tiers(context, tenant)
            if said.casefold() in tier.casefold()
        )
        return Answers(kind=kind, items=found[:MOST], more=len(found) > MOST, problem=None)
    if kind is LookUp.ORGANIZATION:
        return await _organization(context, tenant, said)

    async def ask(port: ErpPort) -> tuple[LookedUp, ...]:
        return await port.look_up(kind, said, legal_entity=legal_entity, limit=MOST + 1)

    answer = await asked("the ERP", context.erp(tenant), ask)
    items = answer.value or ()
    return Answers(
        kind=kind,
        items=items[:MOST],
        more=len(items) > MOST,
        problem=answer.problem,
        as_of=answer.at,
    )


async def _organization(context: AppContext, tenant: str, said: str) -> Answers:
    """The desk finds organisations by their whole id with us alone."""

    async def ask(port: TicketingPort) -> tuple[LookedUp, ...]:
        found = await port.organization(said) if said else None
        return () if found is None else (LookedUp(id=said, name=found.organization_id),)

    answer = await asked("the support desk", context.support(tenant), ask)
    return Answers(
        kind=LookUp.ORGANIZATION,
        items=answer.value or (),
        more=False,
        problem=answer.problem,
        as_of=answer.at,
    )


def tiers(context: AppContext, tenant: str) -> tuple[str, ...]:
    """Support levels of the policy, the lowest first."""
    settings = context.tenants.get(tenant)
    return tuple(settings.policy.tiers) if settings else ()
