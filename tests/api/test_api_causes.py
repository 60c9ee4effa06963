"""Causes, and what is said, shown and done about a case, beside its decision."""

from typing import Any

import pytest

from persistence.database import Database
from tests.api.conftest import Call
from tests.api.seeding import Ids
from tests.harness.flow import write

RIGHTS = ("exceptions:read", "exceptions:write", "invoices:decide")


async def ok(call: Call, method: str, path: str, **more: Any) -> Any:
    answer = await call(method, path, *RIGHTS, **more)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_cause_has_its_cases_its_form_and_what_is_at_risk(call: Call, acme: Ids) -> None:
    (cause,) = (await ok(call, "GET", "/v1/causes?owner=finance&code=item_unmapped"))["items"]
    assert (cause["cause_id"], cause["subject"], cause["open_cases"]) == (acme.cause, "ai", 1)
    assert cause["at_risk"] == [{"minor": 12000, "currency": "EUR"}]
    shown = await ok(call, "GET", f"/v1/causes/{acme.cause}")
    assert [case["exception_id"] for case in shown["cases"]] == [acme.exception]
    assert shown["form"]["inputs"][0]["known"] == {"item": "ai"}
    listed = await ok(call, "GET", f"/v1/exceptions?cause={acme.cause}")
    assert [case["exception_id"] for case in listed["items"]] == [acme.exception]
    assert (await call("GET", "/v1/causes/none", *RIGHTS)).status_code == 404


async def test_an_exception_says_all_that_is_needed_to_decide(call: Call, acme: Ids) -> None:
    shown = await ok(call, "GET", f"/v1/exceptions/{acme.exception}")
    form = shown["form"]
    assert [decision["action"] for decision in form["decisions"]] == shown["decisions"]
    scopes = {decision["action"]: decision["scopes"] for decision in form["decisions"]}
    assert scopes["skip"] == ["exceptions:write", "invoices:decide"]
    item = form["inputs"][0]
    assert (item["name"], item["scope"]) == ("item", "mappings:write")
    assert set(item["json_schema"]["required"]) == {"item", "erp_item"}
    assert item["look_ups"]["erp_item"] == "erp_item"
    assert shown["cause"]["open_cases"] == 1
    assert [line["what"] for line in shown["history"]] == ["opened"]


@pytest.mark.parametrize("of", ["exceptions", "causes"])
async def test_who_has_it_its_tags_and_comments_are_its_history(
    call: Call, acme: Ids, of: str
) -> None:
    path = f"/v1/{of}/{acme.exception if of == 'exceptions' else acme.cause}"
    await ok(call, "POST", f"{path}/assign", json={"to": "fay", "note": "knows it"})
    await ok(call, "POST", f"{path}/tags", json={"tags": ["month-end"]})
    noted = await ok(call, "POST", f"{path}/comments", json={"text": "asked sales"})
    assert [(line["what"], line["by"], line["note"]) for line in noted["history"][-3:]] == [
        ("assigned", "desk", "to fay: knows it"),
        ("tagged", "desk", "month-end"),
        ("commented", "desk", "asked sales"),
    ]
    found = (await ok(call, "GET", f"/v1/{of}?assignee=fay&tag=month-end"))["items"]
    assert len(found) == 1
    await ok(call, "POST", f"{path}/assign", json={"to": None})
    assert (await ok(call, "GET", f"/v1/{of}?assignee=fay"))["items"] == []
    assert len((await ok(call, "GET", f"/v1/{of}?assignee="))["items"]) == 1
    missing = await call("POST", f"/v1/{of}/none/comments", *RIGHTS, json={"text": "?"})
    assert missing.status_code == 404
    empty = await call("POST", f"{path}/comments", *RIGHTS, json={"text": ""})
    assert empty.status_code == 422


async def test_an_abort_is_shown_before_it_is_done(
    call: Call, acme: Ids, database: Database
) -> None:
    await write(
        database,
        "update exceptions set change_id = %(done)s where id = %(id)s",
        done=acme.change("done"),
        id=acme.exception,
    )
    preview = await ok(call, "GET", f"/v1/exceptions/{acme.exception}/abort")
    fates = {undone["step"].partition("/")[0]: undone["fate"] for undone in preview["undone"]}
    assert fates["erp.document"] == "reversed"
    assert fates["erp.settlement"] == "stays"
    # What was taken back already is not taken back again.
    assert "support.entitlement" not in fates
    assert not preview["by_hand"]
    refused = await call("GET", f"/v1/exceptions/{acme.resolved}/abort", *RIGHTS)
    assert refused.status_code == 409


@pytest.mark.parametrize(
    ("key", "words"),
    [("exception", "is open"), ("resolved", "has settled as completed")],
)
async def test_what_was_not_undone_is_not_reopened(
    key: str, words: str, call: Call, acme: Ids
) -> None:
    path = f"/v1/exceptions/{getattr(acme, key)}/reopen"
    answer = await call("POST", path, *RIGHTS, json={"reason": "again"})
    assert answer.status_code == 409
    assert words in answer.json()["detail"]
    unscoped = await call("POST", path, "exceptions:write", json={"reason": "again"})
    assert unscoped.status_code == 403


async def test_changes_are_listed_by_what_they_came_to(call: Call, acme: Ids) -> None:
    found = (await call("GET", "/v1/changes?outcome=completed", "changes:read")).json()["items"]
    assert [change["change_id"] for change in found] == [acme.change("done")]
    none = (await call("GET", "/v1/changes?outcome=cancelled", "changes:read")).json()["items"]
    assert none == []
