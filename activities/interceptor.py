"""What goes round every activity: how long its calls may wait for a place at a vendor, and where it
has a heartbeat timeout, heartbeats, which carry a cancellation to it."""

import asyncio
from typing import Any

from temporalio import activity
from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
)

from connectors.governor import AT_ONCE, LONGEST_WAIT, calling


class Heartbeats(Interceptor):
    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 - the SDK's name
        return _Beating(next)


class _Beating(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - the SDK's name
        info = activity.info()
        with calling(AT_ONCE if info.is_local else LONGEST_WAIT):
            if info.heartbeat_timeout is None:
                return await super().execute_activity(input)
            beating = asyncio.create_task(_beat(info.heartbeat_timeout.total_seconds() / 3))
            try:
                return await super().execute_activity(input)
            finally:
                beating.cancel()


async def _beat(seconds: float) -> None:
    # Most writes end before their first heartbeat, and each is billed.
    while True:
        await asyncio.sleep(seconds)
        activity.heartbeat()
