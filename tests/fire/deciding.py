"""People who answer questions, and operators who meddle with runs, drawn from the seed."""

import asyncio
import secrets
from collections import Counter
from dataclasses import dataclass, field
from random import Random

import httpx
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import Client
from temporalio.service import RPCError

from canonical_models.amendment import account_subject
from sandbox.demo.systems import Row
from tests.fire.patient import AnswerLost
from tests.fire.people import People
from tests.fire.playing import LATE, Cast
from tests.fire.story import Blow
from tests.harness.buyers import SOLD

#: How often one cause of one customer is answered; after that it stays open, with its owner.
_ANSWERS = 2
_EVERY_SECONDS = 1.0
#: For how long an operator looks for a saga that runs.
_LOOKS, _LOOK_SECONDS = 40, 0.1
#: The event with which the first task of every run ends.
_FIRST_TASK = 4
_SAGAS = "ExecutionStatus = 'Running' AND WorkflowType IN ('amendment', 'account')"


@dataclass
class Desk:
    """Everybody who sits before the exception queue."""

    seed: int
    cast: Cast
    people: People
    _answered: Counter[tuple[str, str]] = field(default_factory=Counter)
    _seen: set[str] = field(default_factory=set)

    async def work(self) -> None:
        """Until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(_EVERY_SECONDS)

    async def look(self) -> None:
        """Answer what is open and has not been looked at."""
        trueup = self.cast.shop.front.world.trueup
        found = await trueup.ask("GET", "/v1/exceptions", params={"limit": 200})
        for question in found["items"]:
            if question["exception_id"] not in self._seen:
                self._seen.add(question["exception_id"])
                await self._answer(question)

    async def _answer(self, question: Row) -> None:
        trueup = self.cast.shop.front.world.trueup
        key = (question["customer_id"] or "", question["code"])
        plan = self.cast.lived.get(key[0])
        if plan is None or self._answered[key] >= _ANSWERS:
            return
        random = Random(f"{self.seed}/{plan.seed}/{key[1]}/{self._answered[key]}")
        self._answered[key] += 1
        shown = await trueup.ask("GET", f"/v1/exceptions/{question['exception_id']}")
        actions = list(shown["decisions"])
        if random.random() < 0.2 or not actions:
            return
        action = random.choice(actions)
        given: Row = {"action": action, "note": "decided by the campaign"}
        if action == "correct":
            product = self.cast.unmapped.get(key[0])
            if question["code"] != "item_unmapped" or product is None:
                return
            given["item"] = _item(product)
        if action == "abort":
            self.people.took_back.add(question["belongs_to"])
        if action in ("extend", "credit", "write_off"):
            self.people.extended.add(str(question["subject"]))
        path = f"/v1/exceptions/{question['exception_id']}/resolve"
        try:
            await trueup.ask("POST", path, json=given)
        except (httpx.HTTPStatusError, AnswerLost):
            # It has answered itself, or nobody could be asked: then it is still open.
            action = f"{action} (too late)"
        self.cast.figures.decisions[f"{key[1]}: {action}"] += 1


def _item(product: str) -> Row:
    item, per_unit, included, tier = SOLD[LATE]
    return {
        "item": product,
        "erp_item": item,
        "per_unit": per_unit,
        "included": included,
        "support_tier": tier,
    }


async def meddle(client: Client, blow: Blow, people: People) -> str | None:
    """One act on a saga that runs; its workflow, None where none could be found."""
    for _ in range(_LOOKS):
        try:
            found = [run async for run in client.list_workflows(_SAGAS)]
            if found:
                run = sorted(found, key=lambda run: run.id)[blow.dice % len(found)]
                return await _act(client, blow.how, run.id, run.run_id, people)
        except RPCError:
            # The server is being killed, or the run has just ended: another one, then.
            pass
        await asyncio.sleep(_LOOK_SECONDS)
    return None


async def _act(client: Client, how: str, workflow_id: str, run_id: str, people: People) -> str:
    handle = client.get_workflow_handle(workflow_id, run_id=run_id)
    match how:
        case "terminate":
            await handle.terminate(reason="the campaign")
        case "cancel":
            people.took_back.add(_subject(workflow_id))
            await handle.cancel()
        case _:
            await client.workflow_service.reset_workflow_execution(
                ResetWorkflowExecutionRequest(
                    namespace=client.namespace,
                    workflow_execution=WorkflowExecution(workflow_id=workflow_id, run_id=run_id),
                    reason="the campaign",
                    workflow_task_finish_event_id=_FIRST_TASK,
                    request_id=secrets.token_hex(8),
                )
            )
    return workflow_id


def _subject(workflow_id: str) -> str:
    kind, _, rest = workflow_id.partition("/")
    of = rest.partition("/")[2]
    return account_subject(of) if kind == "account" else of
