"""What would happen: asked of a worker, which alone knows the vendors. Nothing is written."""

from temporalio import workflow

from activities.contracts.preview import PreviewActivities, WhatIf
from canonical_models.preview import Foreseen
from workflows.names import PREVIEW
from workflows.policies import LOCAL


@workflow.defn(name=PREVIEW)
class PreviewRun:
    @workflow.run
    async def run(self, given: WhatIf) -> Foreseen:
        return await workflow.execute_local_activity_method(
            PreviewActivities.foresee, given, summary="what would happen", **LOCAL
        )
