"""Every timeout, retry and budget of the sagas, named."""

import os
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.workflow import ActivityCancellationType

from canonical_models.ledgering import SECONDS_A_LINE
from workflows.names import BULK

#: One try of a step in its saga's own task: longer than the slowest vendor call.
TRY = timedelta(seconds=90)
#: One try of a step on a vendor's queue, with all its calls and what each may wait for its place;
#: and what each line of its document adds. A worker that died is noticed by its heartbeats, not by
#: this.
LONG_TRY, LINE = timedelta(minutes=15), timedelta(seconds=SECONDS_A_LINE)
#: A worker that died is noticed after this long. Tests of that have no time; the module is read
#: outside of the sandbox, once a process, and no replay looks at it.
HEARTBEAT = timedelta(seconds=float(os.environ.get("TRUEUP_HEARTBEAT_SECONDS", "3")))

#: The engine's own retries, and no others. Vendors' Retry-After overrides the interval.
RETRY = RetryPolicy(
    initial_interval=timedelta(milliseconds=500),
    backoff_coefficient=2,
    maximum_interval=timedelta(seconds=30),
)

#: A renewal that is late is asked for again after this time.
LATE_AGAIN = timedelta(hours=6)

#: A write to another system: heartbeats carry a cancellation to it, and it is waited for, because
#: an undo must know what the write came to. It has no last try: an outage ends by itself, and a
#: fault that is the object's own ends with a question (activities/error_mapping.py). The same holds
#: for a part of a long run over many objects, for which nobody waits.
WRITE: dict[str, Any] = {
    "start_to_close_timeout": LONG_TRY,
    "heartbeat_timeout": HEARTBEAT,
    "retry_policy": RETRY,
    "cancellation_type": ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
}

#: A read, or a write to our own database: cheap, safe to repeat, run where the workflow runs.
LOCAL: dict[str, Any] = {
    "start_to_close_timeout": TRY,
    "retry_policy": RETRY,
    # Longer waits are timers: while a local activity waits, its workflow task is kept alive, which
    # writes history every other second.
    "local_retry_threshold": timedelta(seconds=1),
    "cancellation_type": ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
}

#: A write that is usually done at once: tried here first, and as a WRITE when that may help.
ONCE: dict[str, Any] = {
    "start_to_close_timeout": TRY,
    "retry_policy": RetryPolicy(maximum_attempts=1),
    "cancellation_type": ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
}

#: Book-keeping that must not be given up: without it nobody would know that a person is needed.
KEEPING: dict[str, Any] = {
    "start_to_close_timeout": timedelta(seconds=30),
    "retry_policy": RETRY,
    "cancellation_type": ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
}

#: A set that another system must be told, however long that is away: an outage ends by itself, and
#: is nobody's question. News ends a long wait.
UNTIL_BACK: dict[str, Any] = {
    **WRITE,
    "retry_policy": RetryPolicy(
        initial_interval=timedelta(milliseconds=500),
        backoff_coefficient=2,
        maximum_interval=timedelta(minutes=10),
    ),
}


def queue_of(task_queue: str, tenant: str, part: str) -> str:
    """The task queue of one system of a tenant: `billing`, `erp`, `support`, a target's name, or a
    lane of the ERP."""
    return f"{task_queue}/{tenant}/{part}"


def on(part: str, tenant: str) -> dict[str, Any]:
    """Where a step that speaks to this system waits for its turn. What is done in bulk has one
    queue for all of them, but for a lane of the ERP, in which one posts at a time."""
    own = workflow.info().task_queue
    if own.endswith(BULK) and "/" not in part:
        return {"task_queue": own}
    return {"task_queue": queue_of(own.removesuffix(BULK), tenant, part)}


def at(part: str, tenant: str, *, lines: int = 0) -> dict[str, Any]:
    """A write to this system: of a document with so many lines, or of something short."""
    return {**WRITE, "start_to_close_timeout": LONG_TRY + lines * LINE, **on(part, tenant)}
