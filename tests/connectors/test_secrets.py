"""A secret of the settings is in no text, wherever that goes: failures with all that they are
raised from, logs, traces, recordings, rows of the database, and what the command line prints. The
vendor of these tests writes whatever it is sent into every member of its answer."""

import asyncio
import base64
import json
import logging
import threading
import traceback
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, get_args

import httpx
import pytest
import structlog
from pydantic import BaseModel
from structlog.testing import capture_logs
from temporalio.exceptions import ApplicationError
from typer.testing import CliRunner

from activities.error_mapping import mapped_failures
from canonical_models.commerce import AccountProfile
from canonical_models.documents import DocumentStatus
from canonical_models.entitlement import SupportEntitlement
from canonical_models.failures import Failure
from cli.main import app
from cli.output import problem_of
from connectors import registry
from connectors.config import ConnectionConfig
from connectors.contracts import Contract, watched
from connectors.recording import Recorder
from connectors.shadow import READS
from dispatch.drifting import SharedContracts
from persistence import recordings
from persistence.connection import Connection
from persistence.database import Database
from persistence.tables import metadata
from runtime.settings import Reference, Settings, load
from tests.workflows.test_traces import Recorded, recording

__all__ = ["recording"]

#: By the place in the settings; those that are not of a vendor reach no adapter.
PLANTED = {
    "database.dsn": "postgresql://trueup:PlantedDsnPassword1@127.0.0.1:9/none",
    "temporal.api_key": "PlantedTemporalKey1",
    "notifications.password": "PlantedMailPassword1",
    "sign_in.oidc.client_secret": "PlantedOidcSecret1",
    "tracing.headers": "PlantedTracingHeader1",
    "tenants.connections.secrets": "PlantedVendorSecret1",
    "tenants.connections.webhook_secrets": "whsec_" + base64.b64encode(b"Planted" * 5).decode(),
    "tenants.stream_secrets": "whsec_" + base64.b64encode(b"Planted2" * 4).decode(),
}
STRIPE_KEY = "rk_test_PlantedStripeKey1"
SIGNING = "whsec_" + base64.b64encode(b"PlantedSigning" * 2).decode()
LOGIN = "trueup_login"

_SETTINGS = """
[database]
dsn = "env:DATABASE_DSN"

[temporal]
api_key = "env:TEMPORAL_API_KEY"

[notifications]
host = "127.0.0.1"
user = "trueup"
password = "env:NOTIFICATIONS_PASSWORD"
sender = "trueup@example.com"

[sign_in.oidc]
issuer = "https://id.example.com"
client_id = "trueup"
client_secret = "env:SIGN_IN_OIDC_CLIENT_SECRET"
redirect = "https://console.example.com/sign-in/callback"

[tracing]
headers = {{ authorization = "env:TRACING_HEADERS" }}

[tenants.acme]
billing = "stripe"
erp = "tryton"
support = "zendesk"
targets = ["app"]
stream_secrets = {{ main = "env:TENANTS_STREAM_SECRETS" }}

[tenants.acme.connections.stripe]
vendor = "stripe"
base_url = "{url}"
books_from = 2026-01-01
secrets = {{ api_key = "env:STRIPE_KEY" }}
webhook_secrets = ["env:TENANTS_CONNECTIONS_WEBHOOK_SECRETS"]

[tenants.acme.connections.tryton]
vendor = "tryton"
base_url = "{url}"
secrets = {{ api_key = "env:TENANTS_CONNECTIONS_SECRETS", password = "env:PASSWORD" }}
options = {{ database = "trueup", login = "{login}" }}

[tenants.acme.connections.zendesk]
vendor = "zendesk"
base_url = "{url}"
secrets = {{ token = "env:TENANTS_CONNECTIONS_SECRETS" }}
options = {{ email = "sync@example.com" }}

[tenants.acme.connections.app]
vendor = "signed_http"
base_url = "{url}/app"
secrets = {{ signing_secret = "env:SIGNING" }}
"""

VENDORS = {"stripe": "billing", "tryton": "erp", "zendesk": "support", "app": "target"}
STATUSES = (200, 201, 302, 400, 401, 403, 404, 409, 418, 422, 429, 500, 503)
SECRETS = (
    *PLANTED.values(),
    "PlantedDsnPassword1",
    STRIPE_KEY,
    SIGNING,
    "PlantedPassword1",
    # As they are sent.
    base64.b64encode(b"sync@example.com/token:PlantedVendorSecret1").decode(),
)


class Echo(BaseHTTPRequestHandler):
    """Answers with all that it was sent, in every member that an error or an answer may have."""

    status = 200
    #: Secrets of the connection, which its vendor knows besides what it is sent.
    own: tuple[str, ...] = ()

    def _answer(self) -> None:
        content = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
        said = " ".join([*self.headers.values(), content, *self.own])
        word = self.own[0]
        body: dict[str, Any] = {
            "error": {"type": word, "code": word, "param": said, "message": said},
            "errors": [{"code": word, "title": said}],
            "message": said,
            "description": said,
            "details": {word: [{"error": word, "description": said}]},
            "id": said,
            "status": word,
            "object": word,
        }
        if self.path.endswith("/rpc/"):
            kind = "UserWarning" if self.status == 201 else "UserError"
            body = {"id": 1, "error": [kind, [f"{word}.{word}", said, said]]}
        told = json.dumps(body).encode()
        self.send_response(self.status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(told)))
        for name in ("request-id", "retry-after", "deprecation", "sunset", "stripe-version"):
            self.send_header(name, word)
        self.end_headers()
        self.wfile.write(told)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = _answer  # noqa: N815 - the library's names

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        del format, args


class Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Who has its answer hangs up: some are not read to their end."""
        del request, client_address


@pytest.fixture(scope="module")
def echo() -> Iterator[str]:
    server = Server(("127.0.0.1", 0), Echo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def settings(echo: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for place, secret in PLANTED.items():
        monkeypatch.setenv(place.upper().replace(".", "_"), secret)
    for name, secret in (
        ("STRIPE_KEY", STRIPE_KEY),
        ("SIGNING", SIGNING),
        ("PASSWORD", "PlantedPassword1"),
    ):
        monkeypatch.setenv(name, secret)
    path = tmp_path / "trueup.toml"
    path.write_text(_SETTINGS.format(url=echo, login=LOGIN))
    return path


def references(model: type[BaseModel], at: str = "") -> Iterator[str]:
    """Places of the settings that refer to a secret."""
    for name, field in model.model_fields.items():
        here = f"{at}{name}"
        if any(isinstance(each, Reference) for each in field.metadata):
            yield here
        yield from _within(field.annotation, here)


def _within(annotation: Any, here: str) -> Iterator[str]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield from references(annotation, f"{here}.")
        return
    if any(isinstance(each, Reference) for each in getattr(annotation, "__metadata__", ())):
        yield here
    for each in get_args(annotation):
        yield from _within(each, here)


def test_every_secret_of_the_settings_is_planted(settings: Path) -> None:
    """A new one is a place that the tests below look for as well."""
    assert set(references(Settings)) == PLANTED.keys()
    assert load(settings).dsn == PLANTED["database.dsn"]


def test_settings_that_do_not_fit_are_told_without_what_they_hold(
    settings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = settings.read_text()
    for was, now in (
        ('api_key = "env:STRIPE_KEY"', f'api_key = "{STRIPE_KEY}"'),
        ("secrets = { api_key", f'secrets = "{STRIPE_KEY}"\nother = {{ api_key'),
        ('["env:TENANTS_CONNECTIONS_WEBHOOK_SECRETS"]', f'"{SIGNING}"'),
        ('client_id = "trueup"', f'client_id = ["{STRIPE_KEY}"]'),
    ):
        assert was in text
        settings.write_text(text.replace(was, now))
        told = CliRunner().invoke(app, ["--config", str(settings), "connections", "check"])
        problem = problem_of(told.exception) if told.exception else None
        said = f"{told.output}{told.stderr}{problem}{problem.remedy if problem else ''}"
        assert told.exception is not None
        assert not found_in(said), was
        assert not found_in(capsys.readouterr().err)


def found_in(text: str, *more: str) -> list[str]:
    return [secret for secret in (*SECRETS, *more) if secret in text]


PROFILE = AccountProfile(customer_id="cus_1", name="Ada")


OWN = {
    "stripe": (STRIPE_KEY, PLANTED["tenants.connections.webhook_secrets"]),
    "tryton": (PLANTED["tenants.connections.secrets"], "PlantedPassword1"),
    "zendesk": (PLANTED["tenants.connections.secrets"],),
    "app": (SIGNING,),
}


def calls(vendor: str) -> Sequence[tuple[str, tuple[Any, ...], dict[str, Any]]]:
    """Reads and writes of each part."""
    match vendor:
        case "stripe":
            return (
                ("snapshot", ("sub_1",), {}),
                ("account", ("cus_1",), {}),
                ("facts", (), {}),
                ("close_invoice", ("in_1", DocumentStatus.VOID), {"key": "k"}),
            )
        case "tryton":
            return (
                ("find", ("in_1", "LE-DE"), {}),
                ("parties", (PROFILE,), {}),
                ("create_party", (PROFILE,), {"tax_rules": {}}),
                ("reverse", ("1", "LE-DE"), {"reference": "x", "on": date(2026, 11, 1)}),
            )
        case "zendesk":
            entitled = SupportEntitlement(organization="cus_1", tier="gold", contract_end=None)
            return (
                ("organization", ("cus_1",), {}),
                ("facts", (), {}),
                ("create_organization", ("cus_1", PROFILE), {}),
                ("publish", (entitled,), {}),
            )
        case _:
            return (("held", ("cus_1",), {}),)


def connected(settings: Settings, vendor: str) -> tuple[ConnectionConfig, Any]:
    config = settings.connection("acme", vendor)
    part = VENDORS[vendor]
    make: Any = getattr(registry, part)
    return config, make(config, lambda *_: None)


@pytest.fixture
async def heard(caplog: pytest.LogCaptureFixture) -> AsyncIterator[list[str]]:
    """All that is logged, by whichever library."""
    caplog.set_level(logging.DEBUG)
    said: list[str] = []
    with capture_logs() as entries:
        yield said
        said += [repr(entry) for entry in entries]
        said += [f"{record.name} {record.getMessage()}" for record in caplog.records]


async def rows(conn: Connection) -> str:
    told = []
    for table in metadata.tables:
        found = await conn.execute(f'select t::text from "{table}" t'.encode())
        told += [str(row[0]) for row in await found.fetchall()]
    return "\n".join(told)


@pytest.mark.parametrize("vendor", VENDORS)
async def test_no_failure_log_trace_recording_or_row_holds_one(
    vendor: str,
    settings: Path,
    database: Database,
    recording: Recorded,
    heard: list[str],
) -> None:
    _, port = connected(load(settings), vendor)
    contract = Contract(vendor)
    async with database.transaction() as conn:
        made = await recordings.begin(conn, "acme", vendor, seconds=600, by="olu")
    assert made is not None
    contract.recorder = Recorder(made, "salt")
    seen = watched(port, contract, READS[VENDORS[vendor]])
    shared = SharedContracts(database, {("acme", vendor): contract})
    told: list[str] = []
    failed = expected = 0
    Echo.own = OWN[vendor]
    try:
        for status in STATUSES:
            Echo.status = status
            for name, args, named in calls(vendor):
                try:
                    with mapped_failures():
                        await getattr(seen, name)(*args, **named)
                except ApplicationError as fault:
                    failed += 1
                    told.append("".join(traceback.format_exception(fault)))
                    # The key of a warning is what the ERP is answered with, and shown to nobody.
                    shown = {**vars(fault.__cause__), "key": None}
                    told.append(f"{fault.details!r} {fault.__cause__!r} {shown}")
                    expected += isinstance(fault.__cause__, Failure)
                    structlog.get_logger().warning("told", error=str(fault))
        told += [entry.decode() for entry in contract.recorder.waiting]
        for _ in range(2):
            await shared.poll()
    finally:
        await port.close()
    assert failed >= len(STATUSES) - 2
    told += [
        f"{span.name} {span.attributes} {span.status.description}" for span in spans(recording)
    ]
    async with database.statement() as conn:
        told.append(await rows(conn))
    assert len(told[-1]) > 100
    text = "\n".join((*told, *heard))
    # The session of Tryton is made of what the vendor said, and ours.
    assert found_in(text, LOGIN if vendor != "tryton" else "PlantedPassword1") == []


def spans(recording: Recorded) -> Sequence[Any]:
    recording.provider.force_flush()
    return recording.exporter.get_finished_spans()


@pytest.mark.parametrize("status", [200, 400, 401, 500])
@pytest.mark.parametrize("vendor", OWN)
async def test_the_command_line_prints_none(settings: Path, vendor: str, status: int) -> None:
    Echo.status, Echo.own = status, OWN[vendor]
    for words in (["check", vendor], ["check", vendor, "-o", "json"], ["setup", vendor]):
        typed = ["--config", str(settings), "connections", *words]
        result = await asyncio.to_thread(CliRunner().invoke, app, typed)
        said = result.output + result.stderr
        if result.exception is not None:
            problem = problem_of(result.exception)
            said += f"{problem} {problem.remedy if problem else ''}"
            said += "".join(traceback.format_exception(result.exception))
        assert len(said) > 50
        assert found_in(said) == [], words


def test_the_vendor_of_these_tests_does_tell_them(echo: str) -> None:
    """Else nothing above could fail."""
    Echo.status, Echo.own = 200, (SIGNING,)
    answer = httpx.get(f"{echo}/x", headers={"authorization": f"Bearer {STRIPE_KEY}"})
    assert STRIPE_KEY in answer.text
    assert SIGNING in answer.text
