"""The workflow of the comparison: eight activities one after the other, with the saga's policies.

Like the saga it passes references where it can; what load and preflight have read goes to the plan
through the history, undecoded, which is the cheapest way to do that.
"""

from typing import Any

from temporalio import workflow

from activities.contracts.amendment import BooksActivities, DocumentInput, StepInput
from workflows.names import STAGE, ChangeInput
from workflows.policies import WRITE

IN_A_ROW = "in_a_row"


@workflow.defn(name=IN_A_ROW)
class InARow:
    @workflow.run
    async def run(self, change: ChangeInput) -> Any:
        step = StepInput(tenant=change.tenant, change_id=change.change_id)
        loaded: Any = await workflow.execute_activity("row.load", step, **WRITE)
        checked: Any = await workflow.execute_activity("row.preflight", loaded, **WRITE)
        document = await workflow.execute_activity(
            "row.plan", args=[loaded, checked], result_type=DocumentInput, **WRITE
        )
        await workflow.execute_activity_method(BooksActivities.post_document, document, **WRITE)
        step = document.step
        await workflow.execute_activity("row.grants", step, **WRITE)
        await workflow.execute_activity("row.support", step, **WRITE)
        proof: Any = await workflow.execute_activity("row.verify", step, **WRITE)
        settled: Any = await workflow.execute_activity(
            "row.write_back", args=[step, proof], **WRITE
        )
        workflow.upsert_search_attributes([STAGE.value_set("completed")])
        return settled
