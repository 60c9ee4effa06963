"""`python -m tests.fire.matrix`: every step and every undo of every saga, times every fault.

Each cell is a customer of its own, to whom one thing happens at billing, and one fault at the step
that is looked at. When it is at rest, what every system holds of it is compared (invariants.py).
Cells go side by side; what kills or stops a worker does so one at a time. Prints a table, then the
violations, each with how to see it again. The exit code is 1 where there is one.
"""

import argparse
import asyncio
import contextlib
import itertools
import random
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
from temporalio.client import Client
from temporalio.service import RPCError

from runtime.settings import DatabaseSettings
from runtime.temporal import connect
from sandbox.demo import observed
from sandbox.demo.observed import NotSeen
from tests.fire.covered import require_every_write
from tests.fire.invariants import inspect
from tests.fire.matrix_faults import FAULTS, Fault, NotReached
from tests.fire.matrix_steps import STEPS, Step
from tests.fire.matrix_stories import Case
from tests.fire.people import People
from tests.fire.stack import TIMES, Fire, on_fire
from tests.harness.both_sides import ZERO, sides_of
from tests.harness.buyers import Shop
from tests.harness.e2e_stack import Front
from workflows.names import change_workflow_id

#: Seconds until what is seen must be right, once no change is under way; and where somebody may
#: have ended a process, each of which is looked for every ten minutes.
_RIGHT_WITHIN = 90.0
_BEGINS_AGAIN_WITHIN = 690.0
_LOOK_AGAIN = 3.0
#: What `database.pool_size` says where nobody has set it.
_POOL = DatabaseSettings.model_fields["pool_size"].default
_FAULTS_OF_A_STORY = (
    *(AssertionError, NotSeen, NotReached, TimeoutError, KeyError),
    *(httpx.HTTPError, RPCError),
)


@dataclass
class Cell:
    step: Step
    fault: Fault
    case: Case | None = None
    wrong: list[str] = field(default_factory=list)
    #: A part of it has failed, so that it says nothing.
    broken: bool = False

    @property
    def name(self) -> str:
        return f"{self.step.name} x {self.fault.name}"

    @property
    def word(self) -> str:
        return "BROKEN" if self.broken else "WRONG" if self.wrong else "ok"


class Matrix:
    """Cells side by side, so many `at_once`; who has come to rest is judged with all others that
    have, because looking at every system takes a while."""

    def __init__(self, fire: Fire, shop: Shop, client: Client, at_once: int) -> None:
        self._fire, self._shop, self._client = fire, shop, client
        self._begun = asyncio.Semaphore(2 * at_once)
        self._places = asyncio.Semaphore(at_once)
        self._alone = asyncio.Lock()
        #: At rest, and until when they have time to be right.
        self._judged: dict[int, tuple[Cell, float, asyncio.Future[list[str]]]] = {}
        #: The most that a service has had open to PostgreSQL at once, as seen at each look.
        self.connections: dict[str, int] = {}

    async def all(self, cells: Sequence[Cell], done: Callable[[Cell], None]) -> None:
        working = asyncio.gather(*(self._one(cell, done) for cell in cells))
        judging = asyncio.create_task(self._judge())
        try:
            # Whoever judges ends by a fault alone.
            either: list[asyncio.Future[Any]] = [working, judging]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if judging.done():
                judging.result()
            await working
        finally:
            working.cancel()
            judging.cancel()

    async def left_over(self, cells: Sequence[Cell]) -> list[str]:
        """What is wrong with nobody in particular, once all is done."""
        buyers = [cell.case.buyer for cell in cells if cell.case is not None]
        known = {buyer.customer for buyer in buyers}
        report = await inspect(self._fire.erp, self._shop, buyers)
        return [
            *(str(one) for one in report.violations if one.customer not in known),
            *(
                f"{name} has had {most} connections to PostgreSQL, and pool_size says {_POOL}"
                for name, most in self.connections.items()
                if most > _POOL
            ),
        ]

    async def _one(self, cell: Cell, done: Callable[[Cell], None]) -> None:
        where = "before"
        try:
            async with self._begun:
                async with self._places:
                    cell.case = case = Case(self._fire, self._shop, await self._shop.buyer())
                    await cell.step.before(case)
                where = "fault"
                # Who waits for his turn takes no place.
                turn = self._alone if cell.fault.alone else contextlib.nullcontext()
                async with turn, self._places:
                    await cell.fault.strike(case, cell.step, self._client)
            where = "at rest"
            await self._right(cell, where)
            where = "after"
            if not cell.wrong:
                await _what_people_do(cell)
                await self._right(cell, "after it was mended")
        except _FAULTS_OF_A_STORY as fault:
            cell.broken = True
            cell.wrong.append(f"{where}: {type(fault).__name__}: {fault}"[:600])
        done(cell)

    async def _right(self, cell: Cell, when: str) -> None:
        case = _case(cell)
        await case.buyer.changes()
        verdict: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()
        of_process = case.workflow != change_workflow_id(self._fire.facts.tenant, case.subject)
        within = _BEGINS_AGAIN_WITHIN if of_process else _RIGHT_WITHIN
        self._judged[id(cell)] = (cell, time.monotonic() + within, verdict)
        cell.wrong += [f"{when}: {text}" for text in await verdict]

    async def _judge(self) -> None:
        took = 0.0
        while True:
            # What looks all the time takes the ERP from those that it looks at.
            await asyncio.sleep(max(_LOOK_AGAIN, took))
            began = time.monotonic()
            for name, count in self._fire.connections().items():
                self.connections[name] = max(count, self.connections.get(name, 0))
            waiting = list(self._judged.values())
            found = await self._violations([cell for cell, _, _ in waiting])
            for (cell, until, verdict), wrong in zip(waiting, found, strict=True):
                if not wrong or time.monotonic() > until:
                    del self._judged[id(cell)]
                    verdict.set_result(wrong)
            took = time.monotonic() - began

    async def _violations(self, cells: Sequence[Cell]) -> list[list[str]]:
        """Of each cell's own customer."""
        if not cells:
            return []
        undone = [await _not_undone(cell) for cell in cells]
        cases = [_case(cell) for cell in cells]
        people = People(took_back={one for case in cases for one in case.people.took_back})
        buyers = [case.buyer for case in cases]
        report = await inspect(self._fire.erp, self._shop, buyers, people, everybody=False)
        return [
            [
                *wrong,
                *(
                    one.text
                    for one in report.violations
                    if one.customer == case.buyer.customer
                    # Of what a person took back they are looked at by themselves, or after the next
                    # look has made up for it.
                    and not (case.people.took_back and one.text.startswith("books: "))
                ),
            ]
            for case, wrong in zip(cases, undone, strict=True)
        ]


async def _what_people_do(cell: Cell) -> None:
    """It leads to the right end: a question is tried again, and what was cancelled is made up for
    by the next look."""
    case = _case(cell)
    for question in await case.buyer.questions():
        if question["code"] != "payment_overdue":
            await case.buyer.decide(question, "retry")
    if cell.step.undo is not None:
        return
    if case.people.took_back:
        case.people = People()
        await case.buyer.look_again(case.sold or None)
    if cell.step.asked_again:
        await cell.step.happens(case)


async def _not_undone(cell: Cell) -> list[str]:
    """Exactly what the change has done is taken back, once."""
    if cell.step.undo is None:
        return []
    case = _case(cell)
    world, buyer = case.fire.world, case.buyer
    found = []
    change = await world.trueup.ask("GET", f"/v1/changes/{case.asked['change_id']}")
    outcome = change["change"]["outcome"]
    if cell.step.undo == "access" and outcome == "completed":
        # Its run was lost while it was cancelled, and the next one has done it all.
        case.people.took_back.clear()
        return []
    if outcome != "compensated":
        found.append(f"change {case.asked['change_id']} was taken back and is {outcome}")
    features, shown = await world.product.features(buyer.customer), await buyer.shown()
    if (features, shown[0]) != ({"seats": 5}, "standard"):
        found.append(f"access is not as before: {features}, {shown[0]}")
    sides = await sides_of(case.fire.erp, buyer)
    undone = [paper.total for paper in sides.counter if paper.state in ("posted", "paid")]
    first, newest = sides.issued[0], sides.issued[-1]
    wanted = [-newest.gross] if cell.step.undo == "all" else []
    if undone != wanted:
        found.append(f"taken back is {undone}, and not {wanted}")
    # What has been paid for it stands on the customer's account.
    owed = -newest.gross if wanted else ZERO
    papers = {number: (paper.total, paper.open) for number, paper in sides.papers.items()}
    kept = {one.number: (one.gross, ZERO) for one in (first, newest)}
    if (sides.owed, papers) != (owed, kept):
        found.append(f"the ERP has {papers}, owed {sides.owed}; and not {kept}, owed {owed}")
    return found


def _case(cell: Cell) -> Case:
    if cell.case is None:
        raise AssertionError(f"{cell.name} has not begun")
    return cell.case


def all_cells(steps: Sequence[Step] = STEPS, faults: Sequence[Fault] = FAULTS) -> list[Cell]:
    return [Cell(step, fault) for step in steps for fault in faults if fault.why_not(step) is None]


def diagonal(seed: int) -> list[Cell]:
    """Each step and each fault at least once; another seed has other pairs."""
    cells: list[Cell] = []
    missing = [fault.name for fault in FAULTS]
    random.Random(seed).shuffle(missing)
    for step in STEPS:
        can = [fault for fault in FAULTS if fault.why_not(step) is None]
        fault = min(can, key=lambda one: missing.index(one.name))
        missing.append(missing.pop(missing.index(fault.name)))
        cells.append(Cell(step, fault))
    return cells


def table(cells: Sequence[Cell]) -> str:
    by_name = {(cell.step.name, cell.fault.name): cell for cell in cells}
    steps = [step for step in STEPS if any(cell.step is step for cell in cells)]
    faults = [fault for fault in FAULTS if any(cell.fault.name == fault.name for cell in cells)]
    notes: dict[str, int] = {}
    rows = [["step", *(str(number + 1) for number in range(len(faults)))]]
    for step in steps:
        row = [step.name]
        for fault in faults:
            cell, why = by_name.get((step.name, fault.name)), fault.why_not(step)
            if why is not None:
                row.append(f"n.a.{notes.setdefault(why, len(notes) + 1)}")
            elif cell is None:
                row.append("")
            else:
                row.append(cell.word)
        rows.append(row)
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    lines = [
        "  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True))
        for row in rows
    ]
    lines += [f"{number + 1:>3}  {fault.name}" for number, fault in enumerate(faults)]
    lines += [f"n.a.{number}: {why}" for why, number in notes.items()]
    return "\n".join(lines)


def told(cell: Cell) -> str:
    again = f'python -m tests.fire.matrix --step "{cell.step.name}" --fault "{cell.fault.name}"'
    case = cell.case
    who = "" if case is None else f" ({case.buyer.customer}, {case.workflow})"
    return "\n".join([f"{cell.name}{who}; again: {again}", *(f"    {text}" for text in cell.wrong)])


async def run(cells: Sequence[Cell], at_once: int, patience: float) -> list[str]:
    """What is wrong with no cell in particular; what is wrong with one stands there."""
    times = {name: (call * patience, lands * patience) for name, (call, lands) in TIMES.items()}
    observed.PATIENCE *= patience
    # Many look at once here, and the cores are needed by what they look at.
    observed.EVERY = 1.5
    async with on_fire(times=times, heartbeat=patience) as fire:
        shop = await Shop.open(Front(fire.world, fire.proxies["tryton"]))
        shop.crowded = True
        client = await connect(fire.facts.temporal, folder=fire.facts.state)
        matrix = Matrix(fire, shop, client, at_once)
        began, count = time.monotonic(), itertools.count(1)

        def done(cell: Cell) -> None:
            seen = f"[{time.monotonic() - began:5.0f} s] {next(count)} of {len(cells)}"
            say(f"{seen} {cell.name}: {cell.word}" + "".join(f"\n    {one}" for one in cell.wrong))

        await matrix.all(cells, done)
        say(f"connections to PostgreSQL, at most: {matrix.connections}")
        return await matrix.left_over(cells)


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fire.matrix", description=__doc__)
    parser.add_argument("--slice", action="store_true", help="each step and each fault once")
    parser.add_argument("--seed", type=int, default=1, help="which pairs a slice has")
    parser.add_argument("--step", help="this step alone")
    parser.add_argument("--fault", help="this fault alone")
    parser.add_argument("--at-once", type=int, default=8, help="cells side by side")
    parser.add_argument(
        "--patience", type=float, default=1, help="times as long for every answer, when others work"
    )
    given = parser.parse_args()
    require_every_write()
    cells = diagonal(given.seed) if given.slice else all_cells()
    cells = [
        cell
        for cell in cells
        if given.step in (None, cell.step.name) and given.fault in (None, cell.fault.name)
    ]
    if not cells:
        parser.error("no such cell: see the table of a whole run for names")
    # What has to go alone is spread over the run.
    random.Random(given.seed).shuffle(cells)
    left = asyncio.run(run(cells, given.at_once, given.patience))
    wrong = [cell for cell in cells if cell.wrong]
    say("\n" + table(cells))
    for cell in wrong:
        say("\n" + told(cell))
    for text in left:
        say(f"\nof no cell: {text}")
    say(f"\n{len(cells)} cells, {len(wrong) + len(left)} violations")
    return 1 if wrong or left else 0


if __name__ == "__main__":
    sys.exit(main())
