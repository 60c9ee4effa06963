"""Fixtures of the Stripe simulator's tests."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import stripe

from tests.simulators.stripe.stripe_sim import Child, Receiver, Shop, make_shop, start


@pytest.fixture(scope="session")
def sim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    """One simulator for all tests that leave its global settings alone."""
    child = start(tmp_path_factory.mktemp("stripe-sim") / "state.sqlite")
    yield child
    assert child.stop() == 0


@pytest.fixture
def own_sim(tmp_path: Path) -> Iterator[Child]:
    """A simulator of the test's own, for stops and restarts."""
    child = start(tmp_path / "state.sqlite", "--retry-first", "0.02")
    yield child
    child.stop()


@pytest.fixture(scope="session")
def _shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    state = tmp_path_factory.mktemp("stripe-sim-settings") / "state.sqlite"
    child = start(state, "--retry-first", "0.02")
    yield child
    assert child.stop() == 0


@pytest.fixture
def unruly_sim(_shared: Child) -> Iterator[Child]:
    """A simulator for faults, endpoints and delivery modes; left as it was found."""
    yield _shared
    _shared.control("DELETE", "/faults")
    _shared.control("POST", "/deliveries", {})
    api = _shared.client()
    for endpoint in api.v1.webhook_endpoints.list({"limit": 100}).data:
        api.v1.webhook_endpoints.delete(endpoint.id)


@pytest.fixture
def api(sim: Child) -> stripe.StripeClient:
    return sim.client()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    seen = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with seen.arrived:
                seen.got.append((body, self.headers["Stripe-Signature"]))
                status = seen.statuses.pop(0) if seen.statuses else 200
                seen.arrived.notify_all()
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_args: object) -> None:
            """Stay quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    seen.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    yield seen
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="session")
def shop(sim: Child) -> Shop:
    return make_shop(sim.client())
