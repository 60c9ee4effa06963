"""The plan that a step was decided with."""

from activities.contracts.amendment import RunInput, StepInput
from canonical_models.amendment import AmendmentPlan
from canonical_models.failures import Rejection, RejectionCode
from persistence import changes
from persistence.database import Database
from persistence.ownership import Owner


def owner_of(given: RunInput) -> Owner:
    """Whom a step writes for."""
    return Owner(given.tenant, given.change_id, given.epoch)


async def plan_of(database: Database, step: StepInput) -> AmendmentPlan:
    """Raises Rejection where it has been planned again since. An undo (no digest) takes the newest
    one."""
    async with database.statement() as raw:
        kept = await changes.plan(raw, step.tenant, step.change_id)
    if kept is None or (step.digest and kept.digest != step.digest):
        raise planned_again(step)
    return kept


def planned_again(step: StepInput) -> Rejection:
    return Rejection(
        RejectionCode.DOCUMENT_CONFLICT,
        f"change {step.change_id} has been planned again since this step was decided: "
        "retry the step, and it follows the newest plan",
        system="trueup",
        subject=step.change_id,
    )
