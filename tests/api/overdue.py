"""A dunning process that has come to its end and asks finance."""

import contextlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from temporalio.client import WorkflowHandle
from temporalio.service import RPCError

from canonical_models.process import Process
from canonical_models.term import Invoice, InvoiceStatus
from canonical_models.views import ExceptionView
from persistence import dunning, invoices
from tests.api.seeding_life import euros
from tests.harness.sagas import Sagas
from tests.harness.subscriptions import AS_OF, item, snapshot, subscription


@dataclass(frozen=True)
class Overdue:
    process: Process
    invoice: Invoice
    handle: WorkflowHandle[Any, Any]
    exception: ExceptionView

    async def end(self) -> None:
        """It may have ended by itself, after the decision."""
        with contextlib.suppress(RPCError):
            await self.handle.terminate()


async def overdue(sagas: Sagas) -> Overdue:
    """Of an invoice of its own, a day after the end of all patience by billing's clock."""
    name = secrets.token_hex(4)
    sub, key = f"sub_{name}", f"in_{name}"
    asked = Invoice(
        invoice_id=key,
        customer_id="cus_1",
        subscription_id=sub,
        status=InvoiceStatus.OPEN,
        total=euros(5000),
        paid=euros(0),
        created_at=AS_OF - timedelta(days=31),
        overdue_since=AS_OF - timedelta(days=31),
    )
    billing = snapshot(subscription(item("pro", 5), subscription_id=sub))
    sagas.systems.billing.snapshots[sub] = billing.model_copy(update={"invoices": (asked,)})
    async with sagas.database.work() as raw:
        await invoices.seen(raw, "acme", sub, "cus_1", [asked])
        await dunning.open_(raw, "acme", sub, "cus_1", [asked])
        case = await dunning.get(raw, "acme", key)
    assert case is not None
    process = dunning.process("acme", case)
    handle = await sagas.client.start_workflow(
        process.kind.value, process, id=process.workflow_id, task_queue=sagas.task_queue
    )
    return Overdue(process, asked, handle, await sagas.exception(process.workflow_id))
