"""The target simulator against the official library of its signature scheme."""

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from sandbox.simulators.child import running_child

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
OTHER = "whsec_" + base64.b64encode(b"o" * 32).decode()


def signed(
    body: bytes = b"", *, secret: str = SECRET, age: timedelta = timedelta(0)
) -> dict[str, str]:
    time = datetime.now(UTC) - age
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(time.timestamp())),
        "webhook-signature": Webhook(secret).sign("msg_1", time, body.decode()),
    }


def entitlements(customer_id: str, revision: int, **changes: Any) -> dict[str, Any]:
    return {
        "customer_id": customer_id,
        "revision": revision,
        "as_of": "2026-11-30T12:00:00Z",
        "features": [{"feature": "seats", "quantity": 5, "until": None}],
        **changes,
    }


@pytest.fixture(scope="module")
async def client(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[httpx.AsyncClient]:
    state = tmp_path_factory.mktemp("target") / "state.sqlite"
    async with (
        running_child(
            "sandbox.simulators.target", "--state", str(state), "--secret", SECRET
        ) as child,
        httpx.AsyncClient(base_url=child.url, trust_env=False) as client,
    ):
        yield client


@pytest.fixture(autouse=True)
async def _no_fault_outlives(client: httpx.AsyncClient) -> AsyncIterator[None]:
    yield
    await client.delete("/_sim/faults")
    await client.delete("/_sim/requests")


async def put(client: httpx.AsyncClient, document: dict[str, Any]) -> httpx.Response:
    body = json.dumps(document).encode()
    return await client.put(
        f"/entitlements/{document['customer_id']}", content=body, headers=signed(body)
    )


async def look(client: httpx.AsyncClient, customer_id: str) -> httpx.Response:
    return await client.get(f"/entitlements/{customer_id}", headers=signed())


async def outcomes(client: httpx.AsyncClient) -> list[tuple[str, str, int | None]]:
    requests = (await client.get("/_sim/requests")).json()["requests"]
    return [(one["method"], one["outcome"], one["status"]) for one in requests]


async def test_the_highest_revision_is_held(client: httpx.AsyncClient) -> None:
    answers = [
        await look(client, "a"),
        await put(client, entitlements("a", 2)),
        await put(client, entitlements("a", 2)),
        await put(client, entitlements("a", 1, features=[])),
        await put(client, entitlements("a", 9, features=[])),
        await look(client, "a"),
    ]

    assert [one.status_code for one in answers] == [404, 201, 200, 409, 200, 200]
    held = [one.json()["revision"] for one in answers[1:]]
    assert held == [2, 2, 2, 9, 9]
    assert await outcomes(client) == [
        ("GET", "unknown", 404),
        ("PUT", "kept", 201),
        ("PUT", "repeated", 200),
        ("PUT", "older", 409),
        ("PUT", "kept", 200),
        ("GET", "told", 200),
    ]
    assert (await client.get("/_sim/customers/a")).json() == entitlements("a", 9, features=[])


@pytest.mark.parametrize(
    ("headers", "word"),
    [
        (dict, "signature_missing"),
        (lambda: {**signed(), "webhook-id": "msg_2"}, "signature_wrong"),
        (lambda: {**signed(), "webhook-signature": "v1,"}, "signature_wrong"),
        (lambda: {**signed(), "webhook-signature": "v1,%"}, "signature_wrong"),
        (
            lambda: {
                **signed(),
                "webhook-signature": signed()["webhook-signature"].replace("v1,", "v2,"),
            },
            "signature_wrong",
        ),
        (lambda: {**signed(), "webhook-timestamp": "now"}, "timestamp_refused"),
        (lambda: {**signed(), "webhook-timestamp": "9" * 5000}, "timestamp_refused"),
        (lambda: signed(age=timedelta(minutes=6)), "timestamp_refused"),
        (lambda: signed(age=timedelta(minutes=-6)), "timestamp_refused"),
        (lambda: signed(secret=OTHER), "signature_wrong"),
        (lambda: signed(b" "), "signature_wrong"),
    ],
)
async def test_what_is_not_signed(
    client: httpx.AsyncClient, headers: Callable[[], dict[str, str]], word: str
) -> None:
    answer = await client.get("/entitlements/b", headers=headers())
    assert (answer.status_code, answer.json()) == (401, {"error": word})


async def test_one_of_several_signatures_is_enough(client: httpx.AsyncClient) -> None:
    headers = signed()
    theirs = signed(secret=OTHER)["webhook-signature"]
    headers["webhook-signature"] = f"v1a,abcd {theirs} {headers['webhook-signature']}"
    assert (await client.get("/entitlements/b", headers=headers)).status_code == 404


async def test_unsigned_entitlements_are_not_kept(client: httpx.AsyncClient) -> None:
    body = json.dumps(entitlements("c", 1)).encode()
    answer = await client.put("/entitlements/c", content=body, headers=signed(body + b" "))
    assert answer.status_code == 401
    assert (await client.get("/_sim/customers/c")).status_code == 404


SEATS = {"feature": "seats", "quantity": 5, "until": None}


@pytest.mark.parametrize(
    ("body", "status", "word"),
    [
        (b"{", 400, "malformed_json"),
        (b"\xc3\x28", 400, "malformed_json"),
        (b"[]", 422, "invalid_entitlements"),
        (entitlements("other", 1), 400, "customer_mismatch"),
        (entitlements("d", 0), 422, "invalid_entitlements"),
        (entitlements("d", 2**63), 422, "invalid_entitlements"),
        (entitlements("d", 1, as_of="2026-11-30T12:00:00"), 422, "invalid_entitlements"),
        (entitlements("d", 1, as_of=5), 422, "invalid_entitlements"),
        (entitlements("d", 1, extra=1), 422, "invalid_entitlements"),
        (entitlements("d", 1, features=None), 422, "invalid_entitlements"),
        (entitlements("d", 1, features=[{**SEATS, "quantity": 0}]), 422, "invalid_entitlements"),
        (entitlements("d", 1, features=[{"feature": "seats"}]), 422, "invalid_entitlements"),
        (entitlements("d", 1, features=[SEATS, SEATS]), 422, "duplicate_feature"),
    ],
)
async def test_what_is_no_statement_of_entitlements(
    client: httpx.AsyncClient, body: Any, status: int, word: str
) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    # The library signs nothing but text.
    headers = signed(content) if content.isascii() else signed_bytes(content)
    answer = await client.put("/entitlements/d", content=content, headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (status, word)
    assert (await client.get("/_sim/customers/d")).status_code == 404


def signed_bytes(body: bytes) -> dict[str, str]:
    headers = signed()
    content = f"msg_1.{headers['webhook-timestamp']}.".encode() + body
    digest = hmac.digest(bytes(range(32)), content, hashlib.sha256)
    return {**headers, "webhook-signature": "v1," + base64.b64encode(digest).decode()}


async def test_escaped_ids(client: httpx.AsyncClient) -> None:
    body = json.dumps(entitlements("x/y?z", 1)).encode()
    path = "/entitlements/x%2Fy%3Fz"
    answer = await client.put(path, content=body, headers=signed(body))
    assert answer.json() == {"customer_id": "x/y?z", "revision": 1}
    assert (await client.get("/_sim/customers/x%2Fy%3Fz")).json()["revision"] == 1


async def test_faults(client: httpx.AsyncClient) -> None:
    faults = [
        {"method": "GET", "customer_id": "f", "drop": "before"},
        {"method": "PUT", "customer_id": "f", "drop": "after"},
        {"customer_id": "f", "status": 429, "retry_after": 3, "delay_ms": 1},
        {"customer_id": "f", "status": 418, "body": {"teapot": True}},
        {"customer_id": "never", "status": 500, "times": None},
    ]
    armed = await client.post("/_sim/faults", json=faults)
    assert (armed.status_code, len(armed.json()["faults"])) == (201, 5)

    for attempt in (look(client, "f"), put(client, entitlements("f", 1))):
        with pytest.raises(httpx.RemoteProtocolError):
            await attempt
    limited, odd, told = [await look(client, "f") for _ in range(3)]

    assert (limited.status_code, limited.headers["retry-after"]) == (429, "3")
    assert (odd.status_code, odd.json()) == (418, {"teapot": True})
    assert told.json() == {
        "customer_id": "f",
        "revision": 1,
        "features": entitlements("f", 1)["features"],
    }
    assert await outcomes(client) == [
        ("GET", "dropped", None),
        ("PUT", "kept", None),
        ("GET", "refused", 429),
        ("GET", "refused", 418),
        ("GET", "told", 200),
    ]
    left = (await client.get("/_sim/faults")).json()["faults"]
    assert [one["customer_id"] for one in left] == ["never"]
    refused = await client.post("/_sim/faults", json={"drop": "sometimes"})
    assert (refused.status_code, refused.json()["error"]) == (422, "control_invalid")


async def test_state_outlives_the_process_and_can_be_lost(tmp_path: Path) -> None:
    arguments = ("--state", str(tmp_path / "state.sqlite"), "--secret", SECRET)
    async with (
        running_child("sandbox.simulators.target", *arguments) as child,
        httpx.AsyncClient(base_url=child.url, trust_env=False) as first,
    ):
        await put(first, entitlements("g", 4))
    async with (
        running_child("sandbox.simulators.target", *arguments) as child,
        httpx.AsyncClient(base_url=child.url, trust_env=False) as second,
    ):
        assert (await look(second, "g")).json()["revision"] == 4
        assert (await second.get("/_sim/customers")).json() == {"customers": [entitlements("g", 4)]}
        gone = [await second.delete("/_sim/customers/g") for _ in range(2)]
        assert [one.status_code for one in gone] == [204, 404]
        assert (await look(second, "g")).status_code == 404
        assert (await second.get("/_sim/healthz")).json() == {"status": "ok"}
        assert (await second.get("/elsewhere")).status_code == 404
    assert child.process.returncode == 0
