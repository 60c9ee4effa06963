"""Customers that billing has and nobody was told of, and what all systems hold before and after."""

from collections import Counter

from canonical_models.backfill import BackfillSubject
from canonical_models.batch import BatchState
from canonical_models.commerce import Customer
from operations import backfills
from operations.backfills import BackfillAsked, BackfillReport
from persistence import mappings
from tests.adoption.golive import OWN, WRITES
from tests.batches.bulk import Bulk
from tests.harness.subscriptions import ACCOUNT, invoice, item, line, snapshot, subscription

HISTORY = BackfillAsked(subject=BackfillSubject.HISTORY)


async def unheard(bulk: Bulk, *numbers: int, product: str = "pro") -> None:
    """A subscription each with its first invoice, over 50.00 EUR and no tax."""
    for number in numbers:
        of, customer = f"sub_{number}", f"cus_{number}"
        sold = subscription(item(product, 5, key=f"si_{number}"), subscription_id=of).model_copy(
            update={"customer": Customer(customer_id=customer)}
        )
        charged = line(f"il_{number}", 5000, product, of=of)
        first = invoice(charged, key=f"in_{number}", customer=customer)
        bulk.sagas.systems.billing.snapshots[of] = snapshot(sold, first)
        account = ACCOUNT.model_copy(
            update={
                "billing_customer": customer,
                "support_organization": customer,
                "erp_party": f"C-{number}",
            }
        )
        async with bulk.sagas.database.transaction() as conn:
            await mappings.put(conn, "acme", account, by="tester")


async def everything(bulk: Bulk) -> dict[str, list[str]]:
    """Every row of every table, but those that the batch is kept in."""
    async with bulk.sagas.database.statement() as conn:
        names = await conn.execute("select tablename from pg_tables where schemaname = 'public'")
        held = {}
        for (name,) in await names.fetchall():
            if name not in OWN:
                rows = await conn.execute(f"select t::text from {name} t order by 1".encode())
                held[name] = [row[0] for row in await rows.fetchall()]
        return held


def written(bulk: Bulk) -> Counter[str]:
    """Calls that change something in another system, by their names."""
    targets = {f"{name}.publish" for name in bulk.sagas.systems.targets}
    calls = bulk.sagas.systems.script.calls
    return Counter(call for call in calls if call in WRITES or call in targets)


async def rehearsed(bulk: Bulk, asked: BackfillAsked) -> BackfillReport:
    made = await backfills.begin(bulk.context, "acme", asked, by="anna")
    await bulk.came_to(made.batch.batch_id, BatchState.ENDED)
    return await backfills.show(bulk.context, "acme", made.batch.batch_id)


async def applied(bulk: Bulk, asked: BackfillAsked) -> BackfillReport:
    made = await backfills.begin(
        bulk.context, "acme", asked.model_copy(update={"apply": True}), by="anna"
    )
    await bulk.came_to(made.batch.batch_id, BatchState.ENDED)
    return await backfills.show(bulk.context, "acme", made.batch.batch_id)
