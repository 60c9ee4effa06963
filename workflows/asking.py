"""How people answer a workflow's questions: by Update, or by Signal for those who have no other."""

from temporalio import workflow
from temporalio.exceptions import FailureError

from canonical_models.exceptions import Resolution
from canonical_models.process import Process
from workflows.desk import ExceptionDesk
from workflows.names import DECIDE, RESOLVE


class Asking:
    """A workflow derives from it, and so hears decisions."""

    def __init__(self, tenant: str, change_id: str, process: Process | None = None) -> None:
        self.desk = ExceptionDesk(tenant, change_id, process)

    @workflow.update(name=RESOLVE)
    async def resolve(self, resolution: Resolution) -> str:
        """A person's decision. Answers once the workflow has acted on it."""
        self.desk.decide(resolution)
        await self.desk.taken(resolution)
        return f"{resolution.action.value} taken"

    @resolve.validator
    def _may_resolve(self, resolution: Resolution) -> None:
        self.desk.refuse(resolution)

    @workflow.signal(name=DECIDE)
    def decide(self, resolution: Resolution) -> None:
        """As `resolve`; a decision nobody asked for is ignored."""
        try:
            self.desk.decide(resolution)
        except FailureError as refused:
            workflow.logger.warning("signal ignored: %s", refused)
