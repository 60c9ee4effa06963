"""How what waits gets from one version of the worker to the next.

A workflow stays on the version that it began on. What waits for a person or a date would keep that
version for months: so it is woken when another is current (`runtime.versions`), and goes on there
by continuing as new, as soon as nothing is under way.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import NoReturn

from temporalio import workflow


async def wait_long(
    done: Callable[[], bool],
    go_on: Callable[[], NoReturn],
    *,
    idle: Callable[[], bool] = lambda: True,
    limit: timedelta | None = None,
) -> None:
    """Until `done`, or for so long. Where another version is current meanwhile and the workflow
    `idle`, `go_on` continues it as new."""

    def moves() -> bool:
        return is_outdated() and idle() and workflow.all_handlers_finished()

    while not done():
        try:
            await workflow.wait_condition(lambda: done() or moves(), timeout=limit)
        except TimeoutError:
            return
        # Something else may have begun in the same task.
        if not done() and moves():
            go_on()


def is_outdated() -> bool:
    """Whether new workflows begin on another version than this one's. Told with each task."""
    return workflow.info().is_target_worker_deployment_version_changed()


def continue_on_newest(given: object) -> NoReturn:
    """A new run with this input, on the version that is current now."""
    workflow.continue_as_new(
        given,
        initial_versioning_behavior=workflow.ContinueAsNewVersioningBehavior.AUTO_UPGRADE,
    )
