"""A dunning process that has come to its end and asks finance."""

import contextlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from temporalio.client import WorkflowHandle
from temporalio.service import RPCError

from canonical_models.documents import BillingDocument
from canonical_models.process import Process
from canonical_models.views import ExceptionView
from persistence import documents, dunning
from tests.api.seeding_books import BOOKS_FROM
from tests.harness.sagas import Sagas
from tests.harness.subscriptions import AS_OF, invoice, item, line, snapshot, subscription


@dataclass(frozen=True)
class Overdue:
    process: Process
    invoice: BillingDocument
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
    late = AS_OF - timedelta(days=31)
    asked = invoice(
        line(f"il_{name}", 5000, of=sub, item_id="si_1"),
        key=key,
        issued_at=late,
        overdue_since=late,
    )
    of = subscription(item("pro", 5), subscription_id=sub)
    sagas.systems.billing.snapshots[sub] = snapshot(of, asked)
    async with sagas.database.transaction() as conn:
        await documents.seen(conn, "acme", "stripe", [asked], books_from=BOOKS_FROM)
        await dunning.open_(conn, "acme", sub, "cus_1", [asked])
        case = await dunning.get(conn, "acme", key)
    assert case is not None
    process = dunning.process("acme", case)
    handle = await sagas.client.start_workflow(
        process.kind.value, process, id=process.workflow_id, task_queue=sagas.task_queue
    )
    return Overdue(process, asked, handle, await sagas.exception(process.workflow_id))
