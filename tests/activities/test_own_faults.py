"""When a fault that passes by itself becomes a question: never because a vendor was away."""

import dataclasses
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.error_mapping import OWN_FAULT, mapped_failures
from canonical_models.failures import Failure, MayStillLand, TransientFailure, UncertainWrite
from connectors.breaker import FAULTS
from connectors.governor import Governor, NotNow, calling

LONG = OWN_FAULT + timedelta(minutes=1)


class Erp:
    """Answers well since `well_for`."""

    def __init__(self, well_for: timedelta) -> None:
        self.seconds = 0.0
        self.governor = Governor("erp", now=lambda: self.seconds)
        self.seconds = well_for.total_seconds()

    async def fails(self, failure: Failure) -> None:
        with mapped_failures():
            async with self.governor.call("erp") as call:
                call.answered(500)
            raise failure


async def goes_on(
    erp: Erp, failure: Failure, *, tried_for: timedelta, local: int | None = None
) -> bool:
    """Whether the step is tried again; `local` is the try of one that is a local activity."""
    environment = ActivityEnvironment()
    environment.info = dataclasses.replace(
        environment.info,
        scheduled_time=datetime.now(UTC) - tried_for,
        is_local=local is not None,
        attempt=local or 1,
    )
    with calling(wait=10), pytest.raises(ApplicationError) as told:
        await environment.run(erp.fails, failure)
    return not told.value.non_retryable


@pytest.mark.parametrize("kind", [TransientFailure, UncertainWrite])
async def test_what_others_do_not_have_is_asked_about_after_a_while(kind: type[Failure]) -> None:
    failure = kind("it fails", system="erp")
    assert not await goes_on(Erp(LONG), failure, tried_for=LONG)
    assert await goes_on(Erp(LONG), failure, tried_for=timedelta(minutes=5))


async def test_a_local_activity_is_told_by_its_tries() -> None:
    failure = TransientFailure("it fails", system="erp")
    now = timedelta()
    assert await goes_on(Erp(LONG), failure, tried_for=now, local=20)
    assert not await goes_on(Erp(LONG), failure, tried_for=now, local=36)
    assert await goes_on(Erp(timedelta(minutes=1)), failure, tried_for=now, local=500)


async def test_what_was_tried_through_an_outage_is_not() -> None:
    """It is back since a minute, and this has been tried for four hours."""
    failure = TransientFailure("it fails", system="erp")
    assert await goes_on(Erp(timedelta(minutes=1)), failure, tried_for=timedelta(hours=4))


async def test_nor_is_what_fails_because_the_vendor_is_away() -> None:
    erp = Erp(LONG)
    for _ in range(FAULTS - 1):
        erp.governor.breaker.failed(erp.seconds, "no answer")
    # The call of the step itself opens the breaker.
    failure = TransientFailure("it fails", system="erp")
    assert await goes_on(erp, failure, tried_for=LONG)


@pytest.mark.parametrize(
    "failure",
    [
        NotNow("it is away", system="erp", retry_after=60),
        MayStillLand("it may still happen", system="erp", retry_after=5),
        TransientFailure("PostgreSQL is not reachable", system="database"),
    ],
    ids=lambda failure: type(failure).__name__,
)
async def test_waiting_is_no_fault(failure: Failure) -> None:
    assert await goes_on(Erp(LONG), failure, tried_for=timedelta(days=2))


def test_one_of_two_transactions_that_waited_for_each_other_is_tried_again() -> None:
    with pytest.raises(ApplicationError) as told, mapped_failures():
        raise psycopg.errors.DeadlockDetected("deadlock detected")
    assert (told.value.type, told.value.non_retryable) == ("transient", False)
