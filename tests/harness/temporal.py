"""A real Temporal dev server, tuned so that tests wait for nothing."""

import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import TimeSkippingConfig, WorkflowEnvironment

from workflows.names import SEARCH_ATTRIBUTES

#: The server waits up to a second at each of these by default.
TUNING = (
    "history.transferProcessorMaxPollRPS=2000",
    "history.timerProcessorMaxPollRPS=2000",
    'history.timerProcessorMaxTimeShift="1ms"',
    'history.workflowIdReuseMinimalInterval="0s"',
    # Fast-forwarding looks at a long poll's end whether it has come to pass: 20 seconds by default.
    'history.longPollExpirationInterval="1s"',
    "matching.enableFairness=true",
    # Each test has queues of its own, and each partition costs a row and its polls.
    "matching.numTaskqueueReadPartitions=1",
    "matching.numTaskqueueWritePartitions=1",
)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@asynccontextmanager
async def temporal_server(
    *,
    port: int | None = None,
    skipping: TimeSkippingConfig | None = None,
    more_tuning: tuple[str, ...] = (),
) -> AsyncIterator[WorkflowEnvironment]:
    """With our search attributes; in memory; ended after the block. With `skipping` each workflow
    has a clock of its own that a test can move on."""
    start: Callable[..., Awaitable[WorkflowEnvironment]] = WorkflowEnvironment.start_local
    tuning = (*TUNING, *more_tuning)
    if skipping is not None:
        start = partial(WorkflowEnvironment.start_time_skipping_v2, ts_config=skipping)
        tuning = (*tuning, "frontend.WorkflowTimeSkippingEnabled=true")
    environment = await start(
        data_converter=pydantic_data_converter,
        ip="127.0.0.1",
        port=port,
        search_attributes=SEARCH_ATTRIBUTES,
        dev_server_existing_path=str(Path(sys.executable).with_name("temporal")),
        dev_server_log_level="error",
        dev_server_extra_args=[
            argument for value in tuning for argument in ("--dynamic-config-value", value)
        ],
    )
    async with environment:
        yield environment
