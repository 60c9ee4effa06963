"""What is recorded holds nothing personal or secret, and can be played to the same adapter, or to
one that reads otherwise."""

import asyncio
import base64
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import httpx
import orjson
import pytest
from pydantic import BaseModel, SecretStr
from temporalio.client import Client
from typer.testing import CliRunner

from canonical_models.documents import DocumentStatus
from canonical_models.money import Money
from cli.main import app
from cli.output import problem_of
from connectors.config import ConnectionConfig
from connectors.contracts import Contract, watched
from connectors.recording import MOST_OF_CALL, Recorder
from connectors.redaction import Redaction, options
from connectors.replaying import PORTS, adapter_of, play
from connectors.shadow import READS
from connectors.stripe.adapter import StripeBilling
from operations import recordings as operations
from operations.context import AppContext
from operations.engine import Engine
from operations.errors import Conflict, Invalid, NotFound
from operations.recordings import FORM, replay
from persistence import recordings
from persistence.database import Database
from runtime.settings import TenantSettings
from tests.connectors.stripe.objects import (
    Json,
    invoice,
    line,
    listing,
    serving,
    share,
    subscription,
)

CUTOVER = date(2026, 1, 1)
NAME, EMAIL, TAX_ID, KEY = "Erika Mustermann", "erika@example.com", "DE136695976", "rk_test_4711"
STREET = "Heidestraße 17"
HEAD: Json = {
    "trueup_recording": FORM,
    "version": "0.1.0",
    "connection": "stripe",
    "vendor": "stripe",
    "part": "billing",
    "options": {},
    "secrets": ["api_key"],
    "from": "2026-11-22T10:00:00Z",
    "to": "2026-11-22T10:10:00Z",
}


def pages(**changes: Any) -> Json:
    person = {
        "customer_name": NAME,
        "customer_email": EMAIL,
        "customer_address": {"line1": STREET, "city": "Berlin", "country": "DE"},
        "customer_tax_ids": [{"type": "eu_vat", "value": TAX_ID}],
        "metadata": {"buyer": NAME},
        "parent": {"subscription_details": {"subscription": "sub_1"}},
    }
    paid = {"status": "paid", "amount_remaining": 0, "payments": listing(share())}
    told = invoice(
        lines=listing(line(description=f"for {NAME}")), number="R-1", **person | paid | changes
    )
    return {"subscriptions": subscription(latest_invoice=told)}


async def recorded(answers: Json, *, salt: str = "s" * 64) -> list[Json]:
    """The calls of a snapshot and of a customer's account, as they are kept."""
    config = ConnectionConfig(
        name="stripe",
        vendor="stripe",
        base_url="https://api.stripe.test",
        secrets={"api_key": SecretStr(KEY)},
    )
    contract = Contract("stripe", recorder=Recorder("rec_1", salt))
    listed = serving(**answers)

    def respond(request: httpx.Request) -> httpx.Response:
        if request.url.path.startswith("/v1/invoices/in_1"):
            return httpx.Response(200, json=invoice(status="uncollectible"))
        return listed.handle_request(request)

    async with StripeBilling.connect(config, transport=httpx.MockTransport(respond)) as billing:
        port = watched(billing, contract, READS["billing"])
        await port.snapshot("sub_1")
        await port.close_invoice("in_1", DocumentStatus.UNCOLLECTIBLE, key="key_1")
    assert contract.recorder is not None
    return [orjson.loads(entry) for entry in contract.recorder.take()]


async def file_of(answers: Json) -> list[bytes]:
    entries = await recorded(answers)
    reads = iter(await play(HEAD, entries))
    for entry in entries:
        if entry["reads"]:
            entry["read"] = next(reads).model_dump(mode="json")
    return [orjson.dumps(HEAD), *map(orjson.dumps, entries)]


async def test_nothing_of_a_person_and_no_secret_is_kept() -> None:
    kept = b"\n".join(await file_of(pages())).decode()
    for planted in (NAME, EMAIL, TAX_ID, KEY, STREET, "Berlin", "Mustermann", "key_1"):
        assert planted not in kept
    for needed in ("sub_1", "in_1", '"DE"', "eu_vat", "R-1", "eur"):
        assert needed in kept


async def test_the_same_adapter_reads_the_same() -> None:
    found = await replay(await file_of(pages()))
    assert (found.calls, found.same, found.unplayable, found.writes) == (1, 1, 0, 1)
    assert (found.otherwise, found.money, found.subscriptions) == ((), (), ())


def changed(lines: list[bytes], was: bytes, now: bytes) -> list[bytes]:
    """As if another version read it otherwise: the answers are, and what was read of them stays."""
    out = []
    for kept in lines:
        entry = orjson.loads(kept)
        if "exchanges" in entry:
            told = orjson.dumps(entry["exchanges"])
            assert not entry["reads"] or was in told
            entry["exchanges"] = orjson.loads(told.replace(was, now))
        out.append(orjson.dumps(entry))
    return out


async def test_an_answer_that_does_not_fit_any_more_is_said_with_what_it_is_about() -> None:
    lines = changed(await file_of(pages()), b'"total":1000', b'"total":"10.00"')
    found = await replay(lines)
    (drift,) = found.otherwise
    assert (drift.call, drift.about) == ("snapshot", "sub_1")
    assert drift.where == "GET /v1/subscriptions/* $.latest_invoice.total"
    assert (drift.was, drift.now) == ("read", "was a whole number and is text now")
    assert found.subscriptions == ("sub_1",)
    assert found.money == (Money(minor=1000, currency="EUR"),)


async def test_an_amount_that_is_read_otherwise_is_told_once_in_money() -> None:
    lines = changed(await file_of(pages()), b":1000", b":1300")
    found = await replay(lines)
    gross = [each for each in found.otherwise if each.where.endswith(".gross")]
    assert [(each.about, each.was, each.now) for each in gross] == [
        ("in_1", "10.00 EUR", "13.00 EUR")
    ]
    assert found.money == (Money(minor=300, currency="EUR"),)
    assert found.subscriptions == ("sub_1",)


async def test_what_was_not_recorded_is_not_called_the_same() -> None:
    lines = await file_of(pages())
    entry = orjson.loads(lines[1])
    entry["exchanges"] = []
    found = await replay([lines[0], orjson.dumps(entry)])
    assert (found.calls, found.same, found.unplayable) == (1, 0, 1)


async def test_from_the_wish_to_the_file(database: Database) -> None:
    connection = {"vendor": "stripe", "base_url": "https://api.stripe.test", "books_from": CUTOVER}
    given = {"billing": "stripe", "erp": "tryton", "support": "zendesk"}
    others = {name: {"vendor": name, "base_url": "https://x.test"} for name in given.values()}
    connections = others | {"stripe": connection | {"secrets": {"api_key": "env:KEY"}}}
    settings = TenantSettings.model_validate(given | {"connections": connections})

    async def nobody() -> Client:
        raise AssertionError("the engine is not asked")

    context = AppContext(database, Engine(nobody, namespace="default"), {"acme": settings})
    lasts = timedelta(minutes=1)
    for wrong, refused in (
        (("stripe", timedelta(hours=2)), Invalid),
        (("stripe", timedelta(0)), Invalid),
        (("nobody", lasts), NotFound),
    ):
        with pytest.raises(refused):
            await operations.begin(context, "acme", wrong[0], lasts=wrong[1], by="olu")
    made = await operations.begin(context, "acme", "stripe", lasts=lasts, by="olu")
    with pytest.raises(Conflict):
        await operations.begin(context, "acme", "stripe", lasts=lasts, by="sam")
    entries = await recorded(pages())
    async with database.transaction() as conn:
        assert await recordings.keep(conn, made, [*map(orjson.dumps, entries)]) == 0
    await operations.end(context, made)
    now = datetime.now(UTC)
    lines, calls = await operations.take(context, "acme", "stripe", made, since=now, to=now)
    assert calls == len(entries) == 2
    head = orjson.loads(lines[0])
    assert (head["vendor"], head["part"], head["secrets"]) == ("stripe", "billing", ["api_key"])
    found = await replay(lines)
    assert (found.calls, found.same, found.writes) == (1, 1, 1)


async def test_the_command_line_says_what_would_be_read_otherwise(tmp_path: Path) -> None:
    kept = await file_of(pages())
    same, other = tmp_path / "same.jsonl", tmp_path / "other.jsonl"
    same.write_bytes(b"\n".join(kept))
    other.write_bytes(b"\n".join(changed(kept, b'"total":1000', b'"total":"10.00"')))

    async def trueup(*words: str) -> tuple[int, str, str]:
        typed = ["connections", "replay", *words]
        done = await asyncio.to_thread(CliRunner().invoke, app, typed)
        problem = problem_of(done.exception) if done.exception else None
        return (int(problem.code) if problem else done.exit_code), done.stdout, done.stderr

    code, shown, said = await trueup(str(same))
    assert (code, "sub_1" in shown) == (0, False)
    assert "1 calls, 1 as they were, 0 could not be played, 1 wrote" in said
    code, shown, said = await trueup(str(other))
    assert code == 1
    assert "subscriptions: sub_1; money: 10.00 EUR" in said
    code, shown, _ = await trueup(str(other), "-o", "json")
    assert (code, orjson.loads(shown)["subscriptions"]) == (1, ["sub_1"])
    assert (await trueup(str(tmp_path / "none")))[0] != 0


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [b"no json"],
        [b"[]"],
        [b'{"trueup_recording": 99}'],
        [orjson.dumps(HEAD | {"vendor": "lago"})],
        [orjson.dumps(HEAD | {"part": "nothing"})],
        [orjson.dumps(HEAD | {"options": {"mode": "both"}})],
    ],
)
async def test_what_is_no_recording_is_refused_in_words(lines: list[bytes]) -> None:
    with pytest.raises(Invalid) as refused:
        await replay(lines)
    assert refused.value.remedy


def closed_lists(hint: Any, name: str) -> list[str]:
    """Members of our own whose words do not pass, though they are of a closed list."""
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        fields = hint.model_fields.items()
        return [each for of, field in fields for each in closed_lists(field.annotation, of)]
    if get_origin(hint) is Literal or (isinstance(hint, type) and issubclass(hint, Enum)):
        word = Redaction("salt").body({name: "a_word"})[name]
        return [] if word == "a_word" else [name]
    return [each for of in get_args(hint) for each in closed_lists(of, name)]


@pytest.mark.parametrize(("part", "reads"), READS.items())
def test_what_every_reading_is_given_can_be_given_again(part: str, reads: frozenset[str]) -> None:
    for name in reads - {"close"}:
        hints = get_type_hints(getattr(PORTS[part], name))
        for parameter in hints.keys() - {"return"}:
            assert adapter_of(hints[parameter])
            assert closed_lists(hints[parameter], parameter) == [], name
    documents = get_type_hints(PORTS["billing"].documents)["document_ids"]
    assert adapter_of(documents).validate_json(b'["in_1"]') == ["in_1"]


def test_texts_pass_by_their_member_and_by_their_look() -> None:
    redact = Redaction("salt")
    body = {
        "id": "in_1",
        "status": "open",
        "name": "open",
        "currency": "eur",
        "customer": NAME,
        "object": "sk_live_4711",
        "source": "pi_1_secret_2",
        "address": {"country": "DE", "city": "Ulm", "status": "x"},
        "metadata": {"trueup_state": "open", "note": "open"},
        "tags": ["sla_gold", "vip"],
        "code": "DE136695976",
        "identifiers.": [{"code": "DE136695976", "type": "eu_vat"}],
        "currency.": {"code": "EUR"},
        "decimal": "12.30",
        "paid": True,
        "count": 7,
        "nothing": None,
    }
    kept = redact.body(body)
    plain = {
        name for name, value in kept.items() if value == body[name] and not isinstance(value, dict)
    }
    assert plain == {"id", "status", "currency", "decimal", "paid", "count", "nothing"}
    assert kept["address"] == {"country": "DE", "city": redact.digest("Ulm"), "status": "x"}
    assert kept["metadata"] == {"trueup_state": "open", "note": redact.digest("open")}
    assert kept["tags"] == ["sla_gold", redact.digest("vip")]
    assert kept["identifiers."] == [{"code": redact.digest("DE136695976"), "type": "eu_vat"}]
    assert kept["currency."] == {"code": "EUR"}
    assert redact.body(kept) == kept
    assert Redaction("other").digest(NAME) != redact.digest(NAME)


def test_what_is_looked_for_goes_by_its_member() -> None:
    domain = [["OR", ["identifiers.code", "=", TAX_ID], ["name", "ilike", NAME]], ["id", ">", 7]]
    query = {"d": base64.urlsafe_b64encode(orjson.dumps(domain)).decode(), "name": NAME, "s": "5"}
    request = httpx.Request("GET", "https://erp/trueup/rest/model/party.party", params=query)
    kept = Redaction("salt").request(request)
    told = orjson.dumps(kept).decode()
    assert TAX_ID not in told
    assert NAME not in told
    assert ["s", "5"] in kept["query"]
    assert '"identifiers.code","="' in told
    assert '["id",">",7]' in told


def test_who_signs_in_is_in_no_head() -> None:
    given = {"login": "erika", "email": EMAIL, "client_id": "trueup", "tier_field": "tier"}
    assert options(given) == {
        "login": "recorded",
        "email": "recorded@trueup.invalid",
        "client_id": "recorded",
        "tier_field": "tier",
    }


def test_a_call_that_is_too_large_is_left_out_and_counted() -> None:
    recorder = Recorder("rec_1", "salt")
    request = httpx.Request("GET", "https://vendor/x")
    answer = httpx.Response(200, json={"id": ["x" * 100] * (MOST_OF_CALL // 100)}, request=request)
    recorder._keep("facts", ("cus_1",), {}, [answer], reads=True)
    recorder._keep("account", ("cus_1",), {}, [], reads=True)
    assert recorder.left_out == 1
    assert [orjson.loads(entry)["call"] for entry in recorder.take()] == ["account"]
