"""What people decide of single documents is kept, told, and acted on by a change."""

from typing import Any

import httpx
import pytest

from canonical_models.records import Hold, HoldKind
from persistence import documents
from persistence.database import Database
from persistence.tables import ChangeRow
from tests.api.conftest import Call
from tests.api.seeding import Ids, change_row
from tests.api.seeding_books import BOOKS_FROM, NOON, asked, erp_of, post, show
from tests.harness.flow import write
from tests.harness.rows import add, row_of
from tests.harness.subscriptions import void

ALONE = "/v1/invoices/in_acme_alone"
HOLD = {"reason": "disputed", "until": "2099-12-31"}


async def decide(call: Call, what: str, body: Any = None, **more: Any) -> httpx.Response:
    path = more.pop("path", ALONE)
    return await call("POST", f"{path}/{what}", "invoices:decide", json=body, **more)


async def test_a_held_document_stays_out_until_it_is_released(
    call: Call, acme: Ids, database: Database
) -> None:
    held = (await decide(call, "hold", HOLD)).json()
    assert held["changed"]
    hold = held["invoice"]["hold"]
    assert (hold["kind"], hold["reason"], hold["by"], hold["until"]) == (
        "held",
        "disputed",
        "desk",
        "2099-12-31",
    )
    assert held["invoice"]["kept_out"]
    async with database.transaction() as conn:
        row = await row_of(conn, ChangeRow, held["change_id"])
    assert row is not None
    assert (row.subject, row.customer_id, row.documents, row.kind) == (
        acme.account,
        acme.customer,
        ["in_acme_alone"],
        "billed",
    )
    timeline = (await call("GET", f"/v1/changes/{held['change_id']}")).json()["timeline"]
    assert timeline[0]["what"] == "hold of document in_acme_alone"

    again = (await decide(call, "hold", HOLD)).json()
    assert (again["changed"], again["change_id"]) == (False, None)
    assert again["invoice"]["hold"] == hold
    skipped = (await decide(call, "skip", {"reason": "by hand"})).json()
    assert skipped["invoice"]["hold"]["kind"] == "skipped"
    released = (await decide(call, "release")).json()
    assert released["changed"]
    assert (released["invoice"]["hold"], released["invoice"]["kept_out"]) == (None, False)
    assert not (await decide(call, "release")).json()["changed"]


async def test_a_decision_is_told_with_who_and_why(call: Call, acme: Ids) -> None:
    held = (await decide(call, "hold", HOLD)).json()
    corrected = (await decide(call, "correct", {"tax_code": "DE-RC"})).json()
    told = (await call("GET", "/v1/events", "events:read")).json()["items"][-2:]
    assert [event["type"] for event in told] == ["io.trueup.invoice.decided.v1"] * 2
    assert [event["subject"] for event in told] == ["in_acme_alone"] * 2
    first, second = (event["data"] for event in told)
    assert (first["decision"], first["reason"], first["by"], first["until"]) == (
        "hold",
        "disputed",
        "desk",
        "2099-12-31",
    )
    assert (first["change_id"], second["change_id"]) == (
        held["change_id"],
        corrected["change_id"],
    )
    assert (second["decision"], second["tax_code"]) == ("correct", "DE-RC")


async def test_a_key_decides_once(call: Call, acme: Ids) -> None:
    key = {"idempotency-key": "k1"}
    first = (await decide(call, "hold", HOLD, headers=key)).json()
    await decide(call, "release")
    again = (await decide(call, "hold", HOLD, headers=key)).json()
    assert (again["changed"], again["change_id"]) == (False, first["change_id"])
    assert again["invoice"]["hold"] is None
    for what, body in (("hold", {"reason": "other"}), ("skip", {"reason": "disputed"})):
        other = await decide(call, what, body, headers=key)
        assert other.status_code == 409
        assert "idempotency key" in other.json()["detail"]
    fresh = (await decide(call, "hold", HOLD, headers={"idempotency-key": "k2"})).json()
    assert fresh["changed"]


async def test_a_document_made_by_hand_is_linked_for_the_saga_to_compare(
    call: Call, acme: Ids
) -> None:
    linked = (await decide(call, "link", {"document": "INV-77"})).json()
    assert linked["changed"]
    correction = linked["invoice"]["correction"]
    assert (correction["link"], correction["by"]) == ("INV-77", "desk")
    assert linked["invoice"]["state"] == "seen"
    assert not (await decide(call, "link", {"document": "INV-77"})).json()["changed"]
    await decide(call, "hold", HOLD)
    refused = await decide(call, "link", {"document": "INV-78"})
    assert refused.status_code == 409
    assert refused.json()["remedy"] == "release it first"
    assert refused.json()["see"] == "/v1/invoices/in_acme_alone"
    released = (await decide(call, "release")).json()
    assert released["invoice"]["correction"]["link"] is None


async def test_a_correction_keeps_what_was_corrected_before(call: Call, acme: Ids) -> None:
    await decide(call, "correct", {"tax_code": "DE-RC"})
    both = (await decide(call, "correct", {"posting_date": "2026-12-01"})).json()
    correction = both["invoice"]["correction"]
    assert (correction["tax_code"], correction["posting_date"]) == ("DE-RC", "2026-12-01")
    again = await decide(call, "correct", {"tax_code": "DE-RC"})
    assert not again.json()["changed"]
    assert (await decide(call, "correct", {})).status_code == 422


async def test_what_is_in_the_books_is_a_fact(call: Call, acme: Ids) -> None:
    path = f"/v1/invoices/{acme.invoice}"
    for what, body in (
        ("hold", HOLD),
        ("skip", {"reason": "x"}),
        ("link", {"document": "9"}),
        ("correct", {"tax_code": "DE-RC"}),
    ):
        refused = await decide(call, what, body, path=path)
        assert refused.status_code == 409, what
        assert f"INV-{acme.mark}" in refused.json()["detail"]
    # What settles it may still have to be booked on a day that is open.
    assert (await decide(call, "correct", {"posting_date": "2026-12-01"}, path=path)).json()[
        "changed"
    ]
    assert not (await decide(call, "release", path=path)).json()["changed"]


async def test_what_is_posted_is_taken_back_once_unless_something_stands_on_it(
    call: Call, acme: Ids, database: Database
) -> None:
    why = {"reason": "wrong article"}
    out = await decide(call, "take-back", why)
    assert (out.status_code, "does not stand in the books" in out.text) == (409, True)
    path = f"/v1/invoices/{acme.invoice}"
    paid = await decide(call, "take-back", why, path=path)
    assert (paid.status_code, "is settled, at least in part" in paid.text) == (409, True)
    await write(
        database,
        "update documents set posted = jsonb_set(posted, '{open}', document -> 'gross'), "
        "document = jsonb_set(document, '{remaining}', document -> 'gross') "
        "where document_id = %(of)s",
        of=acme.invoice,
    )
    taken = await decide(call, "take-back", why, path=path)
    assert taken.status_code == 200, taken.text
    hold = taken.json()["invoice"]["hold"]
    assert (hold["kind"], hold["reason"], hold["by"]) == ("aborted", "wrong article", "desk")
    again = await decide(call, "take-back", {"reason": "another"}, path=path)
    assert not again.json()["changed"]
    # Until it is reversed it may be left where it is.
    assert (await decide(call, "release", path=path)).json()["invoice"]["hold"] is None
    told = (await call("GET", "/v1/events", "events:read")).json()["items"]
    assert [each["data"]["decision"] for each in told if "decision" in each["data"]] == [
        "take_back",
        "release",
    ]


async def test_what_the_process_before_us_has_is_linked_or_left(
    call: Call, acme: Ids, database: Database
) -> None:
    old = asked("in_old", acme.customer, None, issued_at=BOOKS_FROM.replace(year=2025))
    gone = void(asked("in_gone", acme.customer, None))
    async with database.transaction() as conn:
        await show(conn, "acme", old, gone)
    path = "/v1/invoices/in_old"
    refused = await decide(call, "hold", HOLD, path=path)
    assert refused.status_code == 409
    assert "link the document" in refused.json()["remedy"]
    assert refused.json()["see"] == path
    assert (await decide(call, "link", {"document": "OLD-1"}, path=path)).json()["changed"]
    empty = await decide(call, "skip", {"reason": "x"}, path="/v1/invoices/in_gone")
    assert empty.status_code == 409
    assert "void in billing" in empty.json()["detail"]


async def test_what_was_taken_back_is_posted_again_under_another_key(
    call: Call, acme: Ids, database: Database
) -> None:
    document = asked("in_back", acme.customer, None)
    kept = Hold(kind=HoldKind.ABORTED, reason="sold by mistake", by="anna", at=NOON)
    async with database.transaction() as conn:
        await show(conn, "acme", document)
        await post(conn, "acme", document, erp_of(document, "INV-3"), change="chg_3")
        await documents.reversed_(conn, "acme", "in_back", erp=None, hold=kept)
    path = "/v1/invoices/in_back"
    dated = await decide(call, "hold", HOLD, path=path)
    assert dated.status_code == 409
    assert "without a day" in dated.json()["remedy"]
    released = (await decide(call, "release", path=path)).json()["invoice"]
    assert (released["state"], released["generation"], released["erp"]) == ("seen", 2, None)


async def test_what_a_rule_leaves_out_is_released_by_a_person(
    call: Call, acme: Ids, database: Database
) -> None:
    async with database.transaction() as conn:
        await add(
            conn, change_row(acme, "acct", "settled", subject=acme.account, outcome="no_change")
        )
    await write(
        database,
        "update changes set plan = cast(%(plan)s as jsonb) where id = %(id)s",
        plan='{"books": {"left_out": {"in_acme_alone": "skipped by rule: partners"}}}',
        id=acme.change("acct"),
    )
    released = (await decide(call, "release")).json()
    assert released["changed"]
    hold = released["invoice"]["hold"]
    assert (hold["by"], released["invoice"]["kept_out"]) == ("desk", False)
    assert "rule of the policy" in hold["reason"]
    again = (await decide(call, "release")).json()
    assert (again["changed"], again["invoice"]["hold"]) == (False, hold)


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("hold", {}),
        ("hold", {"reason": ""}),
        ("hold", {"reason": "x", "until": "2001-01-01"}),
        ("hold", {"reason": "x", "until": "sleeping"}),
        ("skip", {"reason": "x", "until": "2099-01-01"}),
        ("link", {}),
        ("link", {"document": "a b"}),
        ("correct", {"tax_code": ""}),
    ],
)
async def test_a_decision_that_says_nothing_is_refused(
    what: str, body: object, call: Call, acme: Ids
) -> None:
    refused = await decide(call, what, body)
    assert refused.status_code == 422
    assert "sleeping" not in refused.text


async def test_nobody_decides_of_another_tenants_documents(
    call: Call, acme: Ids, globex: Ids
) -> None:
    refused = await decide(call, "hold", HOLD, path="/v1/invoices/in_globex_alone")
    assert refused.status_code == 404
    assert (await decide(call, "hold", HOLD, path="/v1/invoices/in_none")).status_code == 404
