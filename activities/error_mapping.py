"""From the failure taxonomy to what Temporal understands, in one place."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import psycopg
from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from activities.contracts.failure import FailureDetail
from canonical_models.failures import (
    ContractDrift,
    Failure,
    FailureClass,
    MayStillLand,
    Rejection,
    Team,
    TransientFailure,
)
from connectors.governor import NotNow, called

#: A fault that passes by itself is a person's after this long, if it is the object's own: the
#: connections that the step has called have answered others for as long.
OWN_FAULT = timedelta(minutes=15)
#: So many tries take a local activity as long (workflows/policies.py, RETRY): it is scheduled anew
#: after each longer wait, so that its time tells nothing.
_LOCAL_TRIES = 35

#: An answer that does not fit is the connection's question (dispatch/drifting.py), and the work
#: that needs it waits for one that does: tried again after a second, then after longer, at most
#: after so many.
_LONGEST_WAIT = 300.0

_RETRIED = (
    FailureClass.TRANSIENT,
    FailureClass.UNCERTAIN,
    FailureClass.MAY_STILL_LAND,
    FailureClass.CONTRACT_DRIFT,
)


@contextmanager
def mapped_failures() -> Iterator[None]:
    """Raises every Failure as an ApplicationError of its class, with a FailureDetail.

    Anything else is a bug and passes through as it is.
    """
    try:
        yield
    except Failure as failure:
        raise _application_error(failure) from failure
    except psycopg.Error as fault:
        # Constraint violations are bugs; a database that is away comes back.
        if not _away(fault):
            raise
        raise _application_error(
            TransientFailure(
                "PostgreSQL is not reachable, or has ended one of two transactions that waited for "
                "each other: it is tried again; if it goes on, check the database",
                system="database",
            )
        ) from fault


def _away(fault: psycopg.Error) -> bool:
    """SQLSTATE class 08 (connection), 53 (resources), 57P (shutdown), 40P01 (deadlock), or none at
    all."""
    state = fault.sqlstate
    return state is None or state.startswith(("08", "53", "57P", "40P01"))


def _is_its_own(failure: Failure) -> bool:
    """Whether a fault that others do not have has lasted for too long. One of a system that is away
    has an end of its own, which nobody is asked for."""
    match failure:
        case NotNow() | MayStillLand() | ContractDrift():
            return False
        case _ if failure.system == "database" or not activity.in_activity():
            return False
        case _:
            info = activity.info()
            tried_for = datetime.now(UTC) - info.scheduled_time
            tried = tried_for > OWN_FAULT or (info.is_local and info.attempt > _LOCAL_TRIES)
            well = min((vendor.well_for for vendor in called()), default=float("inf"))
            return tried and well > OWN_FAULT.total_seconds()


def _wait(failure: Failure) -> float | None:
    """Seconds until the next try; None for as the policy of the step says."""
    match failure:
        case TransientFailure() | MayStillLand():
            return failure.retry_after
        case ContractDrift() if activity.in_activity():
            tried = min(activity.info().attempt, 10)
            # Not all at the same moment.
            return min(2.0 ** (tried - 1), _LONGEST_WAIT) * random.uniform(1.0, 1.2)  # noqa: S311 - no secret
        case _:
            return None


def _application_error(failure: Failure) -> ApplicationError:
    wait = _wait(failure)
    return ApplicationError(
        failure.message,
        FailureDetail(
            failure_class=failure.failure_class,
            code=failure.code,
            owner=Team(failure.owner),
            system=failure.system,
            subject=failure.subject if isinstance(failure, Rejection) else failure.payload_path,
        ),
        type=failure.failure_class.value,
        non_retryable=failure.failure_class not in _RETRIED or _is_its_own(failure),
        # Expected: it is told to people through the exception queue, not through error logs.
        category=ApplicationErrorCategory.BENIGN,
        next_retry_delay=None if wait is None else timedelta(seconds=wait),
    )
