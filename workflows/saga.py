"""The compensation stack, and the ways of running a step that sagas need. Nothing else."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    FailureError,
    is_cancelled_exception,
)

from canonical_models.failures import FailureClass
from workflows.policies import ONCE

Result = TypeVar("Result")
Contract = TypeVar("Contract")
Given = TypeVar("Given")
Undo = Callable[[], Awaitable[None]]


class Saga:
    """Undos, registered before their steps: after a lost answer there is nothing left to register.

    Each undo must be safe to repeat and content when its step never happened.
    """

    def __init__(self) -> None:
        self._undos: dict[str, Undo] = {}
        self._leaving_facts: dict[str, Undo] = {}

    @property
    def touched(self) -> bool:
        """Whether any step may have had an effect."""
        return bool(self._undos)

    def undo_with(self, name: str, undo: Undo) -> None:
        """Registering a name again keeps its place: a step that is retried is undone once."""
        self._undos[name] = undo

    def undo_fact_with(self, name: str, undo: Undo, *, otherwise: Undo) -> None:
        """As `undo_with`, for what is a fact in billing: only a person takes it back, and else
        `otherwise` is done, which leaves it."""
        self.undo_with(name, undo)
        self._leaving_facts[name] = otherwise

    def is_fact(self, name: str) -> bool:
        return name in self._leaving_facts

    async def compensate(
        self, run: Callable[[str, Undo], Awaitable[None]], *, facts: bool = True
    ) -> None:
        """Run every undo through `run`, last in first out, to the end. Without `facts` these are
        left."""
        while self._undos:
            name = next(reversed(self._undos))
            undo = self._undos[name]
            await run(name, undo if facts else self._leaving_facts.get(name, undo))
            del self._undos[name]


def heed_cancellation() -> None:
    """Raise the cancellation that a step's success has hidden.

    A step that ends well while its saga is cancelled answers its result and the request is
    forgotten: it is looked for between steps, as long as all of it can still be undone.
    """
    if workflow.cancellation_reason() is not None:
        raise asyncio.CancelledError


def is_overtaken(fault: BaseException) -> bool:
    """Whether a step found that its change is another run's by now: this one ends without an
    effect, undoes nothing and asks nobody."""
    cause = fault.cause if isinstance(fault, ActivityError) else fault
    return isinstance(cause, ApplicationError) and cause.type == FailureClass.OVERTAKEN.value


def may_pass(fault: FailureError) -> bool:
    """Whether the same step may succeed later: not when it was refused, nor when it was stopped."""
    cause = fault.cause if isinstance(fault, ActivityError) else fault
    refused = isinstance(cause, ApplicationError) and cause.non_retryable
    return not refused and not is_cancelled_exception(fault)


async def promptly(
    step: Callable[[Contract, Given], Awaitable[Result]],
    given: Given,
    summary: str,
    otherwise: dict[str, Any],
) -> Result:
    """For what may be repeated: reads, writes that set a state, and those that the effect ledger
    makes once. At hand when all is well, which is quick, and `otherwise`, with patience on a
    vendor's queue, when it was not."""
    try:
        return await workflow.execute_local_activity_method(step, given, summary=summary, **ONCE)
    except FailureError as fault:
        if not may_pass(fault):
            raise
    return await workflow.execute_activity_method(step, given, summary=summary, **otherwise)


async def drained(work: Coroutine[Any, Any, Result]) -> Result:
    """Run `work` to its end, whatever is cancelled meanwhile: nothing here is left half done."""
    task = asyncio.create_task(work)
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            workflow.logger.info("a cancellation waits for a step that may not be left half done")
    return task.result()


async def side_by_side(*steps: Coroutine[Any, Any, None]) -> None:
    """Run the steps in parallel. When one fails or all are cancelled, the others are stopped and
    waited for, so that nothing is still happening when the undo begins."""
    tasks = [asyncio.create_task(step) for step in steps]
    if not tasks:
        return
    dropped = False
    try:
        await workflow.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    except GeneratorExit:
        # A worker that stops drops a waiting saga outside of its loop: nothing is waited for there.
        dropped = True
        raise
    finally:
        if not dropped:
            await _stopped(tasks)
    # The failure first: the others were stopped because of it.
    for task in sorted(tasks, key=lambda task: task.cancelled()):
        task.result()


async def _stopped(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await workflow.wait(tasks)
