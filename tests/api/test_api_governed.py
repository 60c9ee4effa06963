"""What holds for every operation: it is done once under a key, to what was seen alone, counted by
who uses it, and told of before it ends."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from canonical_models.acts import Role
from canonical_models.endings import ENDING, Ending
from operations import connections, keys, people
from operations.context import AppContext
from operations.errors import Invalid
from operations.paging import Page
from operations.people import NewPerson
from persistence import kept_answers
from persistence.database import Database
from persistence.keys import id_of
from starter_api.lifecycle import OWNERS, telling
from tests.api.seeding import Ids, key_of

COMMENT = "/v1/exceptions/exc_acme_open/comments"
#: POSTs that take no Idempotency-Key, since doing them again comes to the same.
HARMLESS = {
    "/v1/accounts/{customer_id}/sync",
    "/v1/amendments/preview",
    "/v1/batches/{batch_id}/pause",
    "/v1/batches/{batch_id}/resume",
    "/v1/batches/{batch_id}/stop",
    "/v1/cash/look",
    "/v1/causes/{cause_id}/assign",
    "/v1/causes/{cause_id}/tags",
    "/v1/changes/{change_id}/cancel",
    "/v1/changes/{change_id}/hold",
    "/v1/changes/{change_id}/release",
    "/v1/changes/{change_id}/signal",
    "/v1/exceptions/{exception_id}/assign",
    "/v1/exceptions/{exception_id}/preview",
    "/v1/exceptions/{exception_id}/tags",
    "/v1/grants/{grant_id}/restore",
    "/v1/grants/{grant_id}/suspend",
    "/v1/inbox/replays/preview",
    "/v1/inbox/{receipt}/replay",
    "/v1/invoices/refresh",
    "/v1/invoices/{invoice_id}/refresh",
    # One that is closed, reopened or decided already is a conflict, or says the same.
    "/v1/periods/{entity}/{period}/close",
    "/v1/periods/{entity}/{period}/differences/{difference_id}/accept",
    "/v1/periods/{entity}/{period}/differences/{difference_id}/withdraw",
    "/v1/periods/{entity}/{period}/reopen",
    "/v1/reconciliations",
    "/v1/reconciliations/repair",
    "/v1/releases/{batch_id}/add",
    # Whoever has said yes is told so.
    "/v1/releases/{batch_id}/approve",
    "/v1/shadow/look",
    # A name is added once, and a receiver knows an event that it has.
    "/v1/streams",
    "/v1/streams/{name}/deliveries/{position}/resend",
    "/v1/streams/{name}/pause",
    "/v1/streams/{name}/resend",
    "/v1/streams/{name}/resume",
    "/v1/streams/{name}/rotate",
    "/v1/streams/{name}/test",
    "/v1/subscriptions/{subscription_id}/sync",
    "/v1/targets/check",
    "/v1/targets/publish",
}
Send_ = Callable[..., Awaitable[httpx.Response]]


@pytest.fixture
async def bearer(database: Database) -> str:
    return await key_of(database, "acme", "admin")


@pytest.fixture
def send(api: httpx.AsyncClient, bearer: str) -> Send_:
    """With one and the same API key."""

    async def sending(method: str, path: str, **headers: str) -> httpx.Response:
        sent = {"authorization": f"Bearer {bearer}"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        body: Any = {"text": headers.pop("say", "seen")} if path == COMMENT else None
        if path.endswith("/hold"):
            body = {"reason": "books are moved"}
        return await api.request(method, path, headers=sent, json=body)

    return sending


async def said(send: Send_) -> list[str]:
    detail = (await send("GET", "/v1/exceptions/exc_acme_open")).json()
    return [line["note"] for line in detail["history"] if line.get("note") in ("seen", "new")]


@pytest.mark.usefixtures("acme")
async def test_what_is_repeated_under_a_key_is_done_once(
    send: Send_, api: httpx.AsyncClient, database: Database, bearer: str
) -> None:
    first = await send("POST", COMMENT, idempotency_key="one")
    again = await send("POST", COMMENT, idempotency_key="one")
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.content == first.content
    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    assert await said(send) == ["seen"]

    other = await send("POST", COMMENT, idempotency_key="one", say="something else")
    assert other.status_code == 422
    assert "was sent with another request" in other.json()["detail"]
    assert other.json()["remedy"]
    elsewhere = await send("POST", "/v1/exceptions/exc_acme_open/reopen", idempotency_key="one")
    assert elsewhere.status_code in (415, 422)
    assert await said(send) == ["seen"]

    # Another API key has names of its own.
    theirs = {"authorization": f"Bearer {await key_of(database, 'acme', 'admin')}"}
    theirs |= {"idempotency-key": "one"}
    assert (await api.post(COMMENT, headers=theirs, json={"text": "seen"})).status_code == 200
    assert await said(send) == ["seen", "seen"]

    # After a day the name is free, and what was kept under it goes.
    async with database.transaction() as conn:
        await conn.execute("update kept_answers set expires_at = now() - interval '1 s'")
    assert (await send("POST", COMMENT, idempotency_key="one", say="new")).status_code == 200
    async with database.transaction() as conn:
        assert await kept_answers.drop_expired(conn) == 1
    assert id_of(bearer).startswith("tk_")


@pytest.mark.usefixtures("acme")
async def test_what_was_refused_or_cut_off_is_told_apart(
    send: Send_, database: Database, bearer: str
) -> None:
    missing = COMMENT.replace("exc_acme_open", "exc_none")
    for _ in range(2):
        # Nothing was done: it is asked anew, and not answered from what was kept.
        refused = await send("POST", missing, idempotency_key="two")
        assert refused.status_code in (404, 415)
    assert (await send("POST", COMMENT, idempotency_key="three")).status_code == 200
    async with database.transaction() as conn:
        await conn.execute(
            "update kept_answers set status = null, headers = null, body = null "
            "where key_id = %s and name = 'three'",
            (id_of(bearer),),
        )
    cut_off = await send("POST", COMMENT, idempotency_key="three")
    assert cut_off.status_code == 409
    assert "has no answer" in cut_off.json()["detail"]


def test_every_post_is_harmless_or_takes_a_key(app: FastAPI) -> None:
    without = {
        path
        for path, methods in app.openapi()["paths"].items()
        if "post" in methods
        and not any(
            each["name"].lower() == "idempotency-key"
            for each in methods["post"].get("parameters", ())
        )
    }
    assert without == HARMLESS


@pytest.mark.usefixtures("acme")
async def test_it_is_done_to_what_was_seen_alone(send: Send_) -> None:
    shown = await send("GET", "/v1/changes/chg_acme_next")
    etag = shown.headers["etag"]
    hold = "/v1/changes/chg_acme_next/hold"
    assert (await send("POST", hold, if_match='"other"')).status_code == 412
    # A weak one does not say that it is the same.
    assert (await send("POST", hold, if_match=f"W/{etag}")).status_code == 412
    assert (await send("GET", "/v1/changes/chg_acme_next")).headers["etag"] == etag
    assert (await send("POST", hold, if_match=f'"other", {etag}')).status_code == 200

    late = await send("POST", "/v1/changes/chg_acme_next/cancel", if_match=etag)
    assert late.status_code == 412
    assert late.json()["see"] == "/v1/changes/chg_acme_next"
    assert (await send("POST", "/v1/changes/chg_none/cancel", if_match="*")).status_code == 404
    assert (await send("POST", "/v1/changes/chg_acme_next/cancel", if_match="*")).status_code == 200


@pytest.mark.usefixtures("acme", "globex")
async def test_who_uses_an_operation_is_seen(
    send: Send_, context: AppContext, bearer: str, api: httpx.AsyncClient, database: Database
) -> None:
    for _ in range(3):
        await send("GET", "/v1/changes/chg_acme_next")
    await send("GET", "/v1/changes")
    other = await key_of(database, "globex", "changes:read")
    await api.get("/v1/changes", headers={"authorization": f"Bearer {other}"})
    # What was refused is no use.
    await api.get("/v1/invoices", headers={"authorization": f"Bearer {other}"})

    async def used(
        tenant: str, *, operation: str | None = None, key_id: str | None = None
    ) -> list[tuple[str, str]]:
        found = await keys.usage(context, tenant, operation=operation, key_id=key_id)
        return [(one.operation, one.key_id) for one in found.items]

    me = id_of(bearer)
    assert await used("acme") == [
        ("GET /v1/changes", me),
        ("GET /v1/changes/{change_id}", me),
    ]
    assert await used("globex") == [("GET /v1/changes", id_of(other))]
    assert await used("acme", operation="change_id") == [("GET /v1/changes/{change_id}", me)]
    assert await used("acme", key_id="tk_none") == []
    page = await keys.usage(context, "acme", limit=1)
    rest = await keys.usage(context, "acme", limit=1, after=page.next)
    assert [one.operation for one in (*page.items, *rest.items)] == [
        "GET /v1/changes",
        "GET /v1/changes/{change_id}",
    ]
    assert rest.next is None


def test_every_operation_has_an_owner_and_a_state(app: FastAPI) -> None:
    told = {
        f"{method.upper()} {path}": (each["x-owner"], each["x-state"])
        for path, methods in app.openapi()["paths"].items()
        if path.startswith("/v1")
        for method, each in methods.items()
    }
    assert told["GET /v1/invoices"] == ("finance", "stable")
    assert told["POST /v1/amendments/preview"] == ("finance", "preview")
    assert {owner for owner, _ in told.values()} == {team.value for team in OWNERS.values()}


@pytest.mark.usefixtures("acme")
async def test_an_operation_that_ends_says_so_in_every_answer(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch, bearer: str
) -> None:
    ending = Ending(
        deprecated=datetime(2027, 1, 1, tzinfo=UTC),
        sunset=datetime(2027, 7, 1, tzinfo=UTC),
        instead="/v1/invoices",
    )
    monkeypatch.setitem(ENDING, "GET /v1/changes/{change_id}", ending)

    async def told(scope: Scope, receive: Receive, send: Send) -> None:
        await app(scope, receive, telling(scope, send))

    transport = httpx.ASGITransport(told, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
        sent = {"authorization": f"Bearer {bearer}"}
        for path, status in (("chg_acme_next", 200), ("chg_none", 404)):
            answer = await client.get(f"/v1/changes/{path}", headers=sent)
            assert answer.status_code == status
            # RFC 9745, 2: a date of structured fields; RFC 8594, 3: an HTTP date.
            assert answer.headers["deprecation"] == "@1798761600"
            assert answer.headers["sunset"] == "Thu, 01 Jul 2027 00:00:00 GMT"
            assert answer.headers["link"] == '</v1/invoices>; rel="successor-version"'
        assert "deprecation" not in (await client.get("/v1/changes", headers=sent)).headers


async def test_short_lists_are_read_page_by_page(
    context: AppContext, database: Database, acme: Ids
) -> None:
    async with database.transaction() as conn:
        for name in ("stripe", "tryton", "zendesk"):
            await conn.execute(
                "insert into breakers (tenant, connection, state) values (%s, %s, 'closed') "
                "on conflict do nothing",
                (acme.tenant, name),
            )
    for name in ("ada", "fay"):
        new = NewPerson(name=name, roles=(Role.ADMIN,))
        await people.add(context, "acme", new, by="tester")
        await keys.create(context, "acme", name, ("events:read",))

    async def whole(page: Callable[..., Awaitable[Any]], limit: int) -> list[Any]:
        seen: list[Any] = []
        following: str | None = None
        while True:
            found: Page[Any] = await page(context, "acme", after=following, limit=limit)
            assert len(found.items) <= limit
            seen += found.items
            following = found.next
            if following is None:
                return seen

    for page in (connections.list_, people.list_, keys.list_):
        one_by_one = await whole(page, 1)
        assert len(one_by_one) >= 2
        assert one_by_one == await whole(page, 50)
        with pytest.raises(Invalid, match="cursor"):
            await page(context, "acme", after="bm9uZQ")
