"""Every status that Request Tracker may answer with, to a failure of the taxonomy."""

import httpx
import pytest

from canonical_models.failures import (
    ContractDrift,
    CredentialsRefused,
    Failure,
    Rejection,
    RejectionCode,
    TransientFailure,
    UncertainWrite,
)
from connectors.refusals import RequestContext
from connectors.request_tracker.errors import REFUSALS, failure

READ = RequestContext("look up the asset of cus_1", "desk", "cus_1")
WRITE = RequestContext("update the asset of cus_1", "desk", "cus_1", writes=True)
PLACE = RequestContext("look up the catalog Customers", "desk")
OWN = b'{"message":"jane.doe@example.com is not a unique value"}'
GATEWAY = (b"<html>", b"[]", b'{"error": 5}', b"")
STATUSES = (202, 204, *range(300, 309), *range(400, 432), 451, 499, *range(500, 530), 599)


def expected(
    status: int, context: RequestContext, *, own: bool, delayed: bool
) -> type[Failure] | RejectionCode:
    """The table once more, in other words."""
    if status in (401, 403):
        return CredentialsRefused
    if status in (409, 412, 429) or (status == 503 and delayed):
        return TransientFailure
    if status in (408, *range(500, 600)) or (status == 404 and not own):
        return UncertainWrite if context.writes else TransientFailure
    if context.subject is not None and status == 404:
        return RejectionCode.ORGANIZATION_UNKNOWN
    if context.subject is not None and status == 400:
        return RejectionCode.SUPPORT_REFUSED
    return ContractDrift


def found(raised: Failure) -> type[Failure] | RejectionCode:
    return raised.reason if isinstance(raised, Rejection) else type(raised)


@pytest.mark.parametrize("body", [OWN, *GATEWAY])
@pytest.mark.parametrize("delayed", [False, True])
@pytest.mark.parametrize("context", [READ, WRITE, PLACE])
def test_every_status(body: bytes, delayed: bool, context: RequestContext) -> None:
    for status in STATUSES:
        headers = {"retry-after": "7"} if delayed else {}
        raised = failure(httpx.Response(status, content=body, headers=headers), context)
        wanted = expected(status, context, own=body == OWN, delayed=delayed)
        assert found(raised) == wanted, status
        assert raised.system == "request_tracker"
        assert str(status) in raised.message
        assert context.words in raised.message
        assert "jane" not in raised.message
        if isinstance(raised, Rejection):
            assert raised.subject == "cus_1"
            assert "then retry" in raised.message
        if isinstance(raised, TransientFailure) and delayed:
            assert raised.retry_after == 7


def test_no_rule_is_hidden_by_an_earlier_one() -> None:
    for rule in REFUSALS.table:
        assert isinstance(rule.statuses, int)
        assert REFUSALS.rule(rule.statuses, rule.needs) is rule
