"""What it costs us to foresee a change of a subscription, beside billing's own answer.

    python -m benchmarks.preview [--times 101]

A real Temporal and a real PostgreSQL, and systems that answer at once: what is measured is all
ours, from the operation that is asked to its answer, with the workflow that runs it. The median
counts.
"""

import argparse
import asyncio
import statistics
import sys
import time

from benchmarks.limits import Limit, told
from canonical_models.preview import Comes
from canonical_models.proposal import ProposedItem, Prorating
from operations import preview
from operations.preview import AmendmentAsked
from persistence.database import Database, migrate
from tests.batches.bulk import at_work
from tests.harness.postgres import durable_server
from tests.harness.sagas import Sagas, sagas_at_work
from tests.harness.subscriptions import invoice, line
from tests.harness.systems import Systems
from tests.harness.temporal import temporal_server

_CHANGE = AmendmentAsked(
    subscription_id="sub_1",
    items=(ProposedItem(item_id="si_1", quantity=7),),
    prorating=Prorating.AT_ONCE,
)


def _previewed(sagas: Sagas) -> None:
    billing = sagas.systems.billing
    before = billing.snapshots["sub_1"]
    (held,) = before.subscription.items
    items = (held.model_copy(update={"quantity": 7}),)
    now = before.subscription.model_copy(update={"items": items})
    billed = invoice(line("il_2", 12_000), key="upcoming")
    billing.previews["sub_1"] = before.model_copy(
        update={"subscription": now, "documents": (billed,)}
    )


async def measured(dsn: str, times: int) -> list[Limit]:
    await migrate(dsn)
    database = Database(dsn, ping=False)
    try:
        async with (
            temporal_server() as temporal,
            sagas_at_work(temporal.client, database, Systems()) as sagas,
            at_work(sagas) as working,
        ):
            await (await sagas.sell(1)).result()
            _previewed(sagas)
            taken: list[float] = []
            script = sagas.systems.script
            asked: list[int] = []
            for _ in range(times):
                script.calls.clear()
                begun = time.perf_counter()
                found = await preview.of_amendment(working.context, "acme", _CHANGE)
                taken.append(time.perf_counter() - begun)
                asked.append(sum(call.startswith("billing.") for call in script.calls))
                if found.comes is not Comes.GOES_THROUGH:
                    raise RuntimeError(f"it was to go through: {found.why}")
    finally:
        await database.close()
    return [
        Limit("our own time", statistics.median(taken) * 1000, 50, " ms"),
        # The median: the renewal's process of the sold one looks at billing beside them, once.
        Limit("calls to billing", statistics.median(asked), 1, ""),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=101)
    given = parser.parse_args()
    with durable_server() as running:
        return told(asyncio.run(measured(running.dsn("postgres"), given.times)))


if __name__ == "__main__":
    sys.exit(main())
