"""How people answer a workflow's questions: by Update, or by Signal for those who have no other."""

from collections.abc import Callable
from typing import NoReturn

from temporalio import workflow
from temporalio.exceptions import FailureError

from canonical_models.exceptions import Resolution
from canonical_models.process import Process
from workflows.human_tasks import HumanTasks
from workflows.moving import wait_long
from workflows.names import DECIDE, MOVE_ON, RESOLVE


class Asking:
    """A workflow derives from it, and so hears decisions."""

    def __init__(
        self,
        tenant: str,
        change_id: str,
        process: Process | None = None,
        *,
        epoch: int | None = None,
    ) -> None:
        self.tasks = HumanTasks(tenant, change_id, process, epoch=epoch, wait=self.wait_long)

    @property
    def idle(self) -> bool:
        """Nothing is under way: it may go on in another run."""
        return True

    def go_on(self) -> NoReturn:
        """Continue as new on the version that is current now."""
        raise NotImplementedError

    async def wait_long(self, done: Callable[[], bool]) -> None:
        """As for a person: until it is done, or in another version of the worker."""
        await wait_long(done, self.go_on, idle=lambda: self.idle)

    @workflow.update(name=RESOLVE)
    async def resolve(self, resolution: Resolution) -> str:
        """A person's decision. Answers once the workflow has acted on it."""
        self.tasks.decide(resolution)
        await self.tasks.taken(resolution)
        return f"{resolution.action.value} taken"

    @resolve.validator
    def _may_resolve(self, resolution: Resolution) -> None:
        self.tasks.refuse(resolution)

    @workflow.signal(name=DECIDE)
    def decide(self, resolution: Resolution) -> None:
        """As `resolve`; a decision nobody asked for is ignored."""
        try:
            self.tasks.decide(resolution)
        except FailureError as refused:
            workflow.logger.warning("signal ignored: %s", refused)

    @workflow.signal(name=MOVE_ON)
    def move_on(self) -> None:
        """Wakes it, no more: whether another version is current is told with each task."""
