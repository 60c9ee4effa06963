"""A parameter that an operation does not have is never ignored, whichever operation it is."""

import re
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from tests.api.conftest import Call
from tests.api.seeding import Ids

#: Methods and paths of /v1, and of what is beside it.
Operation = tuple[str, str]


@pytest.fixture
def dsn(module_dsn: str) -> str:
    """One database for all: these tests change nothing that another looks at."""
    return module_dsn


def operations(app: FastAPI) -> list[Operation]:
    """As the application answers them, whether or not they are described."""
    return [
        (method, found.path_format)
        for found in iter_route_contexts(app.routes)
        for method in sorted(found.methods or ())
        if method != "HEAD" and found.path_format and found.path_format != "/openapi.json"
    ]


def parameters(app: FastAPI, operation: Operation) -> list[str]:
    """What the operation takes in the query, as the document describes it."""
    method, path = operation
    described = app.openapi()["paths"][path][method.lower()].get("parameters", [])
    return sorted(each["name"] for each in described if each["in"] == "query")


def address(operation: Operation) -> str:
    return re.sub(r"\{[a-z_]+\}", "x", operation[1])


def errors(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 422, f"{answer.request.method} {answer.url}: {answer.text}"
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "invalid-request"
    found: list[dict[str, Any]] = answer.json()["errors"]
    return found


async def test_no_operation_ignores_a_parameter_that_it_does_not_have(
    app: FastAPI, call: Call
) -> None:
    every = operations(app)
    assert len(every) > 30
    for operation in every:
        known = parameters(app, operation)
        answer = await call(operation[0], f"{address(operation)}?no_such_thing=1")
        (error,) = errors(answer)
        assert (error["at"], error["code"]) == ("query.no_such_thing", "unknown_parameter")
        takes = f"it takes {', '.join(known)}" if known else "it takes none"
        assert error["message"] == f"this operation has no parameter `no_such_thing`: {takes}"


async def test_no_operation_takes_a_parameter_twice(app: FastAPI, call: Call) -> None:
    for operation in operations(app):
        for name in parameters(app, operation):
            answer = await call(operation[0], f"{address(operation)}?{name}=1&{name}=2")
            (error,) = errors(answer)
            assert (error["at"], error["code"]) == (f"query.{name}", "repeated_parameter")


async def test_each_of_several_is_named(call: Call) -> None:
    answer = await call("GET", "/v1/changes?stat=waiting&limit=1&limit=2&subject=sub_1&Limit=3")
    assert [(error["at"], error["code"]) for error in errors(answer)] == [
        ("query.stat", "unknown_parameter"),
        ("query.Limit", "unknown_parameter"),
        ("query.limit", "repeated_parameter"),
    ]


@pytest.mark.parametrize("name", ["%3Cscript%3E", "a%00b", "x" * 41, "", "%F0%9F%92%A5", "a%20b"])
async def test_what_is_not_like_a_name_is_not_sent_back(name: str, call: Call) -> None:
    answer = await call("GET", f"/v1/changes?{name}=hunter2")
    (error,) = errors(answer)
    assert (error["at"], error["code"]) == ("query", "unknown_parameter")
    assert (
        "no parameter of that name: it takes cursor, limit, lost, outcome, state"
        in error["message"]
    )
    assert "hunter2" not in answer.text


async def test_a_misspelt_grace_ends_no_grant(call: Call, acme: Ids) -> None:
    body = {"customer_id": acme.customer, "feature": "beta", "reason": "pilot"}
    made = await call("POST", "/v1/grants", json=body)
    grant_id = made.json()["grant"]["grant_id"]
    answer = await call("DELETE", f"/v1/grants/{grant_id}?grace_day=14")
    assert "it takes grace_days" in errors(answer)[0]["message"]
    listed = (await call("GET", f"/v1/grants?customer={acme.customer}")).json()["items"]
    (kept,) = [grant for grant in listed if grant["grant_id"] == grant_id]
    assert (kept["status"], kept["grant"]["ends_at"]) == ("live", None)
