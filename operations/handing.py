"""Decisions that a saga has to act on: kept first, handed over by the dispatcher, waited for."""

import asyncio
from typing import Any

from canonical_models.base import isoformat
from canonical_models.decisions import DecisionView, Target
from operations import engine
from operations.context import AppContext
from operations.errors import Conflict
from persistence import decisions
from persistence.connection import Connection

_LOOKS_EVERY = 0.05


async def handed_over(context: AppContext, tenant: str, made: DecisionView) -> DecisionView:
    """The decision once it has been acted on, or has become void; after a bound, or at once where
    the engine is away, as it is."""
    bound = engine.TAKEN.total_seconds() if await context.engine.reachable() else 0.0
    try:
        async with asyncio.timeout(bound):
            while made.outcome is None:
                await asyncio.sleep(_LOOKS_EVERY)
                made = await _now(context, tenant, made)
    except TimeoutError:
        return await _now(context, tenant, made)
    return made


async def _now(context: AppContext, tenant: str, made: DecisionView) -> DecisionView:
    async with context.database.statement() as conn:
        found = await decisions.get(conn, tenant, made.decision_id)
    if found is None:
        raise AssertionError(f"decision {made.decision_id} is kept for good")
    return found


async def under_name(
    conn: Connection, tenant: str, once: str | None, target: tuple[Target, str], action: str
) -> DecisionView | None:
    """What was decided under this name before. Raises Conflict where that was something else."""
    made = await decisions.made_once(conn, tenant, once) if once is not None else None
    if made is not None and (made.target_kind, made.target_id, made.action) != (*target, action):
        raise other_than_before(made)
    return made


def other_than_before(made: DecisionView) -> Conflict:
    return Conflict(
        f"this idempotency key has decided something else before: `{made.action}` of "
        f"{made.target_kind} {made.target_id}",
        remedy="send a key of its own with every new decision",
        see=(made.target_kind, made.target_id),
        facts=facts(made),
    )


def first_was(made: DecisionView) -> Conflict:
    """Of two who decided one case, for the one who came second."""
    return Conflict(
        f"{made.target_kind} {made.target_id} has been decided: `{made.action}` by {made.by} at "
        f"{isoformat(made.at)}" + ("" if made.outcome else "; it is being handed over"),
        remedy="look at what has come of it",
        see=(made.target_kind, made.target_id),
        facts=facts(made),
    )


def facts(made: DecisionView) -> dict[str, Any]:
    """Who, when and what, for those who were not first."""
    return {
        "decision_id": made.decision_id,
        "action": made.action,
        "by": made.by,
        "at": isoformat(made.at),
        "door": made.door.value,
        "outcome": made.outcome,
    }
