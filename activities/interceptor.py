"""What goes round every activity: how long its calls may wait for a place at a vendor, what its log
lines are about, and where it has a heartbeat timeout, heartbeats, which carry a cancellation to
it."""

import asyncio
from collections.abc import Sequence
from typing import Any

from structlog.contextvars import bound_contextvars
from temporalio import activity
from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
)

from connectors.governor import AT_ONCE, LONGEST_WAIT, calling
from persistence.turns import is_bulk


class Heartbeats(Interceptor):
    """`bulk` is whether all that its worker does is done in bulk."""

    def __init__(self, *, bulk: bool = False) -> None:
        self._bulk = bulk

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 - the SDK's name
        return _Beating(next, self._bulk)


class _Beating(ActivityInboundInterceptor):
    def __init__(self, inner: ActivityInboundInterceptor, bulk: bool) -> None:
        super().__init__(inner)
        self._bulk = bulk

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - the SDK's name
        info = activity.info()
        # In a queue that all lanes share, a step has the priority of its workflow.
        bulk = self._bulk or is_bulk(info.priority.fairness_key)
        with (
            calling(AT_ONCE if info.is_local else LONGEST_WAIT, bulk=bulk),
            bound_contextvars(activity=info.activity_type, **_about(input.args)),
        ):
            if info.heartbeat_timeout is None:
                return await super().execute_activity(input)
            beating = asyncio.create_task(_beat(info.heartbeat_timeout.total_seconds() / 3))
            try:
                return await super().execute_activity(input)
            finally:
                beating.cancel()


def _about(given: Sequence[Any]) -> dict[str, str]:
    """Tenant and change, where the input names them, or the step within it."""
    found: dict[str, str] = {}
    for one in given:
        for said in (one, getattr(one, "step", None)):
            for name in ("tenant", "change_id"):
                if isinstance(value := getattr(said, name, None), str):
                    found.setdefault(name, value)
    return found


async def _beat(seconds: float) -> None:
    # Most writes end before their first heartbeat, and each is billed.
    while True:
        await asyncio.sleep(seconds)
        activity.heartbeat()
