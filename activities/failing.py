"""From the failure taxonomy to what Temporal understands, in one place."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import psycopg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from activities.contracts.failure import FailureDetail
from canonical_models.failures import Failure, FailureClass, Rejection, Team, TransientFailure

_RETRIED = (FailureClass.TRANSIENT, FailureClass.UNCERTAIN)


@contextmanager
def failures_told() -> Iterator[None]:
    """Raises every Failure as an ApplicationError of its class, with a FailureDetail.

    Anything else is a bug and passes through as it is.
    """
    try:
        yield
    except Failure as failure:
        raise _application_error(failure) from failure
    except (DBAPIError, psycopg.Error, PoolTimeout) as fault:
        # Constraint violations are bugs; a database that is away comes back.
        if not _away(fault):
            raise
        raise _application_error(
            TransientFailure(
                "PostgreSQL is not reachable: it is tried again; check the database",
                system="database",
            )
        ) from fault


def _away(fault: Exception) -> bool:
    """SQLSTATE class 08 (connection), 53 (resources), 57P (shutdown), or none at all."""
    if isinstance(fault, DBAPIError):
        if fault.connection_invalidated:
            return True
        fault = fault.orig or fault
    state = getattr(fault, "sqlstate", None)
    return state is None or state.startswith(("08", "53", "57P"))


def _application_error(failure: Failure) -> ApplicationError:
    wait = failure.retry_after if isinstance(failure, TransientFailure) else None
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
        non_retryable=failure.failure_class not in _RETRIED,
        # Expected: it is told to people through the exception queue, not through error logs.
        category=ApplicationErrorCategory.BENIGN,
        next_retry_delay=None if wait is None else timedelta(seconds=wait),
    )
