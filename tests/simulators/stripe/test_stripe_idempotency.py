"""`Idempotency-Key`, uncertain writes, and injected faults."""

import threading
import uuid

import httpx
import pytest
import stripe

from tests.simulators.stripe.stripe_sim import Child, start


def post(
    sim: Child, key: str | None, data: dict[str, str], path: str = "customers"
) -> httpx.Response:
    headers = {"Authorization": "Bearer sk_test_x"} | ({"Idempotency-Key": key} if key else {})
    return httpx.post(f"{sim.url}/v1/{path}", data=data, headers=headers, trust_env=False)


def count(sim: Child, email: str) -> int:
    return len(sim.client().v1.customers.list({"email": email}).data)


@pytest.fixture
def email() -> str:
    """An address, and a key, that no other test uses."""
    return f"{uuid.uuid4()}@example.com"


def test_the_same_request_is_done_once_and_answered_alike(unruly_sim: Child, email: str) -> None:
    first = post(unruly_sim, email, {"email": email})
    again = post(unruly_sim, email, {"email": email})
    assert first.content == again.content
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.headers["Request-Id"] != first.headers["Request-Id"]
    assert count(unruly_sim, email) == 1


@pytest.mark.parametrize(
    ("data", "path"), [({"name": "Bob"}, "customers"), ({"name": "Ada"}, "products")]
)
def test_a_key_belongs_to_its_parameters_and_path(
    sim: Child, data: dict[str, str], path: str
) -> None:
    key = f"k-{path}-{data['name']}"
    assert post(sim, key, {"name": "Ada"}).status_code == 200
    other = post(sim, key, data, path)
    assert other.status_code == 400
    assert other.json()["error"]["type"] == "idempotency_error"


def test_the_sdk_sees_an_idempotency_error(api: stripe.StripeClient) -> None:
    api.v1.customers.create({"name": "A"}, {"idempotency_key": "sdk"})
    with pytest.raises(stripe.IdempotencyError):
        api.v1.customers.create({"name": "B"}, {"idempotency_key": "sdk"})


def test_a_key_has_at_most_255_characters(sim: Child) -> None:
    assert post(sim, "x" * 255, {"name": "Ada"}).status_code == 200
    assert post(sim, "x" * 256, {"name": "Ada"}).status_code == 400


def test_refused_parameters_leave_the_key_free(sim: Child) -> None:
    assert post(sim, "free", {"nonsense": "1"}).status_code == 400
    assert post(sim, "free", {"name": "Ada"}).status_code == 200


def test_a_stored_server_error_is_replayed(unruly_sim: Child) -> None:
    unruly_sim.control("POST", "/faults", {"method": "POST", "status": 500})
    first, second = (post(unruly_sim, "bad", {"name": "Ada"}) for _ in range(2))
    assert (first.status_code, second.status_code) == (500, 500)
    assert second.headers["Idempotent-Replayed"] == "true"
    assert post(unruly_sim, "better", {"name": "Ada"}).status_code == 200


def test_a_key_in_use_is_a_conflict(unruly_sim: Child) -> None:
    unruly_sim.control("POST", "/faults", {"method": "POST", "delay_ms": 700})
    answers: list[int] = []
    slow = threading.Thread(
        target=lambda: answers.append(post(unruly_sim, "busy", {"name": "Ada"}).status_code)
    )
    slow.start()
    while unruly_sim.control("GET", "/faults")["faults"]:
        assert slow.is_alive(), "the slow request ended before it was seen"
    conflict = post(unruly_sim, "busy", {"name": "Ada"})
    slow.join()
    assert conflict.status_code == 409
    assert conflict.json()["error"]["code"] == "idempotency_key_in_use"
    assert answers == [200]


@pytest.mark.parametrize(("when", "made"), [("before", 0), ("after", 1)])
def test_a_connection_is_cut_before_or_after_the_effect(
    unruly_sim: Child, when: str, made: int, email: str
) -> None:
    unruly_sim.control(
        "POST", "/faults", {"method": "POST", "path_prefix": "/v1/cust", "drop": when}
    )
    with pytest.raises(httpx.TransportError):
        post(unruly_sim, email, {"email": email})
    assert count(unruly_sim, email) == made
    again = post(unruly_sim, email, {"email": email})
    assert again.status_code == 200
    assert ("Idempotent-Replayed" in again.headers) is (when == "after")
    assert count(unruly_sim, email) == 1


def test_the_sdk_retries_a_lost_answer_into_one_effect(unruly_sim: Child, email: str) -> None:
    unruly_sim.control("POST", "/faults", {"method": "POST", "drop": "after"})
    made = unruly_sim.client(retries=2).v1.customers.create({"email": email})
    assert count(unruly_sim, email) == 1
    assert made.email == email


def test_keys_outlive_the_process(own_sim: Child) -> None:
    first = post(own_sim, "kept", {"name": "Ada"})
    own_sim.stop()
    again = start(own_sim.state)
    try:
        assert post(again, "kept", {"name": "Ada"}).content == first.content
    finally:
        again.stop()


def test_rate_limits_are_what_the_sdk_knows(unruly_sim: Child, email: str) -> None:
    unruly_sim.control("POST", "/faults", {"status": 429, "times": 2, "retry_after": 3})
    with pytest.raises(stripe.RateLimitError) as refused:
        unruly_sim.client().v1.customers.list()
    assert dict(refused.value.headers or {})["retry-after"] == "3"
    unruly_sim.control("DELETE", "/faults")
    assert count(unruly_sim, email) == 0


def test_a_fault_that_makes_no_sense_is_refused(sim: Child) -> None:
    for rule in ({"drop": "maybe"}, {"status": 200}, {"colour": "red"}):
        answer = httpx.post(f"{sim.url}/_sim/faults", json=rule, trust_env=False)
        assert answer.status_code == 400
    assert sim.control("GET", "/faults") == {"faults": []}


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"\xff\xfe=1", "application/x-www-form-urlencoded", 400),
        (b"a[b][c][d][e][f][g][h][i][j]=1", "application/x-www-form-urlencoded", 400),
        (b"name=a&name[x]=b", "application/x-www-form-urlencoded", 400),
        (b"{}", "application/json", 400),
        (b"name=" + b"a" * 1_100_000, "application/x-www-form-urlencoded", 413),
    ],
)
def test_bad_bodies_are_refused_in_stripes_envelope(
    sim: Child, body: bytes, kind: str, status: int
) -> None:
    headers = {"Authorization": "Bearer sk_test_x", "Content-Type": kind}
    url = f"{sim.url}/v1/customers"
    answer = httpx.post(url, content=body, headers=headers, trust_env=False)
    assert answer.status_code == status
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_an_unknown_url_and_a_missing_key(sim: Child) -> None:
    lost = httpx.get(f"{sim.url}/v1/terminal/readers", trust_env=False)
    assert (lost.status_code, lost.json()["error"]["type"]) == (404, "invalid_request_error")
    assert httpx.get(f"{sim.url}/v1/customers", trust_env=False).status_code == 401
    basic = httpx.get(f"{sim.url}/v1/customers", auth=("sk_test_x", ""), trust_env=False)
    assert basic.status_code == 200
