"""A saga that waits for a person because an item is not mapped."""

import secrets
from dataclasses import dataclass

from canonical_models.views import ExceptionView
from persistence import change_queue
from tests.harness.sagas import Handle, Sagas
from tests.harness.subscriptions import item, line, snapshot, subscription
from workflows.names import subscription_workflow_id

#: The mapping that mends it.
MENDED = {"item": "new", "erp_item": "NEW", "per_unit": ["seats"]}


@dataclass(frozen=True)
class Stuck:
    change_id: str
    subscription_id: str
    handle: Handle
    exception: ExceptionView


async def stuck(sagas: Sagas) -> Stuck:
    """Started as the dispatcher does it, of a subscription of its own."""
    name = secrets.token_hex(4)
    change, sub = f"chg_{name}", f"sub_{name}"
    sagas.systems.billing.snapshots[sub] = snapshot(
        subscription(item("new", 5), subscription_id=sub), line(f"il_{name}", 5000, "new")
    )
    handle = await sagas.start(change, sub, workflow_id=subscription_workflow_id("acme", sub))
    async with sagas.database.transaction() as session:
        await change_queue.started(session, change, handle.first_execution_run_id or "")
    return Stuck(change, sub, handle, await sagas.exception(change))
