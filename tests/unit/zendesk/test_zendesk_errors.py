"""Every status and error name that Zendesk may answer with, to a failure of the taxonomy."""

from collections.abc import Mapping
from typing import Any

import httpx
import orjson
import pytest

from canonical_models.failures import (
    ContractDrift,
    CredentialsRefused,
    Failure,
    Rejection,
    RejectionCode,
    Team,
    TransientFailure,
    UncertainWrite,
)
from connectors.refusals import RequestContext
from connectors.zendesk.errors import REFUSALS, failure

READ = RequestContext("look up the organisation cus_1", "support", "cus_1")
WRITE = RequestContext("update the organisation cus_1", "support", "cus_1", writes=True)
FIELDS = RequestContext("list the organisation fields", "support")
PRIVATE = "jane.doe@example.com has already been taken"
LATER = {"retry-after": "7"}

STATUSES = (201, 204, *range(300, 309), *range(400, 432), 451, 499, *range(500, 530), 599)
NAMES = (
    *("RecordNotFound", "InvalidEndpoint", "RecordInvalid", "APIRateLimitExceeded", "Forbidden"),
    *("TooManyRequests", "UpdateConflict", "DatabaseConflict", "Novel", None),
)


def shapes(name: str | None) -> tuple[bytes, ...]:
    """The three forms of Zendesk's errors, or what stands before Zendesk says."""
    if name is None:
        return (b"<html>", b"[]", b'{"error": 5}', b"")
    bodies: tuple[dict[str, Any], ...] = (
        {"error": name, "description": PRIVATE},
        {"error": {"title": name, "message": PRIVATE}},
        {"errors": [{"code": name, "title": PRIVATE, "detail": PRIVATE}]},
    )
    return tuple(orjson.dumps(body) for body in bodies)


def answer(
    status: int, content: bytes = b"", headers: Mapping[str, str] | None = None
) -> httpx.Response:
    return httpx.Response(status, content=content, headers=dict(headers or {}))


def expected(
    status: int, name: str | None, *, writes: bool, delayed: bool
) -> type[Failure] | RejectionCode:
    """The table once more, in other words."""
    if status == 403 and name is None:
        return UncertainWrite if writes else TransientFailure
    if status in (401, 403):
        return CredentialsRefused
    if status in (409, 429) or (status == 503 and delayed):
        return TransientFailure
    if status == 422:
        return RejectionCode.SUPPORT_REFUSED
    if status == 404 and name is None:
        return UncertainWrite if writes else TransientFailure
    if status == 404 and name != "InvalidEndpoint":
        return RejectionCode.ORGANIZATION_UNKNOWN
    if status == 408 or 500 <= status <= 599:
        return UncertainWrite if writes else TransientFailure
    return ContractDrift


def found(raised: Failure) -> type[Failure] | RejectionCode:
    return raised.reason if isinstance(raised, Rejection) else type(raised)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("delayed", [False, True])
@pytest.mark.parametrize("context", [READ, WRITE])
def test_every_status(name: str | None, delayed: bool, context: RequestContext) -> None:
    for status in STATUSES:
        for content in shapes(name):
            raised = failure(answer(status, content, LATER if delayed else None), context)
            wanted = expected(status, name, writes=context.writes, delayed=delayed)
            assert found(raised) == wanted, (status, content)
            assert raised.system == "zendesk"
            assert str(status) in raised.message
            assert "cus_1" in raised.message
            assert "jane" not in raised.message
            assert len(raised.message) < 500


def test_no_rule_is_hidden_by_an_earlier_one() -> None:
    for rule in REFUSALS.table:
        assert isinstance(rule.statuses, int)
        assert REFUSALS.rule(rule.statuses, rule.needs) is rule


def test_what_stands_before_zendesk_knows_of_no_organisation() -> None:
    """A gateway that has lost its way must not end a mapping."""
    raised = failure(answer(404, b"<html>no such host</html>"), WRITE)
    assert isinstance(raised, UncertainWrite)
    assert "base address" in raised.message


@pytest.mark.parametrize("status", [409, 429, 503])
def test_the_delay_is_passed_on(status: int) -> None:
    raised = failure(answer(status, headers=LATER), WRITE)
    assert isinstance(raised, TransientFailure)
    assert raised.retry_after == 7


def test_without_a_delay_none_is_made_up() -> None:
    raised = failure(answer(429), WRITE)
    assert isinstance(raised, TransientFailure)
    assert raised.retry_after is None


@pytest.mark.parametrize("name", ["RecordNotFound", "InvalidEndpoint"])
def test_what_is_of_no_organisation_is_no_unknown_organisation(name: str) -> None:
    raised = failure(answer(404, shapes(name)[0]), FIELDS)
    assert isinstance(raised, ContractDrift)
    assert "base address" in raised.message


def test_the_subject_is_the_organisation() -> None:
    for status in (404, 422):
        raised = failure(answer(status, shapes("Novel")[0]), WRITE)
        assert isinstance(raised, Rejection)
        assert raised.subject == "cus_1"
        assert "then retry" in raised.message


def test_names_of_the_refused_members_are_shown_and_no_more() -> None:
    details = {
        "name": [{"description": PRIVATE, "error": "DuplicateValue"}],
        "organization_fields": [{"description": PRIVATE, "error": PRIVATE}],
        PRIVATE: [{"description": PRIVATE, "error": "BlankValue"}],
        "tags": [{"description": PRIVATE}],
    }
    body = orjson.dumps({"error": "RecordInvalid", "description": PRIVATE, "details": details})
    headers = {"x-request-id": "4f2c-9"}
    raised = failure(answer(422, body, headers), WRITE)
    assert "422 RecordInvalid (name: DuplicateValue) (request 4f2c-9) when" in raised.message
    assert "jane" not in raised.message


def refused(**members: str) -> httpx.Response:
    """422 with the error of each member."""
    details = {name: [{"description": PRIVATE, "error": error}] for name, error in members.items()}
    return answer(422, orjson.dumps({"error": "RecordInvalid", "details": details}))


@pytest.mark.parametrize(
    ("members", "context", "wanted"),
    [
        ({"name": "DuplicateValue"}, WRITE, RejectionCode.ACCOUNT_AMBIGUOUS),
        ({"name": "DuplicateValue"}, FIELDS, RejectionCode.SUPPORT_REFUSED),
        ({"name": "BlankValue"}, WRITE, RejectionCode.SUPPORT_REFUSED),
        ({"key": "DuplicateValue"}, FIELDS, RejectionCode.SUPPORT_REFUSED),
        ({"external_id": "DuplicateValue"}, WRITE, TransientFailure),
        ({"external_id": "InvalidValue"}, WRITE, RejectionCode.SUPPORT_REFUSED),
        # Another request has made this very organisation, name and all.
        ({"name": "DuplicateValue", "external_id": "DuplicateValue"}, WRITE, TransientFailure),
    ],
)
def test_what_another_record_has(
    members: dict[str, str], context: RequestContext, wanted: type[Failure] | RejectionCode
) -> None:
    raised = failure(refused(**members), context)
    assert found(raised) == wanted
    assert "jane" not in raised.message


def test_a_taken_name_is_finances_to_decide() -> None:
    raised = failure(refused(name="DuplicateValue"), WRITE)
    assert isinstance(raised, Rejection)
    assert (raised.owner, raised.subject) == (Team.FINANCE, "cus_1")
    assert "external id 'cus_1'" in raised.message
    assert "then retry" in raised.message


def test_an_odd_request_id_is_left_out() -> None:
    raised = failure(answer(422, headers={"x-request-id": "jane doe"}), WRITE)
    assert "jane" not in raised.message


def test_a_sentence_instead_of_a_name_is_left_out() -> None:
    raised = failure(answer(401, b'{"error": "Couldn\'t authenticate jane"}'), READ)
    assert "jane" not in raised.message
    assert "'support'" in raised.message
