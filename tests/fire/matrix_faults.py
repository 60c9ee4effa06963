"""The columns of the fault matrix: what happens at a step, at the very point where it is."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import Client, WorkflowHandle

from connectors.failpoints import HEADER, Phase
from connectors.tryton.wanted import line_seconds
from tests.fire.matrix_steps import Step
from tests.fire.matrix_stories import Case
from tests.fire.points import Point, arm

#: Seconds within which a step has to come to its point.
_COMES = 120.0
#: So many may be given up before one of them is sent.
_ATTEMPTS = 40
#: Longer than a heartbeat's timeout, and than a write of the simulators may land.
_STANDS_STILL = 3.0
#: Until a saga that was ended is begun anew, and comes to the same effect.
_ANEW = 8.0
#: Until a cancellation has come to the step.
_HEARD = 1.5
_GATEWAY = "<html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>"


class NotReached(Exception):
    """The fault has not happened: the cell says nothing."""


@dataclass(frozen=True)
class Fault:
    """`strike` arms it, has the step happen, and sees that the fault has come. `alone` are those
    that end or stop a worker: one at a time. `why_not` says why a step does not have it."""

    name: str
    strike: Callable[[Case, Step, Client], Awaitable[None]]
    why_not: Callable[[Step], str | None]
    alone: bool = False


def killed(phase: Phase) -> Fault:
    async def strike(case: Case, step: Step, _: Client) -> None:
        point = arm(case.fire.points, step.operation, phase, "kill", case.about)
        before = case.fire.facts.pids
        await step.happens(case)
        pid = await _came(point)
        await case.fire.again(_name_of(pid, before), pid)

    return Fault(f"kill {phase}", strike, lambda step: _same(step) or _where(step, phase), True)


def stopped(phase: Phase) -> Fault:
    async def strike(case: Case, step: Step, _: Client) -> None:
        point = arm(case.fire.points, step.operation, phase, "stop", case.about)
        await step.happens(case)
        pid = await _came(point)
        try:
            await asyncio.sleep(max(_STANDS_STILL, _lands(case, step) + 1))
        finally:
            case.fire.cont(pid)

    return Fault(f"stop {phase}", strike, lambda step: _same(step) or _where(step, phase), True)


def at_the_wire(name: str, **rule: object) -> Fault:
    """At the first write of the step that leaves, of those that its vendor commits by."""

    async def strike(case: Case, step: Step, _: Client) -> None:
        system, mark = step.system or "", secrets.token_hex(6)
        said = {key: _filled(value, case, step) for key, value in rule.items()}
        made = await case.fire.fault(system, carrying={HEADER: mark}, **step.commit, **said)
        # An attempt may be given up before it sends anything, such as for want of a place.
        points = [
            arm(case.fire.points, step.operation, "before", "mark", case.about, mark=mark)
            for _ in range(_ATTEMPTS)
        ]
        await step.happens(case)
        try:
            await _met(case, system, made["id"])
        finally:
            for point in points:
                point.disarm()

    return Fault(name, strike, _wire)


async def _met(case: Case, system: str, rule: int) -> None:
    for _ in range(int(_COMES / 0.1)):
        if (await case.fire.fired(system))[rule]:
            return
        await asyncio.sleep(0.1)
    raise NotReached(f"no write of the step came by {system}")


def ended(name: str, phase: Phase, end: Callable[[Client, Case], Awaitable[None]]) -> Fault:
    """What an operator does to the workflow while its step is at this point."""

    async def strike(case: Case, step: Step, client: Client) -> None:
        point = arm(case.fire.points, step.operation, phase, "hold", case.about)
        await step.happens(case)
        await _came(point)
        try:
            await end(client, case)
        finally:
            point.release()

    def why_not(step: Step) -> str | None:
        if step.system is None:
            return "ours: nobody waits within its one transaction"
        return _same(step)

    return Fault(f"{name} {phase}", strike, why_not)


async def _terminate(client: Client, case: Case) -> None:
    await _run(client, case).terminate("by a test")
    await asyncio.sleep(_ANEW)


async def _reset(client: Client, case: Case) -> None:
    handle = _run(client, case)
    first = await _first_task(handle)
    described = await handle.describe()
    await client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=client.namespace,
            workflow_execution=WorkflowExecution(
                workflow_id=case.workflow, run_id=described.run_id
            ),
            reason="by a test",
            request_id=secrets.token_hex(8),
            workflow_task_finish_event_id=first,
        )
    )
    await asyncio.sleep(_HEARD)


async def _first_task(handle: WorkflowHandle[object, object]) -> int:
    """The event of its end. A step at hand is a part of it: it ends when that takes long."""
    for _ in range(int(_COMES / 0.1)):
        for event in (await handle.fetch_history()).events:
            if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
                return event.event_id
        await asyncio.sleep(0.1)
    raise NotReached("the first task of the run has not ended")


async def _cancel(client: Client, case: Case) -> None:
    await _run(client, case).cancel()
    case.people.took_back.add(case.subject)
    await asyncio.sleep(_HEARD)


def _run(client: Client, case: Case) -> WorkflowHandle[object, object]:
    return client.get_workflow_handle(case.workflow)


async def _came(point: Point) -> int:
    pid = await point.taken(seconds=_COMES)
    if pid is None:
        raise NotReached("the step has not come to its point")
    return pid


def _name_of(pid: int, pids: dict[str, int]) -> str:
    return next(name for name, known in pids.items() if known == pid)


def _lands(case: Case, step: Step) -> float:
    return case.fire.times[step.system][1] if step.system else 0.0


def _filled(value: object, case: Case, step: Step) -> object:
    """A slow answer is one that comes when nobody waits for it any more."""
    if value != "slow":
        return value
    patience = case.fire.times[step.system or ""][0] + line_seconds(step.lines)
    return int((patience + 0.3) * 1000)


def _wire(step: Step) -> str | None:
    if step.silent:
        return "no draft is left there, so that nothing is sent"
    return "ours: no other system is asked" if step.system is None else None


def _same(step: Step) -> str | None:
    return "the same as for the whole of it" if step.wire_only else None


def _where(step: Step, phase: Phase) -> str | None:
    if step.system is None and phase == "answered":
        return "ours: it is answered by the transaction that confirms it"
    if step.silent and phase == "committed":
        return "nothing of it is written down"
    return None


FAULTS: tuple[Fault, ...] = (
    killed("before"),
    killed("answered"),
    killed("committed"),
    at_the_wire("lost before", action="drop_before"),
    at_the_wire("lost after", action="drop_after"),
    at_the_wire("slow, lands later", action="delay", delay_ms="slow"),
    at_the_wire("429", action="status", status=429, headers={"retry-after": "1"}),
    at_the_wire("500", action="status", status=500),
    at_the_wire("500, yet done", action="status", status=500, forward=True),
    at_the_wire("503 gateway", action="status", status=503, body=_GATEWAY.format("503")),
    at_the_wire("404 gateway", action="status", status=404, body=_GATEWAY.format("404")),
    at_the_wire("reset of connection", action="reset"),
    stopped("before"),
    stopped("answered"),
    ended("terminate", "before", _terminate),
    ended("terminate", "answered", _terminate),
    ended("reset", "before", _reset),
    ended("reset", "answered", _reset),
    ended("cancel", "before", _cancel),
    ended("cancel", "answered", _cancel),
)
