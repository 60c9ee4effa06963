"""Signing in by an identity provider that requires S256, and all that it must not get past."""

import time
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc.jwk import OctKey, RSAKey

from canonical_models.acts import Role
from operations.context import AppContext
from operations.sign_in import NotSignedIn
from persistence import people
from tests.harness.identity_provider import Claims, Idp
from tests.harness.people import joined

FAY = {"sub": "00u-fay", "email": "Fay@example.com", "email_verified": True}


@pytest.fixture
async def outside() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False) as client:
        yield client


@pytest.fixture
async def added(context: AppContext) -> str:
    person_id = await joined(context.database, "acme", "fay", Role.FINANCE)
    async with context.database.transaction() as conn:
        await conn.execute("update people set email = 'fay@example.com' where name = 'fay'")
    return person_id


async def back(browser: httpx.AsyncClient, outside: httpx.AsyncClient) -> str:
    """The path that the provider sends the browser back to."""
    away = await browser.get("/sign-in/provider")
    assert away.status_code == 303
    returned = await outside.get(away.headers["location"])
    assert returned.status_code == 302, returned.text
    url = urlsplit(returned.headers["location"])
    return f"{url.path}?{url.query}"


async def test_whom_the_provider_knows_by_email_is_signed_in_and_known_by_subject_from_then_on(
    browser: httpx.AsyncClient,
    outside: httpx.AsyncClient,
    idp: Idp,
    added: str,
    context: AppContext,
) -> None:
    idp.user = FAY
    came = await browser.get(await back(browser, outside))
    assert (came.status_code, came.headers["location"]) == (303, "/")
    assert "<h1>fay</h1>" in (await browser.get("/me")).text
    async with context.database.statement() as conn:
        known = await people.by_subject(conn, idp.issuer, "00u-fay")
    assert known is not None
    assert known.person_id == added

    # Whoever has that e-mail next is somebody else; who has another now is the same.
    idp.user = {**FAY, "sub": "00u-other"}
    assert (await browser.get(await back(browser, outside))).status_code == 401
    idp.user = {"sub": "00u-fay", "email": "married@example.com", "email_verified": True}
    assert (await browser.get(await back(browser, outside))).status_code == 303


async def test_what_is_sent_to_the_provider(browser: httpx.AsyncClient, idp: Idp) -> None:
    away = await browser.get("/sign-in/provider")
    asked = parse_qs(urlsplit(away.headers["location"]).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["response_type"] == ["code"]
    assert len({asked[name][0] for name in ("state", "nonce", "code_challenge")}) == 3
    again = parse_qs(urlsplit((await browser.get("/sign-in/provider")).headers["location"]).query)
    assert again["state"] != asked["state"]
    cookie = away.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert not any(asked[name][0] in cookie for name in ("state", "nonce", "code_challenge"))


TIMES = ("exp", "iat", "nbf")


def changed(**claims: Any) -> Callable[[Claims], Claims]:
    """Times are seconds from now."""

    def says(said: Claims) -> Claims:
        now = int(time.time())
        return said | {name: now + v if name in TIMES else v for name, v in claims.items()}

    return says


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://evil.example"},
        {"aud": "another-client"},
        {"aud": ["another-client"], "azp": "trueup"},
        {"aud": ["trueup", "another-client"], "azp": "another-client"},
        {"nonce": "of-another-sign-in"},
        {"nonce": ""},
        {"exp": -120},
        {"iat": 600},
        {"nbf": 600},
        {"sub": ""},
        {"email_verified": False},
        {"email_verified": "true"},
        {"email": "nobody@example.com"},
        {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
    ],
)
async def test_a_token_that_is_not_for_this_sign_in_opens_nothing(
    browser: httpx.AsyncClient,
    outside: httpx.AsyncClient,
    idp: Idp,
    added: str,
    claims: Claims,
) -> None:
    idp.user, idp.says = FAY, changed(**claims)
    came = await browser.get(await back(browser, outside))
    assert came.status_code == 401
    assert NotSignedIn().detail in came.text
    assert (await browser.get("/me")).status_code == 401


@pytest.mark.parametrize("off", [-30, 30])
async def test_a_clock_may_be_off_by_some_seconds(
    browser: httpx.AsyncClient, outside: httpx.AsyncClient, idp: Idp, added: str, off: int
) -> None:
    idp.user, idp.says = FAY, changed(iat=off, exp=off)
    assert (await browser.get(await back(browser, outside))).status_code == 303


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [
        ("RS256", RSAKey.generate_key(2048, {"kid": "one"})),
        ("HS256", OctKey.import_key("s3cret-that-is-long-enough-for-it", {"kid": "one"})),
    ],
    ids=["another key", "a shared secret"],
)
async def test_what_the_provider_has_not_signed_opens_nothing(
    browser: httpx.AsyncClient,
    outside: httpx.AsyncClient,
    idp: Idp,
    added: str,
    algorithm: str,
    key: Any,
) -> None:
    idp.user, idp.algorithm, idp.signs_with = FAY, algorithm, key
    assert (await browser.get(await back(browser, outside))).status_code == 401


async def test_a_key_that_the_provider_has_changed_is_known(
    browser: httpx.AsyncClient, outside: httpx.AsyncClient, idp: Idp, added: str
) -> None:
    idp.user = FAY
    assert (await browser.get(await back(browser, outside))).status_code == 303
    idp.key = RSAKey.generate_key(2048, {"kid": "one"})
    assert (await browser.get(await back(browser, outside))).status_code == 303


async def test_nobody_ends_a_sign_in_that_another_browser_began(
    browser: httpx.AsyncClient, outside: httpx.AsyncClient, idp: Idp, added: str
) -> None:
    idp.user = FAY
    path = await back(browser, outside)
    browser.cookies.clear()
    assert (await browser.get(path)).status_code == 401
    await browser.get("/sign-in/provider")
    assert (await browser.get(path)).status_code == 401


@pytest.mark.parametrize(
    "change", ["state=x", "code=x", "code=", "iss=https%3A%2F%2Fevil.example", "error=denied&code="]
)
async def test_an_answer_that_was_changed_opens_nothing(
    browser: httpx.AsyncClient, outside: httpx.AsyncClient, idp: Idp, added: str, change: str
) -> None:
    idp.user = FAY
    path, _, query = (await back(browser, outside)).partition("?")
    names = [pair.partition("=")[0] for pair in change.split("&")]
    kept = [pair for pair in query.split("&") if pair.partition("=")[0] not in names]
    assert (await browser.get(f"{path}?{'&'.join([*kept, change])}")).status_code == 401


async def test_a_code_works_once(
    browser: httpx.AsyncClient, outside: httpx.AsyncClient, idp: Idp, added: str
) -> None:
    idp.user = FAY
    path = await back(browser, outside)
    cookies = dict(browser.cookies)
    assert (await browser.get(path)).status_code == 303
    browser.cookies.clear()
    browser.cookies.update(cookies)
    assert (await browser.get(path)).status_code == 401


async def test_a_provider_that_is_away_is_told_as_that(
    browser: httpx.AsyncClient, outside: httpx.AsyncClient, idp: Idp, added: str
) -> None:
    idp.issuer = "http://127.0.0.1:9"
    assert (await browser.get("/sign-in/provider")).status_code == 503


async def test_whom_nobody_has_added_is_refused(
    browser: httpx.AsyncClient, outside: httpx.AsyncClient, idp: Idp
) -> None:
    idp.user = FAY
    assert (await browser.get(await back(browser, outside))).status_code == 401
