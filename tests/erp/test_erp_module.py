"""The optional module: external ids that are unique, numbers that come from billing."""

import asyncio
import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.erp.bookkeeping import bookkeeper
from sandbox.erp.instance import ErpInstance
from sandbox.erp.rpc import Json, date
from sandbox.erp.server import DEFAULT_VENV
from tests.architecture.repository import ROOT
from tests.erp.clerk import Clerk
from tests.erp.conftest import MakeRest
from tests.erp.rest import Rest

pytestmark = [pytest.mark.slow, pytest.mark.erp, pytest.mark.timeout(300)]

LAST_YEAR = datetime.datetime.now(tz=datetime.UTC).year - 1
OURS = {
    "party.party": {"external_id"},
    "account.move": {"external_id"},
    "account.invoice": {"external_id", "external_number"},
}


async def create(client: Rest, model: str, **fields: Any) -> httpx.Response:
    """Ask for a record that may exist many times, but for `fields`."""
    match model:
        case "account.invoice":
            return await client.draft("C-1003", **fields)
        case "account.move":
            (period, *_) = await client.search(
                "account.period",
                [["company", "=", client.company.id], ["type", "=", "standard"]],
                ["start_date"],
            )
            body: Json = {
                "company": client.company.id,
                "journal": client.erp.facts.journals["MISC"],
                "period": period["id"],
                "date": period["start_date"],
            }
        case _:
            body = {"name": "Made twice"}
    return await client.http.post(model, json=body | fields, params={"f": ["id"]})


async def dated(client: Rest, day: datetime.date, **fields: Any) -> httpx.Response:
    """Post a credit note of the day: no other test numbers those of last year."""
    line = client.line("PRO", -1, "40", "US-SALES-825")
    return await client.post(await client.drafted("C-1003", line, invoice_date=date(day), **fields))


async def has_our_fields(erp: ErpInstance) -> dict[str, set[str]]:
    async with Clerk.of(erp) as clerk:
        return {
            model: names & set(await clerk.rpc.call(f"model.{model}.fields_get", []))
            for model, names in OURS.items()
        }


def test_the_environment_runs_the_module_of_this_repository() -> None:
    (installed,) = DEFAULT_VENV.glob("lib/*/site-packages/trytond/modules/trueup")
    source = ROOT / "tryton_trueup" / "trueup"
    names = {"__init__.py", "external.py", "message.xml", "tryton.cfg"}

    assert {path.name for path in source.iterdir() if path.is_file()} == names
    assert _texts(installed, names) == _texts(source, names), "run `make setup`"


async def test_the_module_is_there_where_it_was_asked_for(
    erp: ErpInstance, erp_with_module: ErpInstance
) -> None:
    assert (erp.facts.module, erp_with_module.facts.module) == (False, True)
    assert await has_our_fields(erp) == {model: set() for model in OURS}
    assert await has_our_fields(erp_with_module) == OURS


@pytest.mark.parametrize("model", OURS)
async def test_of_parallel_creates_with_one_id_one_wins(
    rest_with_module: MakeRest, model: str
) -> None:
    client = rest_with_module("LE-US")

    answers = await asyncio.gather(
        *(create(client, model, external_id=f"parallel {model}") for _ in range(8))
    )

    codes = sorted(answer.status_code for answer in answers)
    assert codes == [httpx.codes.OK] + [httpx.codes.BAD_REQUEST] * 7
    refused = [answer.json()["message"] for answer in answers if answer.is_error]
    assert set(refused) == {"This external id is used already."}
    kept = await client.search(model, [["external_id", "=", f"parallel {model}"]], ["external_id"])
    assert len(kept) == 1


async def test_ids_are_unique_within_a_legal_entity_and_parties_everywhere(
    rest_with_module: MakeRest,
) -> None:
    german, american = rest_with_module("LE-DE"), rest_with_module("LE-US")
    for client in (german, american):
        for model in ("account.invoice", "account.move"):
            answer = await create(client, model, external_id="in both")
            assert answer.status_code == httpx.codes.OK, answer.text
    first = await create(german, "party.party", external_id="in both")
    second = await create(american, "party.party", external_id="in both")

    assert (first.status_code, second.status_code) == (httpx.codes.OK, httpx.codes.BAD_REQUEST)


async def test_an_empty_id_is_no_id(rest_with_module: MakeRest) -> None:
    client = rest_with_module("LE-US")
    for empty in ("", "  ", None):
        answer = await create(client, "party.party", external_id=empty)
        assert answer.status_code == httpx.codes.OK, answer.text


async def test_a_late_document_has_billings_number_and_its_own_date(
    rest_with_module: MakeRest,
) -> None:
    client = rest_with_module("LE-US")
    november = (await dated(client, datetime.date(LAST_YEAR, 11, 20))).json()

    late = await dated(
        client, datetime.date(LAST_YEAR, 9, 3), external_number="IN-0007", external_id="in_7"
    )
    after = (await dated(client, datetime.date(LAST_YEAR, 11, 20))).json()

    assert late.status_code == httpx.codes.OK, late.text
    (read,) = await client.search(
        "account.invoice",
        [["external_id", "=", "in_7"]],
        ["number", "sequence", "state", "invoice_date", "move.date", "move.number"],
    )
    assert (read["number"], read["sequence"], read["state"]) == ("IN-0007", None, "posted")
    assert read["invoice_date"] == read["move"]["date"] == date(datetime.date(LAST_YEAR, 9, 3))
    assert read["move"]["number"].startswith(f"US-M{LAST_YEAR}-")
    assert _counter(after["number"]) == _counter(november["number"]) + 1


async def test_without_the_module_an_earlier_date_is_refused(rest: MakeRest) -> None:
    client = rest("LE-US")
    november = await dated(client, datetime.date(LAST_YEAR, 11, 20))

    late = await dated(client, datetime.date(LAST_YEAR, 9, 3))

    assert november.status_code == httpx.codes.OK, november.text
    assert late.status_code == httpx.codes.BAD_REQUEST
    assert november.json()["number"] in late.json()["message"]


async def test_a_number_is_given_once_and_its_day_is_today(rest_with_module: MakeRest) -> None:
    client = rest_with_module("LE-DE")
    line = client.line("PRO", -1, "40", "DE-VAT-19")

    posted = await client.posted_of("C-1001", line, external_number=" CN-0001 ")
    again = await client.draft("C-1001", line, external_number="CN-0001")

    assert posted["number"] == "CN-0001"
    assert again.status_code == httpx.codes.BAD_REQUEST
    assert again.json()["message"] == "This external number is used already."
    (read,) = await client.search(
        "account.invoice", [["number", "=", "CN-0001"]], ["invoice_date", "type"]
    )
    assert read["invoice_date"] == date(datetime.datetime.now(tz=datetime.UTC).date())


async def test_a_closed_period_refuses_billings_number_too(
    rest_with_module: MakeRest, erp_with_module: ErpInstance
) -> None:
    client = rest_with_module("LE-US")
    async with bookkeeper(erp_with_module) as people:
        await people.close_period("LE-US", datetime.date(LAST_YEAR, 2, 1))
        refused = await dated(client, datetime.date(LAST_YEAR, 2, 7), external_number="IN-0002")
        await people.reopen_period("LE-US", datetime.date(LAST_YEAR, 2, 1))

    assert refused.status_code == httpx.codes.BAD_REQUEST
    assert f"{LAST_YEAR}-02" in refused.json()["message"]


async def test_drafts_take_both_fields_and_posted_documents_neither(
    rest_with_module: MakeRest,
) -> None:
    client = rest_with_module("LE-DE")
    draft = await client.drafted("C-1001", client.line("PRO", 1, "40", "DE-VAT-19"))
    path, fields = f"account.invoice/{draft}", {"external_id": "in_9", "external_number": "IN-0009"}

    written = await client.http.put(path, json=fields, params={"f": list(fields)})
    posted = await client.post(draft)
    refused = [
        (await client.http.put(path, json={name: "other"}, params={"f": ["id"]})).status_code
        for name in fields
    ]

    assert written.json() | fields == written.json()
    assert posted.json()["number"] == "IN-0009"
    assert refused == [httpx.codes.BAD_REQUEST] * 2


async def test_copies_credit_notes_and_cancelling_moves_have_no_external_id(
    rest_with_module: MakeRest, erp_with_module: ErpInstance
) -> None:
    client = rest_with_module("LE-DE")
    line = client.line("PRO", 1, "40", "DE-VAT-19")
    posted = await client.posted_of("C-1001", line, external_id="in_11", external_number="IN-0011")
    where = {"company": client.company.id}
    async with Clerk.of(erp_with_module) as clerk:
        (copied,) = await clerk.rpc.call(
            "model.account.invoice.copy", [posted["id"]], {}, context=where
        )
        credited = await clerk.wizard(
            "account.invoice.credit",
            "credit",
            {"start": {"with_refund": True, "with_refund_allowed": True}},
            model="account.invoice",
            ids=[posted["id"]],
            company="LE-DE",
        )
        credit = credited["actions"][0][1]["res_id"]
        entry = await clerk.entry(
            "LE-DE",
            datetime.date(LAST_YEAR, 3, 1),
            *(("bank", "5", None), ("goodwill", "-5", None)),
            external_id="mv_1",
        )
        renamed = await client.http.put(
            f"account.move/{entry['id']}", json={"external_id": "mv_2"}, params={"f": ["id"]}
        )
        await clerk.wizard(
            "account.move.cancel",
            "cancel",
            {"default": {"description": "wrong", "reversal": True}},
            model="account.move",
            ids=[entry["id"]],
            company="LE-DE",
        )

    assert renamed.status_code == httpx.codes.BAD_REQUEST
    credits_ = credit if isinstance(credit, list) else [credit]
    rows = await client.search(
        "account.invoice",
        [["id", "in", [copied, *credits_]]],
        ["external_id", "external_number", "state", "number"],
    )
    assert [(row["external_id"], row["external_number"]) for row in rows] == [(None, None)] * 2
    assert {row["state"] for row in rows} == {"draft", "paid"}
    moves = await client.search(
        "account.move", [["origin", "=", f"account.move,{entry['id']}"]], ["external_id"]
    )
    assert [move["external_id"] for move in moves] == [None]


def _texts(folder: Path, names: set[str]) -> dict[str, str]:
    return {name: (folder / name).read_text(encoding="utf-8") for name in names}


def _counter(number: str) -> int:
    return int(number.rpartition("-")[2])
