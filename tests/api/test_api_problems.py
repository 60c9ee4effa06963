"""Whatever comes in, the answer is a problem that helps, never a 500 and never an echo."""

import json
import math

import httpx
import psycopg
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from operations.context import AppContext
from operations.engine import Engine
from persistence.database import Database
from runtime.settings import ApiSettings
from starter_api.callers import Callers
from starter_api.problems import speak_problems
from starter_api.v1 import install
from starter_api.v1.error_mapping import map_errors
from tests.api.conftest import Call, no_temporal
from tests.api.seeding import Ids

RESOLVE = "/v1/exceptions/exc_acme_open/resolve"
JSON = {"content-type": "application/json"}
ITEM = {"item": "ai", "erp_item": "AI"}

#: Field names that the operations know, and others.
KEYS = st.sampled_from(
    [
        *("action", "note", "item", "account", "erp_item", "name", "payload", "feature", "reason"),
        *("document", "tax_code", "until", "posting_date", "valid_from"),
    ]
) | st.text(max_size=5)

BODIES = [
    (b"", 400),
    (b"{", 400),
    (b"\xff\xfe", 400),
    (b'{"action": NaN}', 400),
    (b'{"action": "\\ud800"}', 400),
    (b'{"action": "retry", "note": "\xc3\x28"}', 400),
    (b"[" * 40_000 + b"]" * 10, 400),
    (b"[" * 900 + b"]" * 900, 422),
    (b'{"account":' * 300 + b"1" + b"}" * 300, 422),
    (b'{"action": 1' + b"0" * 5000 + b"}", 400),
    (b'{"action": 18446744073709551615}', 422),
    (b'{"action": 1e999}', 400),
    (b"null", 422),
    (b'"retry"', 422),
    (b"[]", 422),
    (b"{}", 422),
    (b'{"action": "explode"}', 422),
    (b'{"action": "retry", "hunter2": 1}', 422),
    (b'{"action": "retry", "note": "a\\u0000b"}', 422),
    (b'{"action": "retry", "note": "' + b"x" * 3000 + b'"}', 422),
    (b'{"action": "retry", "note": "' + b"x" * 70_000 + b'"}', 413),
    (b'{"action": "correct"}', 422),
    (json.dumps({"action": "retry", "item": ITEM}).encode(), 422),
    (json.dumps({"action": "correct", "item": {**ITEM, "item": "other"}}).encode(), 422),
    (json.dumps({"action": "correct", "item": {**ITEM, "support_tier": "gold"}}).encode(), 422),
    (json.dumps({"action": "correct", "item": {**ITEM, "erp_item": "sp ace"}}).encode(), 422),
]


@pytest.fixture
def dsn(module_dsn: str) -> str:
    """One database for all: these tests change nothing that another looks at."""
    return module_dsn


def is_problem(answer: httpx.Response, status: int | None = None) -> bool:
    body = answer.json()
    return (
        answer.headers["content-type"] == "application/problem+json"
        and body["status"] == answer.status_code == (status or answer.status_code)
        and {"type", "title", "detail", "code"} <= body.keys()
    )


@pytest.mark.parametrize(("body", "status"), BODIES, ids=range(len(BODIES)))
async def test_a_bad_body_is_a_clear_problem(
    body: bytes, status: int, call: Call, acme: Ids
) -> None:
    answer = await call("POST", RESOLVE, content=body, headers=JSON)
    assert is_problem(answer, status), answer.text
    assert answer.json()["remedy"]
    for given_text in ("hunter2", "explode", "gold", "xxx", "sp ace", "\\ud800"):
        assert given_text not in answer.text


async def test_a_body_must_be_announced_as_json(call: Call, acme: Ids) -> None:
    answer = await call("POST", RESOLVE, content=b'{"action": "retry"}')
    assert is_problem(answer, 415)


@pytest.mark.parametrize(
    "path",
    [
        "/v1/changes?limit=0",
        "/v1/changes?limit=100000",
        "/v1/changes?limit=" + "9" * 5000,
        "/v1/changes?state=sleeping",
        "/v1/changes?cursor=!!",
        "/v1/changes?cursor=" + "A" * 2000,
        "/v1/changes?cursor=WzFd1",
        "/v1/changes?cursor=WyIxIl0",
        "/v1/changes?cursor=WzEsMl0",
        "/v1/changes?cursor=Wy0xXQ",
        "/v1/changes?cursor=WzE4NDQ2NzQ0MDczNzA5NTUxNjE1XQ",
        "/v1/changes?subscription=a%00b",
        "/v1/changes/a%00b",
        "/v1/changes/%ff",
        "/v1/exceptions?cursor=WyJub3ciLCAieCJd",
        "/v1/exceptions?cursor=WyIyMDI2LTAxLTAxIiwieCJd",
        "/v1/entitlements",
        "/v1/entitlements/check?customer=cus_1",
        "/v1/entitlements/check?customer=cus_1&feature=%F0%9F%92%A5",
        "/v1/inbox?status=eaten",
        "/v1/entitlements/check?customer=cus_1&feature=sso&at=sleeping",
        "/v1/entitlements/check?customer=cus_1&feature=sso&at=2026-01-01T00:00:00",
        "/v1/grants",
        "/v1/grants?customer=cus_1&cursor=WyJ4Il0",
        "/v1/invoices?erp_status=sleeping",
        "/v1/invoices?cursor=WyJub3ciLCAieCJd",
        "/v1/invoices?number=a%00b",
        "/v1/differences?owner=sleeping",
        "/v1/differences?cursor=WyJzbGVlcGluZyIsIjIwMjYtMDEtMDFUMDA6MDA6MDBaIiwieCJd",
        "/v1/differences?cursor=WyJkZWJ0Iiwibm93IiwieCJd",
        "/v1/mappings?cursor=WyJpdGVtIiwieCIsIm5vdyJd",
        "/v1/mappings?cursor=WyJpdGVtIiwieCJd",
        "/v1/dunning?cursor=WzFd",
        "/v1/renewals?within_days=-1",
        "/v1/renewals?within_days=99999",
    ],
)
async def test_bad_parameters_are_a_clear_problem(path: str, call: Call) -> None:
    answer = await call("GET", path)
    assert is_problem(answer, 422), answer.text
    assert "sleeping" not in answer.text


async def test_what_is_not_there_is_a_problem(call: Call, api: httpx.AsyncClient) -> None:
    for path in (
        *("changes/x", "exceptions/x", "subscriptions/x", "inbox/x", "invoices/x"),
        "accounts/x",
    ):
        answer = await call("GET", f"/v1/{path}")
        assert is_problem(answer, 404)
        assert answer.json()["remedy"]
    assert is_problem(await api.get("/v1/nothing"), 404)
    assert is_problem(await api.delete("/v1/changes"), 405)


@settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    document=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
        max_leaves=12,
    ),
    target=st.sampled_from(
        [
            ("POST", RESOLVE),
            ("POST", "/v1/changes/chg_acme_waits/signal"),
            ("PUT", "/v1/mappings"),
            ("POST", "/v1/grants"),
            ("POST", "/v1/grants/grt_none/suspend"),
            ("POST", "/v1/invoices/in_none/hold"),
            ("POST", "/v1/invoices/in_none/correct"),
        ]
    ),
)
async def test_no_json_at_all_is_our_fault(
    document: object, target: tuple[str, str], call: Call, acme: Ids
) -> None:
    body = json.dumps(document).encode()
    answer = await call(*target, content=body, headers=JSON)
    # Only what is a whole valid decision or signal gets as far as Temporal, which is away here.
    assert answer.status_code in (200, 202, 400, 404, 409, 422, 503)
    if not _finite(document):
        assert answer.status_code == 400


def _finite(document: object) -> bool:
    match document:
        case float():
            return math.isfinite(document)
        case list():
            return all(map(_finite, document))
        case dict():
            return all(map(_finite, document.values()))
        case _:
            return True


async def test_without_temporal_reads_are_answered_and_writes_say_so(call: Call, acme: Ids) -> None:
    assert (await call("GET", f"/v1/exceptions/{acme.exception}")).status_code == 200
    for path, body in (
        (RESOLVE, {"action": "retry"}),
        (f"/v1/changes/{acme.change('waits')}/cancel", None),
    ):
        assert (await call("POST", path, json=body)).status_code == 202
    for path, body in (
        (f"/v1/invoices/{acme.invoice}/refresh", None),
        ("/v1/invoices/refresh", None),
        (f"/v1/changes/{acme.change('waits')}/signal", {"name": "newer_change"}),
    ):
        answer = await call("POST", path, json=body)
        assert is_problem(answer, 503)
        assert answer.headers["retry-after"]
        assert "Temporal" in answer.json()["detail"]


async def test_without_a_database_nothing_is_pretended() -> None:
    database = Database("postgresql://nobody@127.0.0.1:9/none")
    app = FastAPI()
    speak_problems(app)
    context = AppContext(database, Engine(no_temporal, namespace="default"))
    install(app, context, Callers(ApiSettings()))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
        answer = await client.get("/v1/changes", headers={"authorization": "Bearer tu_x"})
    await database.close()
    assert is_problem(answer, 503)


@pytest.mark.parametrize("fault", [psycopg.OperationalError, psycopg.errors.DeadlockDetected])
async def test_a_statement_that_postgres_does_not_answer_is_to_be_asked_again(
    fault: type[Exception],
) -> None:
    async def away() -> None:
        raise fault("of a statement that is written out")

    app = FastAPI()
    speak_problems(app)
    map_errors(app)
    app.add_api_route("/v1/away", away)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
        answer = await client.get("/v1/away")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert int(answer.headers["retry-after"]) > 0
