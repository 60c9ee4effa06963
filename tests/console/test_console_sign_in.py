"""Signing in by password: sessions, the one sentence, and what many tries come to."""

import asyncio

import httpx
import pytest
from fastapi import FastAPI
from structlog.testing import capture_logs

from canonical_models.acts import Act, Role
from operations import people, sign_in
from operations.context import AppContext
from operations.permissions import Thing, Yes, may
from persistence.database import Database
from runtime import security
from runtime.settings import SignInSettings
from tests.console.conftest import PASSWORD, browsing, enters, sends
from tests.harness.people import joined

SETTINGS = SignInSettings()


def token_of(browser: httpx.AsyncClient) -> str:
    return browser.cookies["trueup"]


async def past(database: Database, column: str, by: str) -> None:
    async with database.transaction() as conn:
        await conn.execute(f"update sessions set {column} = {column} - interval '{by}'".encode())


async def test_who_signs_in_has_a_session_and_who_leaves_has_none(
    browser: httpx.AsyncClient, fay: str, database: Database
) -> None:
    assert (await browser.get("/me")).status_code == 401
    came = await enters(browser)
    assert (came.status_code, came.headers["location"]) == (303, "/")
    assert came.headers["cache-control"] == "no-store"
    token = token_of(browser)
    assert len(token) >= 43
    async with database.statement() as conn:
        rows = await (await conn.execute("select * from sessions")).fetchall()
    assert token not in str(rows)
    assert "<h1>fay</h1>" in (await browser.get("/me")).text

    left = await sends(browser, "/sign-out")
    assert left.headers["clear-site-data"] == '"cache", "cookies", "storage"'
    browser.cookies.set("trueup", token)
    assert (await browser.get("/me")).status_code == 401


@pytest.mark.parametrize(
    ("home", "named"),
    [("http://127.0.0.1", "trueup"), ("https://console.example", "__Host-trueup")],
)
async def test_the_cookie_is_as_strict_as_the_place_allows(
    app: FastAPI, fay: str, home: str, named: str
) -> None:
    async with browsing(app, home=home) as browser:
        cookie = (await enters(browser)).headers["set-cookie"]
    assert cookie.startswith(f"{named}=")
    words = {word.strip().lower() for word in cookie.split(";")[1:]}
    assert {"httponly", "samesite=lax", "path=/"} <= words
    assert ("secure" in words) == home.startswith("https")
    assert not any(word.startswith("domain") for word in words)


async def test_a_sign_in_has_a_new_session_and_ends_the_one_before(
    browser: httpx.AsyncClient, fay: str, context: AppContext
) -> None:
    browser.cookies.set("trueup", "chosen-by-somebody-else", domain="127.0.0.1")
    await enters(browser)
    first = token_of(browser)
    assert first != "chosen-by-somebody-else"
    await enters(browser)
    assert token_of(browser) != first
    assert await sign_in.found(context, first, SETTINGS) is None
    assert await sign_in.found(context, token_of(browser), SETTINGS) is not None


@pytest.mark.parametrize(
    ("column", "by", "there"),
    [
        ("seen_at", "59 minutes", True),
        ("seen_at", "61 minutes", False),
        ("ends_at", "11 hours", True),
        ("ends_at", "12 hours", False),
    ],
)
async def test_a_session_ends_when_nobody_uses_it_and_some_day_anyway(
    browser: httpx.AsyncClient, fay: str, database: Database, column: str, by: str, there: bool
) -> None:
    await enters(browser)
    await past(database, column, by)
    assert ((await browser.get("/me")).status_code == 200) == there
    if there:
        # It was used just now.
        await past(database, "seen_at", "59 minutes")
        assert (await browser.get("/me")).status_code == 200


async def test_a_role_is_read_anew_and_who_is_removed_is_out_at_once(
    browser: httpx.AsyncClient, fay: str, context: AppContext
) -> None:
    await joined(context.database, "acme", "ada", Role.ADMIN)
    await enters(browser)
    token = token_of(browser)

    async def may_map() -> bool:
        found = await sign_in.found(context, token, SETTINGS)
        assert found is not None
        within = found.within("acme")
        assert within is not None
        assert found.within("globex") is None
        return may(within, Act.MAPPINGS_WRITE, Thing("acme")) == Yes()

    assert await may_map()
    await people.set_roles(context, "acme", "fay", (Role.VIEWER,), by="ada")
    assert not await may_map()
    await people.remove(context, "acme", "fay", by="ada")
    assert (await browser.get("/me")).status_code == 401
    assert (await enters(browser)).status_code == 401


async def test_a_new_password_ends_every_session(
    browser: httpx.AsyncClient, fay: str, context: AppContext
) -> None:
    await enters(browser)
    await sign_in.set_password(context, fay, "another horse battery")
    assert (await browser.get("/me")).status_code == 401
    assert (await enters(browser)).status_code == 401
    assert (await enters(browser, "another horse battery")).status_code == 303


async def test_every_refusal_is_one_sentence(
    app: FastAPI, browser: httpx.AsyncClient, fay: str, context: AppContext
) -> None:
    await joined(context.database, "acme", "sam", Role.SUPPORT)
    answers = [
        await enters(browser, "wrong"),
        await enters(browser, name="nobody"),
        await enters(browser, name="sam"),
        await enters(browser, name="fay\0"),
        await enters(browser, "x" * 5000),
        await enters(browser, ""),
        *[await enters(browser, "wrong") for _ in range(6)],
        await browser.post("/sign-in", content=b"\xff\xfe"[:0]),
    ]
    assert {(answer.status_code, answer.text) for answer in answers} == {(401, answers[0].text)}


async def test_another_site_signs_nobody_in_or_out(browser: httpx.AsyncClient, fay: str) -> None:
    sent = {"name": "fay", "password": PASSWORD}
    for headers in (
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ):
        for path in ("/sign-in", "/sign-out"):
            assert (await browser.post(path, data=sent, headers=headers)).status_code == 403
    own = {"origin": "http://127.0.0.1", "sec-fetch-site": "same-origin"}
    assert (await browser.post("/sign-in", data=sent, headers=own)).status_code == 303


async def test_a_form_is_bounded(browser: httpx.AsyncClient) -> None:
    assert (await browser.post("/sign-in", content=b"a=" + b"x" * 20_000)).status_code == 413
    assert (await browser.post("/sign-in", content=b"&".join([b"a=b"] * 200))).status_code == 422
    assert (await browser.post("/sign-in", content=b"name=\xff")).status_code == 422


async def later(database: Database, by: str) -> None:
    async with database.transaction() as conn:
        await conn.execute(
            f"update sign_in_failures set last_at = last_at - interval '{by}', "
            f"waits_until = waits_until - interval '{by}'".encode()
        )


async def test_many_tries_wait_and_the_right_password_too(
    browser: httpx.AsyncClient, fay: str, database: Database
) -> None:
    for _ in range(6):
        assert (await enters(browser, "wrong")).status_code == 401
    assert (await enters(browser)).status_code == 401
    await later(database, "11 seconds")
    assert (await enters(browser)).status_code == 303
    # And nothing is left of it.
    for _ in range(5):
        await enters(browser, "wrong")
    assert (await enters(browser)).status_code == 303


async def test_a_wait_doubles_up_to_a_quarter_of_an_hour(
    browser: httpx.AsyncClient, fay: str, database: Database
) -> None:
    for _ in range(5):
        await enters(browser, "wrong")
    waits = []
    for _ in range(12):
        await enters(browser, "wrong")
        async with database.statement() as conn:
            found = await conn.execute(
                "select extract(epoch from max(waits_until - last_at)) from sign_in_failures"
            )
            waits.append(int((await found.fetchone() or (0,))[0]))
        await later(database, "16 minutes")
    assert waits[:4] == [10, 20, 40, 80]
    assert waits[-1] == 900


async def test_a_hundred_tries_at_once_are_a_hundred(
    browser: httpx.AsyncClient, fay: str, database: Database
) -> None:
    answers = await asyncio.gather(*(enters(browser, f"wrong {n}") for n in range(30)))
    assert {answer.status_code for answer in answers} == {401}
    async with database.statement() as conn:
        found = await conn.execute("select max(failures) from sign_in_failures")
        (most,) = await found.fetchone() or (0,)
    # Of the rest nothing was looked at.
    assert most == 6
    assert (await enters(browser)).status_code == 401


async def test_nobody_locks_out_who_is_known(
    app: FastAPI, browser: httpx.AsyncClient, fay: str, database: Database
) -> None:
    await enters(browser)
    for number in range(25):
        async with browsing(app, address=f"10.9.0.{number}") as stranger:
            await enters(stranger, "wrong")
    async with browsing(app, address="10.9.1.1") as elsewhere:
        # From where nobody has signed in the account waits, for a minute at most.
        assert (await enters(elsewhere)).status_code == 401
        assert (await enters(browser)).status_code == 303
    async with database.statement() as conn:
        found = await conn.execute(
            "select count(*) from sign_in_failures where waits_until > now() + interval '1 minute'"
        )
        assert await found.fetchone() == (0,)


async def test_an_address_that_tries_many_accounts_waits(
    app: FastAPI, browser: httpx.AsyncClient, fay: str
) -> None:
    for number in range(31):
        await enters(browser, "wrong", name=f"somebody-{number}")
    assert (await enters(browser)).status_code == 401
    async with browsing(app, address="10.0.0.2") as elsewhere:
        assert (await enters(elsewhere)).status_code == 303


async def test_a_refused_sign_in_is_a_line_of_the_security_log(
    browser: httpx.AsyncClient, fay: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(security, "_LOG", security.SecurityLog())
    with capture_logs() as lines:
        assert (await enters(browser, password="guessed")).status_code == 401
        assert (await enters(browser, name="guessed")).status_code == 401
    told = [line for line in lines if line.get("reason") == "sign_in_refused"]
    assert [line["route"] for line in told] == ["POST /sign-in"] * 2
    assert all(line["address"] for line in told)
    assert "guessed" not in str(told)
