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
from connectors.http import VendorHttp
from connectors.tryton.errors import REFUSALS, Warned, refusal, rpc_refusal
from connectors.tryton.session import RpcSession

WHAT = "document in_1"


def expected(status: int, *, writes: bool, delayed: bool) -> type[Failure]:
    """The table once more, in other words."""
    if status in (400, 422):
        return Rejection
    if status in (401, 403):
        return CredentialsRefused
    if status in (409, 423, 429) or (status == 503 and delayed):
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
        ("TimeOutException", ["x"], TransientFailure),
        ("", [], TransientFailure),
        ("KeyError", [], ContractDrift),
    ],
)
def test_every_kind(kind: str, details: list[str | None], wanted: type[Failure]) -> None:
    assert type(rpc_refusal(kind, details, WHAT)) is wanted


@pytest.mark.parametrize("raised", [[], ["RateLimitException", []], "words", ["UserError"]])
async def test_an_error_without_words_is_an_error(raised: object) -> None:
    """What was raised without arguments has an empty list of them, and never a result."""
    body = orjson.dumps({"id": 1, "error": raised})
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=body))
    async with VendorHttp("erp", "http://erp", transport=transport) as http:
        session = RpcSession(http, database="erp", login="trueup", password="secret")
        with pytest.raises(Failure, match="the session of our user"):
            await session.call(
                "model.x.read", [], what=WHAT, refused=RejectionCode.DOCUMENT_REFUSED
            )


@pytest.mark.parametrize(("writes", "wanted"), [(True, UncertainWrite), (False, TransientFailure)])
def test_an_exception_of_the_erps_own_is_no_word_of_its_interface(
    writes: bool, wanted: type[Failure]
) -> None:
    text = "could not serialize access due to concurrent update of Erika Mustermann"
    found = rpc_refusal(text, ["Traceback ..."], WHAT, writes=writes, internal=True)
    assert type(found) is wanted
    assert "Erika" not in found.message
    known = rpc_refusal("ConcurrencyException", ["x"], WHAT, writes=True, internal=True)
    assert type(known) is TransientFailure


def session(*errors: object) -> RpcSession:
    """Opens, and then answers each call with one of these."""
    told = iter(
        [
            httpx.Response(200, json={"id": 1, "result": [1, "key"]}),
            *(
                each
                if isinstance(each, httpx.Response)
                else httpx.Response(200, json={"id": 1, "error": each})
                for each in errors
            ),
        ]
    )
    http = VendorHttp("erp", "http://erp", transport=httpx.MockTransport(lambda _: next(told)))
    return RpcSession(http, database="trueup", login="trueup", password="secret")


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        (["UserError", ["No.", "Never.", None]], Rejection),
        (["UserWarning", ["key.name", "It is", "late"]], Warned),
        (["ConcurrencyException", "x"], TransientFailure),
        ([], TransientFailure),
        (["deadlock detected", "Traceback (most recent call last)"], UncertainWrite),
        ("words", ContractDrift),
    ],
)
async def test_an_error_is_never_taken_for_a_result(error: object, wanted: type[Failure]) -> None:
    with pytest.raises(wanted):
        await session(error).call(
            "model.x.y", [], what=WHAT, writes=True, refused=RejectionCode.DOCUMENT_REFUSED
        )


async def test_a_server_without_this_interface_is_named_as_such() -> None:
    words = "<p>The requested URL was not found on the server. If you entered the URL manually"
    with pytest.raises(ContractDrift, match=r"Tryton 8\.0 or later") as drift:
        await session(httpx.Response(404, text=words)).call(
            "model.x.y", [], what=WHAT, refused=RejectionCode.DOCUMENT_REFUSED
        )
    assert drift.value.operation == "RPC"
