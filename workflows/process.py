"""What every process beside the changes has: it looks, waits for time or news, and looks again."""

from datetime import timedelta
from typing import NoReturn

from temporalio import workflow

from canonical_models.exceptions import Track
from canonical_models.process import Process
from workflows.asking import Asking
from workflows.moving import continue_on_newest, is_outdated, wait_long
from workflows.names import NEWS, STAGE, STATUS, Status


class WaitingProcess(Asking):
    """A workflow derives from it, and so hears news and decisions. Its input is a Process."""

    def __init__(self, process: Process) -> None:
        super().__init__(process.tenant, process.workflow_id, process)
        self.process = process
        self._words = "about to look"
        self._news = 0
        self._heard = 0

    async def turn(self) -> None:
        """Before each look: all news until now is about to be looked at. When the history is long,
        or another version is current, this does not return, and a new run looks first."""
        if workflow.info().is_continue_as_new_suggested() or is_outdated():
            await workflow.wait_condition(workflow.all_handlers_finished)
            self.go_on()
        self._heard = self._news

    def go_on(self) -> NoReturn:
        continue_on_newest(self.process)

    @property
    def has_news(self) -> bool:
        return self._news > self._heard

    async def over(self) -> bool:
        """Whether it may end: nothing is asked, nobody is being answered, and nothing is new."""
        await self.tasks.withdraw(Track.PROCESS)
        await workflow.wait_condition(workflow.all_handlers_finished)
        return not self.has_news

    async def rest(self, seconds: float | None) -> None:
        """Until there is news, or for so long; what was asked is not asked any more."""
        await self.tasks.withdraw(Track.PROCESS)
        limit = None if seconds is None else timedelta(seconds=seconds)
        await wait_long(lambda: self.has_news, self.go_on, limit=limit)

    def tell(self, stage: str, words: str) -> None:
        self._words = words
        workflow.set_current_details(words)
        if workflow.info().typed_search_attributes.get(STAGE) != stage:
            workflow.upsert_search_attributes([STAGE.value_set(stage)])

    @workflow.signal(name=NEWS)
    def news(self) -> None:
        """Something has changed that this process is about."""
        self._news += 1

    @workflow.query(name=STATUS)
    def status(self) -> Status:
        return Status(
            stage="waiting" if self.tasks.exception_id else "running",
            words=self._words,
            exception_id=self.tasks.exception_id,
        )
