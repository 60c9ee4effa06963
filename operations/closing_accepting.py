"""Accept a difference of a month, with a reason, or take that back: a decision on its content."""

from canonical_models.base import Canonical
from canonical_models.closing import Next, PeriodDifference, PeriodState, PeriodView
from canonical_models.decisions import DecisionMade, Target
from operations import closing
from operations.closing_differences import ACCEPT, WITHDRAW, judged
from operations.context import AppContext
from operations.errors import Conflict, Invalid, NotFound
from persistence import decisions
from persistence.connection import Connection


class Accepting(Canonical):
    """`changed` is False where it was so already."""

    difference: PeriodDifference
    changed: bool


async def accept(
    context: AppContext,
    tenant: str,
    legal_entity: str,
    period: str,
    difference_id: str,
    reason: str,
    *,
    by: str,
) -> Accepting:
    """As it was when the month was last to be closed: once it differs otherwise it is open again.
    Raises NotFound, Invalid without a reason, Conflict while it is under way."""
    why = _reason(reason)
    async with context.database.transaction() as conn:
        found = await _standing(context, conn, tenant, (legal_entity, period), difference_id)
        if found.next is Next.WAIT:
            raise Conflict(
                f"{difference_id} of {found.named} is under way: {found.sentence}",
                remedy="wait until it is done, and close the month again",
            )
        if found.decided is not None:
            return Accepting(difference=found, changed=False)
        return await _decided(context, conn, tenant, found, ACCEPT, why, by)


async def withdraw(
    context: AppContext,
    tenant: str,
    legal_entity: str,
    period: str,
    difference_id: str,
    reason: str,
    *,
    by: str,
) -> Accepting:
    """It counts as nobody's decision again. Raises as `accept` does; Conflict where finance has not
    accepted it."""
    why = _reason(reason)
    async with context.database.transaction() as conn:
        found = await _standing(context, conn, tenant, (legal_entity, period), difference_id)
        if found.decided is None or found.decided.kind != "accepted":
            raise Conflict(
                f"{difference_id} of {found.named} is not accepted",
                remedy="see what stands in the month",
                see=("period", f"{legal_entity} {period}"),
            )
        return await _decided(context, conn, tenant, found, WITHDRAW, why, by)


async def show(context: AppContext, tenant: str, legal_entity: str, period: str) -> PeriodView:
    """Where the month stands, and what kept it open last with what was accepted of that since."""
    view = await closing.show(context, tenant, legal_entity, period)
    async with context.database.transaction() as conn:
        standing = await judged(conn, tenant, view.standing)
    return view.model_copy(update={"standing": standing})


async def _standing(
    context: AppContext,
    conn: Connection,
    tenant: str,
    of: tuple[str, str],
    difference_id: str,
) -> PeriodDifference:
    view = await closing.show(context, tenant, *of)
    name = " ".join(of)
    if view.state is PeriodState.CLOSED:
        raise Conflict(
            f"{name} is closed by {view.by}, with what was decided by then",
            remedy="reopen it with a reason first",
            see=("period", name),
        )
    for each in await judged(conn, tenant, view.standing):
        if each.difference_id == difference_id:
            return each
    raise NotFound(
        f"no difference {difference_id} kept {name} open when it was last to be closed",
        remedy="close the month: it lists what stands",
        see=("period", name),
    )


async def _decided(
    context: AppContext,
    conn: Connection,
    tenant: str,
    found: PeriodDifference,
    action: str,
    reason: str,
    by: str,
) -> Accepting:
    made = DecisionMade(
        by=by,
        action=action,
        target_kind=Target.DIFFERENCE,
        target_id=found.difference_id,
        shown_digest=found.content,
        after=found.model_dump(mode="json", exclude={"decided"}),
        reason=reason,
    )
    await decisions.record(conn, tenant, context.entrance, made)
    anew = found.model_copy(update={"decided": None})
    (now,) = await judged(conn, tenant, (anew,))
    return Accepting(difference=now, changed=True)


def _reason(given: str) -> str:
    said = given.strip()
    if not said:
        raise Invalid("a difference is not accepted without a reason", remedy="say why it stands")
    return said
