"""Every status and kind of error that Tryton may answer with, to a failure of the taxonomy."""

import httpx
import orjson
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
from connectors.tryton.errors import REFUSALS, Warned, refusal, rpc_refusal

WHAT = "document in_1"


def expected(status: int, *, writes: bool, delayed: bool) -> type[Failure]:
    """The table once more, in other words."""
    if status in (400, 422):
        return Rejection
    if status in (401, 403):
        return CredentialsRefused
    if status in (409, 429) or (status == 503 and delayed):
        return TransientFailure
    if status in (404, 408) or 500 <= status <= 599:
        return UncertainWrite if writes else TransientFailure
    return ContractDrift


@pytest.mark.parametrize("status", [302, *range(400, 432), 451, *range(500, 530), 599])
@pytest.mark.parametrize("writes", [False, True])
@pytest.mark.parametrize("delayed", [False, True])
def test_every_status(status: int, writes: bool, delayed: bool) -> None:
    headers = {"Retry-After": "7"} if delayed else {}
    for content in (b"", b"<html>", b"[]", orjson.dumps({"message": "No.", "description": "Why"})):
        found = refusal(
            httpx.Response(status, content=content, headers=headers), WHAT, writes=writes
        )
        assert type(found) is expected(status, writes=writes, delayed=delayed), content
        assert found.system == "erp"
        assert WHAT in found.message


@pytest.mark.parametrize("writes", [False, True])
def test_a_record_is_gone_where_tryton_says_so_itself(writes: bool) -> None:
    words = "<p>The requested URL was not found on the server. If you entered the URL manually"
    found = refusal(httpx.Response(404, text=words), WHAT, writes=writes)
    assert isinstance(found, Rejection)
    assert found.reason is RejectionCode.DOCUMENT_CONFLICT


def test_no_rule_is_hidden_by_an_earlier_one() -> None:
    for rule in REFUSALS.table:
        assert isinstance(rule.statuses, int)
        assert REFUSALS.rule(rule.statuses, rule.needs) is rule


def test_what_the_erps_rules_refuse_is_told_in_its_words() -> None:
    body = orjson.dumps({"message": "The period", "description": "is closed."})
    found = refusal(
        httpx.Response(400, content=body), WHAT, writes=True, refused=RejectionCode.PERIOD_CLOSED
    )
    assert isinstance(found, Rejection)
    assert (found.reason, found.subject) == (RejectionCode.PERIOD_CLOSED, WHAT)
    assert found.message == (
        "the ERP refuses document in_1 (The period is closed.): mend it in the ERP, then retry"
    )


@pytest.mark.parametrize(
    ("kind", "details", "wanted"),
    [
        ("UserError", ["No.", "Never.", None], Rejection),
        ("UserWarning", ["Only this"], Rejection),
        ("UserWarning", ["key.name", "It is", "late"], Warned),
        ("LoginException", ["x"], CredentialsRefused),
        ("RateLimitException", ["x"], TransientFailure),
        ("ConcurrencyException", ["x"], TransientFailure),
        ("TimeoutException", ["x"], TransientFailure),
        ("KeyError", [], ContractDrift),
    ],
)
def test_every_kind(kind: str, details: list[str | None], wanted: type[Failure]) -> None:
    assert type(rpc_refusal(kind, details, WHAT)) is wanted
