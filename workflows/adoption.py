"""Adoptions as version 0.1.0 ran them. A batch does it now (`workflows.batch`): what is open of
these ends at its next page, and the batch that the migration has made of it goes on. Until none is
open anywhere it has to replay.
"""

import asyncio

from temporalio import workflow
from temporalio.exceptions import FailureError, is_cancelled_exception

from activities.contracts.adoption import (
    AdoptionActivities,
    AdoptionPart,
    AdoptionStopped,
    PageAdopted,
)
from canonical_models.decisions import CANCELLED_THERE
from workflows.human_tasks import cause_of
from workflows.names import ADOPTION, STAGE
from workflows.policies import KEEPING, WRITE
from workflows.saga import drained, heed_cancellation

#: Pages of one run; the next one begins with an empty history.
_PAGES = 8


@workflow.defn(name=ADOPTION)
class AdoptionRun:
    @workflow.run
    async def run(self, part: AdoptionPart) -> str:
        workflow.upsert_search_attributes([STAGE.value_set("running")])
        pages = customers = 0
        while True:
            workflow.set_current_details(
                f"Adoption `{part.adoption_id}`: {customers} customers in this run. See "
                f"`trueup adopt --report {part.adoption_id}`."
            )
            try:
                page = await self._page(part)
                if page.over:
                    workflow.upsert_search_attributes([STAGE.value_set("completed")])
                    return "completed"
                heed_cancellation()
            except FailureError as fault:
                if not is_cancelled_exception(fault):
                    return await self._stopped(part, str(cause_of(fault)))
                await self._stopped(part, CANCELLED_THERE)
                raise asyncio.CancelledError from fault
            except asyncio.CancelledError:
                await self._stopped(part, CANCELLED_THERE)
                raise
            pages += 1
            customers += page.customers
            if pages == _PAGES:
                workflow.continue_as_new(part)

    async def _page(self, part: AdoptionPart) -> PageAdopted:
        return await workflow.execute_activity_method(
            AdoptionActivities.adopt_page, part, summary="a page of customers", **WRITE
        )

    async def _stopped(self, part: AdoptionPart, error: str) -> str:
        await drained(self._stop(AdoptionStopped(part=part, error=error[:2000])))
        workflow.upsert_search_attributes([STAGE.value_set("stopped")])
        return f"stopped: {error}"

    async def _stop(self, stopped: AdoptionStopped) -> None:
        await workflow.execute_activity_method(
            AdoptionActivities.stop, stopped, summary="it waits to be resumed", **KEEPING
        )
