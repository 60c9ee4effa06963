"""Versions of the worker: what runs where, so that a deployed saga ends on the code it began on.

A version is a build of the worker; all builds of a task queue are one deployment of Temporal's. A
new saga begins on the *current* version, and a share of them on the *ramping* one. Every workflow
is pinned to its version; one that waits goes on in another by continuing as new
(`workflows.moving`). A version *drains* when it is no longer current, and is *drained* when nothing
runs on it any more: then its workers can go.
"""

import asyncio
import hashlib
import itertools
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

import structlog
from temporalio.api.deployment.v1 import WorkerDeploymentInfo
from temporalio.api.enums.v1 import (
    RoutingConfigUpdateState,
    TaskQueueType,
    WorkerDeploymentVersionStatus,
)
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    DescribeTaskQueueRequest,
    DescribeWorkerDeploymentRequest,
    SetWorkerDeploymentCurrentVersionRequest,
    SetWorkerDeploymentRampingVersionRequest,
)
from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import WorkerDeploymentConfig

from workflows.names import MOVE_ON

#: What a worker's behaviour depends on, beside the packages that are locked with it.
_CODE = (
    *("activities", "canonical_models", "connectors", "dispatch", "persistence", "planning"),
    *("runtime", "workflows"),
)
_ROOT = Path(__file__).parents[1]
_CALL = timedelta(seconds=10)
#: A worker asks for tasks at least this often.
_POLL = timedelta(minutes=2)
_ROUTED = RoutingConfigUpdateState.ROUTING_CONFIG_UPDATE_STATE_COMPLETED
_MINUTE = 60.0
_LOOKS = 300
_LOOK_SECONDS = 0.1
_BUSY_SECONDS = 1.0
#: What the server answers while a deployment is being changed, or asked for too often.
_BUSY = (RPCStatusCode.RESOURCE_EXHAUSTED, RPCStatusCode.UNAVAILABLE, RPCStatusCode.ABORTED)

Summary = WorkerDeploymentInfo.WorkerDeploymentVersionSummary
log = structlog.get_logger()

State = Literal["current", "ramping", "draining", "drained", "inactive"]
_STATES: dict[int, State] = {
    WorkerDeploymentVersionStatus.WORKER_DEPLOYMENT_VERSION_STATUS_CURRENT: "current",
    WorkerDeploymentVersionStatus.WORKER_DEPLOYMENT_VERSION_STATUS_RAMPING: "ramping",
    WorkerDeploymentVersionStatus.WORKER_DEPLOYMENT_VERSION_STATUS_DRAINING: "draining",
    WorkerDeploymentVersionStatus.WORKER_DEPLOYMENT_VERSION_STATUS_DRAINED: "drained",
}


class NotDeployed(Exception):
    """The deployment has no such version, or no worker of it; the text says what to do."""


@dataclass(frozen=True)
class Version:
    """`since`: it took over, or was replaced; `share` in percent of new workflows; `open_runs` of
    workflows; `workers` that ask for tasks now."""

    build: str
    state: State
    share: float
    since: datetime | None
    open_runs: int
    workers: int
    was_current: datetime | None


def build_of(given: str | None) -> str:
    """The build of this worker: as given, else the package's version and a digest of its code."""
    if given:
        return given
    try:
        number = version("trueup")
    except PackageNotFoundError:
        number = "0"
    digest = hashlib.sha256()
    files = [_ROOT / "worker.py", *(file for name in _CODE for file in (_ROOT / name).rglob("*"))]
    for file in sorted(files):
        if file.suffix in {".py", ".sql"}:
            digest.update(str(file.relative_to(_ROOT)).encode() + b"\0" + file.read_bytes())
    return f"{number}-{digest.hexdigest()[:12]}"


def pinned(task_queue: str, build: str) -> WorkerDeploymentConfig:
    """How a worker of this build takes part in the deployment of its task queue."""
    return WorkerDeploymentConfig(
        version=WorkerDeploymentVersion(_deployment(task_queue), build),
        use_worker_versioning=True,
        default_versioning_behavior=VersioningBehavior.PINNED,
    )


class Deployment:
    """The versions of the workers of one task queue."""

    def __init__(self, client: Client, task_queue: str) -> None:
        self._client, self._task_queue = client, task_queue
        self._name = _deployment(task_queue)

    async def versions(self) -> list[Version]:
        """All that Temporal knows of, the newest first; empty before the first worker."""
        found = await self._described()
        if found is None:
            return []
        workers = await self.workers()
        routing = found.routing_config
        made = []
        for summary in sorted(
            found.version_summaries, key=lambda one: one.create_time.ToNanoseconds(), reverse=True
        ):
            build = summary.deployment_version.build_id
            state = _STATES.get(summary.status, "inactive")
            ramping = routing.ramping_version_percentage
            share = {"current": 100 - ramping, "ramping": ramping}.get(state, 0)
            made.append(
                Version(
                    build=build,
                    state=state,
                    share=share,
                    since=_time(summary, "routing_update_time"),
                    open_runs=await self.open_runs(build),
                    workers=workers[build],
                    was_current=_time(summary, "last_current_time"),
                )
            )
        return made

    async def current(self) -> str | None:
        """The build that new workflows begin on, less those of a ramp; None before the first."""
        found = await self._described()
        if found is None:
            return None
        return found.routing_config.current_deployment_version.build_id or None

    async def promote(self, build: str, share: float = 100) -> None:
        """New workflows begin on the build: all of them, or a share in percent, which may be 0.

        Raises NotDeployed.
        """
        names: dict[str, Any] = {
            "namespace": self._client.namespace,
            "deployment_name": self._name,
            "build_id": build,
            "identity": self._client.identity,
        }
        service = self._client.workflow_service
        try:
            if share >= 100:
                await service.set_worker_deployment_current_version(
                    SetWorkerDeploymentCurrentVersionRequest(**names), timeout=_CALL
                )
            else:
                await service.set_worker_deployment_ramping_version(
                    SetWorkerDeploymentRampingVersionRequest(**names, percentage=share),
                    timeout=_CALL,
                )
        except RPCError as fault:
            if fault.status not in {RPCStatusCode.NOT_FOUND, RPCStatusCode.FAILED_PRECONDITION}:
                raise
            raise NotDeployed(
                f"version {build} of {self._task_queue!r} cannot take workflows "
                f"({fault.message}): start a worker of it first (`trueup worker --version {build}`)"
                " and look with `trueup deploy status`"
            ) from fault
        await self._until_routed()

    async def roll_back(self) -> str:
        """End a ramp; without one, have new workflows begin on the version that was current before.
        The build they begin on then. Raises NotDeployed."""
        versions = await self.versions()
        (current,) = [one.build for one in versions if one.state == "current"] or [""]
        if any(one.state == "ramping" for one in versions):
            await self._end_ramp()
            return current
        before = [one for one in versions if one.was_current and one.state != "current"]
        if not before:
            raise NotDeployed(
                f"no version of {self._task_queue!r} was current before {current or 'any'}: "
                "`trueup deploy status` lists them, and `trueup deploy promote` chooses one"
            )
        earlier = max(before, key=lambda one: one.was_current or datetime.min.replace(tzinfo=UTC))
        await self.promote(earlier.build)
        return earlier.build

    async def _end_ramp(self) -> None:
        await self._client.workflow_service.set_worker_deployment_ramping_version(
            SetWorkerDeploymentRampingVersionRequest(
                namespace=self._client.namespace,
                deployment_name=self._name,
                identity=self._client.identity,
            ),
            timeout=_CALL,
        )
        await self._until_routed()

    async def begin(self, build: str) -> str:
        """The current build once this one's worker is known; it is this one if there was none, so
        that a first start needs nobody. Raises NotDeployed."""
        for _ in range(_LOOKS):
            try:
                if found := await self.current():
                    return found
                await self.promote(build)
            except NotDeployed:
                # Known as soon as its workers have asked for the first task.
                await asyncio.sleep(_LOOK_SECONDS)
            except RPCError as fault:
                # Several workers begin at a time, and one of them will be heard; who asks again at
                # once keeps the server from it.
                if fault.status not in _BUSY:
                    raise
                await asyncio.sleep(_BUSY_SECONDS)
        await self.promote(build)
        return build

    async def keep(self, build: str) -> None:
        """What the workers of a version see to, until cancelled: some version is current, which is
        not so where Temporal's store was lost, and what waits on others moves on."""
        for minute in itertools.count(1):
            await asyncio.sleep(_MINUTE)
            try:
                current = await self.begin(build)
                if current == build and minute % 60 == 0:
                    await self.drain()
            except (RPCError, NotDeployed) as fault:
                log.warning("versions of the worker cannot be looked at now", why=str(fault))

    async def drain(self) -> dict[str, int]:
        """Have what waits on versions that no new workflow begins on go on in the current one; how
        many are still open, by build."""
        left = {}
        for one in await self.versions():
            if one.share == 0 and one.open_runs:
                await self.move_on(one.build)
                left[one.build] = one.open_runs
        return left

    async def open_runs(self, build: str) -> int:
        """Workflows that are open on the build. The index they are counted in lags a little."""
        return (await self._client.count_workflows(self._query(build))).count

    async def move_on(self, build: str) -> int:
        """Wake what waits on the build, so that it goes on in the version that is current now.
        How many were woken."""
        woken = 0
        async for run in self._client.list_workflows(self._query(build)):
            try:
                await self._client.get_workflow_handle(run.id, run_id=run.run_id).signal(MOVE_ON)
            except RPCError as fault:
                if fault.status is not RPCStatusCode.NOT_FOUND:  # it has just ended
                    raise
            else:
                woken += 1
        return woken

    async def _until_routed(self) -> None:
        """Every task queue knows; what is woken before is not told that it may move on. Goes on
        without after half a minute: the queues get to know it by themselves."""
        for _ in range(_LOOKS):
            found = await self._described()
            if found is None or found.routing_config_update_state == _ROUTED:
                return
            await asyncio.sleep(_LOOK_SECONDS)

    async def _described(self) -> WorkerDeploymentInfo | None:
        try:
            answer = await self._client.workflow_service.describe_worker_deployment(
                DescribeWorkerDeploymentRequest(
                    namespace=self._client.namespace, deployment_name=self._name
                ),
                timeout=_CALL,
            )
        except RPCError as fault:
            if fault.status is RPCStatusCode.NOT_FOUND:
                return None
            raise
        return answer.worker_deployment_info

    async def workers(self) -> Counter[str]:
        """How many ask for tasks, by build."""
        answer = await self._client.workflow_service.describe_task_queue(
            DescribeTaskQueueRequest(
                namespace=self._client.namespace,
                task_queue=TaskQueue(name=self._task_queue),
                task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
            ),
            timeout=_CALL,
        )
        oldest = datetime.now(UTC) - _POLL
        return Counter(
            poller.deployment_options.build_id
            for poller in answer.pollers
            if poller.last_access_time.ToDatetime(UTC) > oldest
        )

    def _query(self, build: str) -> str:
        return (
            f"TemporalWorkerDeploymentVersion = '{self._name}:{build}' "
            "and ExecutionStatus = 'Running'"
        )


def _time(
    summary: Summary, field: Literal["routing_update_time", "last_current_time"]
) -> datetime | None:
    if not summary.HasField(field):
        return None
    found: datetime = getattr(summary, field).ToDatetime(UTC)
    return found


def _deployment(task_queue: str) -> str:
    # Temporal joins name and build with a dot or a colon, and so allows neither in a name.
    return task_queue.replace(".", "-").replace(":", "-")
