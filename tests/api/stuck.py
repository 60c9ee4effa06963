"""A saga that waits for a person because an item is not mapped."""

import secrets
from dataclasses import dataclass

from temporalio.client import Client

from canonical_models.views import ExceptionView
from operations.context import AppContext
from operations.engine import Engine
from persistence import change_queue
from persistence.database import Database
from runtime.settings import TenantSettings
from tests.harness.sagas import Handle, Sagas
from tests.harness.subscriptions import invoice, item, line, snapshot, subscription
from workflows.names import change_workflow_id


def at_temporal(database: Database, client: Client, settings: TenantSettings) -> AppContext:
    """The operations of acme, whose sagas run on this server."""

    async def connected() -> Client:
        return client

    return AppContext(database, Engine(connected, namespace="default"), {"acme": settings})


#: The mapping that mends it.
MENDED = {"item": "new", "erp_item": "NEW"}


@dataclass(frozen=True)
class Stuck:
    """`document_id` is the invoice that waits to be posted."""

    change_id: str
    subscription_id: str
    document_id: str
    handle: Handle
    exception: ExceptionView


async def stuck(sagas: Sagas, of: str = "new") -> Stuck:
    """Started as the dispatcher does it, of a subscription of its own that has what it pays for:
    a setup, sold once, is what nobody has mapped."""
    name = secrets.token_hex(4)
    change, sub, document = f"chg_{name}", f"sub_{name}", f"in_{name}"
    issued = invoice(line(f"il_{name}", 5000, of, of=sub), key=document)
    sagas.systems.billing.snapshots[sub] = snapshot(
        subscription(item("pro", 5, key=f"si_{name}"), subscription_id=sub), issued
    )
    handle = await sagas.start(
        change, sub, workflow_id=change_workflow_id("acme", sub), documents=(document,)
    )
    async with sagas.database.transaction() as conn:
        await change_queue.started(conn, change, handle.first_execution_run_id or "")
    return Stuck(change, sub, document, handle, await sagas.exception(change))
