"""Have all systems of a tenant laid beside each other, and see where they do not agree."""

from canonical_models.base import Canonical
from canonical_models.reconciliation import About, Cause, FoundDifference, Reconciled, Scope
from operations.context import AppContext
from operations.errors import NotFound
from operations.paging import Page, cursor, unreadable, words
from persistence import reconciliations
from persistence.comparing import Comparison
from workflows.names import RECONCILIATION, reconciliation_id

#: What a machine may set right when a person asks for it: never what is under way or decided.
REPAIRABLE = (Cause.BILLING, Cause.OURS, Cause.BY_HAND)


class ReconciliationRun(Canonical):
    """`finished` is False while it goes on by itself: asking again shows what came of it."""

    finished: bool
    result: Reconciled | None = None


async def run(
    context: AppContext,
    tenant: str,
    scope: Scope,
    *,
    by: str,
    repair: bool = False,
    whole: bool = False,
) -> ReconciliationRun:
    """Read what has changed in every system, or with `whole` everything, and compare. With `repair`
    everything is set right that a machine can; else what policy has it set right.

    Who asks while the same is being done gets the same answer. Raises Unavailable.
    """
    place = "/".join(
        (
            reconciliation_id(tenant),
            scope.customer_id or "all",
            scope.legal_entity or "all",
            scope.period or "all",
            "repair" if repair else "look",
        )
    )
    given = {
        "tenant": tenant,
        "scope": scope.model_dump(mode="json"),
        "asked_by": by,
        "whole": whole,
        "repair": [cause.value for cause in REPAIRABLE] if repair else None,
    }
    found = await context.engine.result(
        RECONCILIATION,
        given,
        workflow_id=place,
        tenant=tenant,
        summary="Whether all systems say the same",
    )
    if found is None:
        return ReconciliationRun(finished=False)
    return ReconciliationRun(finished=True, result=Reconciled.model_validate(found, strict=False))


async def last(context: AppContext, tenant: str) -> ReconciliationRun:
    """The newest one that has ended. Raises NotFound before the first."""
    async with context.database.statement() as conn:
        found = await reconciliations.last(conn, tenant)
    if found is None:
        raise NotFound(
            "nothing has been reconciled yet",
            remedy="have it done now",
            see=("reconcile", ""),
        )
    return ReconciliationRun(finished=True, result=found)


async def found(
    context: AppContext,
    tenant: str,
    scope: Scope,
    *,
    owner: str | None = None,
    after: str | None = None,
    limit: int = 50,
) -> Page[FoundDifference]:
    """What the comparisons so far have found and was there when they last looked, by what it is
    about. Reads our own tables alone."""
    async with context.database.statement() as conn:
        rows = await reconciliations.page(
            conn, within(context, tenant, scope), owner=owner, after=_at(after), limit=limit + 1
        )
    last_one = rows[limit - 1] if len(rows) > limit else None
    following = (
        cursor(last_one.about.value, last_one.key, last_one.what, last_one.system)
        if last_one
        else None
    )
    return Page[FoundDifference](items=rows[:limit], next=following)


def within(context: AppContext, tenant: str, scope: Scope) -> Comparison:
    """What of the tenant is meant."""
    settings = context.tenants.get(tenant)
    zone = settings.policy.time_zone if settings else None
    first, last_day = scope.bounds(zone)
    return Comparison(
        tenant=tenant,
        since=context.cutover(tenant),
        customer_id=scope.customer_id,
        legal_entity=scope.legal_entity,
        from_=first,
        to=last_day,
    )


def _at(after: str | None) -> tuple[str, str, str, str] | None:
    position = words(after, 4)
    if position is None:
        return None
    about, key, what, system = position
    if about not in set(About):
        raise unreadable()
    return about, key, what, system


_CAUSES = {
    Cause.IN_FLIGHT: "a write or a change is under way",
    Cause.ASKED: "a question about it is open",
    Cause.DECIDED: "somebody, or a rule, has decided it so",
    Cause.BILLING: "billing says something else than when it was last read",
    Cause.BY_HAND: "it was done by hand: this is not what was confirmed to us",
    Cause.OURS: "nothing is under way that brings it about",
}


def sentence_of(found: FoundDifference) -> str:
    """What differs and why, to people."""
    expected = found.billing if found.billing is not None else found.expected
    says = found.erp if found.erp is not None else found.found
    what = found.what.replace("_", " ")
    more = f"; {found.found}" if found.erp is not None and found.found else ""
    none = expected is None and says is None
    sides = "" if none else f" (should be {expected}, is {says}{more})"
    return f"{found.system}, {what}{sides}: {_CAUSES[found.cause]}"
