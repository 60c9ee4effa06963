"""What is left of adoptions that version 0.1.0 has begun: a batch goes on with their customers."""

from temporalio import activity

from activities.contracts.adoption import (
    AdoptionActivities,
    AdoptionPart,
    AdoptionStopped,
    PageAdopted,
)


class Adoptions(AdoptionActivities):
    @activity.defn(name="adoption.adopt_page")
    async def adopt_page(self, part: AdoptionPart) -> PageAdopted:
        del part
        return PageAdopted(customers=0, over=True)

    @activity.defn(name="adoption.stop")
    async def stop(self, stopped: AdoptionStopped) -> None:
        del stopped
