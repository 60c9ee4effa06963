"""The plan that a step was decided with."""

from collections import OrderedDict

from activities.contracts.amendment import RunInput, StepInput
from canonical_models.amendment import AmendmentPlan
from persistence import changes
from persistence.database import Database
from persistence.ownership import Owner, planned_again

#: Plans that this process has made lately: the steps that follow need not read them again.
_MOST = 256
_LATELY: OrderedDict[tuple[str, str, str], tuple[AmendmentPlan, str]] = OrderedDict()


def owner_of(given: RunInput) -> Owner:
    """Whom a step writes for."""
    return Owner(given.tenant, given.change_id, given.epoch)


def owner_of_plan(step: StepInput) -> Owner:
    """Whom a step writes for that carries out its plan: what it writes proves that this is still
    the newest."""
    return Owner(step.tenant, step.change_id, step.epoch, step.digest)


def remember(tenant: str, plan: AmendmentPlan, digest: str, *, told: str) -> None:
    """It was kept just now. `told` is the digest of the customer's master data that other systems
    had been told of then."""
    _LATELY[tenant, plan.change_id, digest] = plan, told
    if len(_LATELY) > _MOST:
        _LATELY.popitem(last=False)


def told_of(owner: Owner) -> str:
    """What had been told of the customer's master data when the owner's plan was made, where this
    process made it lately; else empty."""
    return _LATELY.get((owner.tenant, owner.change_id, owner.digest), (None, ""))[1]


async def plan_of(database: Database, step: StepInput) -> AmendmentPlan:
    """Raises Rejection where it is known to have been planned again since. An undo (no digest)
    takes the newest one."""
    if (lately := _LATELY.get((step.tenant, step.change_id, step.digest))) is not None:
        return lately[0]
    async with database.statement() as conn:
        kept = await changes.plan(conn, step.tenant, step.change_id)
    if kept is None or (step.digest and kept.digest != step.digest):
        raise planned_again(step.change_id)
    return kept
