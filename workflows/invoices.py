"""Invoice status: where the ERP has invoices that are not settled is read, and billing is told.

Started by a schedule of each tenant, and at once for single invoices when somebody asks.
"""

from temporalio import workflow

from activities.contracts.invoices import InvoiceActivities, SweepInput, SweepPart, Swept
from workflows.names import INVOICES
from workflows.policies import at


@workflow.defn(name=INVOICES)
class InvoiceSweep:
    @workflow.run
    async def run(self, sweep: SweepInput) -> Swept:
        part = SweepPart(sweep=sweep, before=workflow.now())
        looked_at = changed = 0
        problems: tuple[str, ...] = ()
        while True:
            swept = await workflow.execute_activity_method(
                InvoiceActivities.sweep,
                part,
                summary=f"{looked_at} looked at",
                **at("erp", sweep.tenant),
            )
            looked_at += swept.looked_at
            changed += swept.changed
            problems = (*problems, *swept.problems)[:20]
            workflow.set_current_details(f"{looked_at} invoices looked at, {changed} changed")
            if not swept.looked_at or sweep.invoice_ids:
                return Swept(looked_at=looked_at, changed=changed, problems=problems)
