"""What holds for every answer of the console: headers, files, forms, and who is told what."""

import hashlib
import re
import tomllib

import httpx
import pytest
from fastapi import FastAPI
from structlog.testing import capture_logs

from canonical_models.mends import MENDS
from console import assets
from console.headers import POLICY
from console.words_of_causes import CAUSES
from operations import people
from operations.context import AppContext
from tests.console.conftest import csrf_in, enters, routes_of, sends

VENDORED = assets.FOLDER / "vendor"


async def test_every_answer_says_what_a_browser_may(browser: httpx.AsyncClient, fay: str) -> None:
    await enters(browser)
    for path in ("/me", "/sign-in", "/nothing/here", "/healthz"):
        answer = await browser.get(path)
        assert answer.headers["content-security-policy"] == POLICY
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert "server" not in answer.headers


def test_the_policy_lets_nothing_in_line_run() -> None:
    rules = dict(rule.strip().split(" ", 1) for rule in POLICY.split(";"))
    assert rules["script-src"] == rules["style-src"] == rules["form-action"] == "'self'"
    assert rules["default-src"] == rules["frame-ancestors"] == rules["base-uri"] == "'none'"
    assert "unsafe" not in POLICY


def test_what_is_ours_is_small() -> None:
    """As it is sent: scripts 8 KB, the style sheet 8 KB."""
    own = {name: each for name, each in assets.assets().items() if "vendor" not in name}
    scripts = [len(each.packed) for name, each in own.items() if name.endswith(".js")]
    styles = [len(each.packed) for name, each in own.items() if name.endswith(".css")]
    assert len(scripts) >= 4
    assert sum(scripts) <= 8 * 1024
    assert sum(styles) <= 8 * 1024


async def test_what_a_page_took_is_told_by_its_route_alone(
    browser: httpx.AsyncClient, fay: str
) -> None:
    await enters(browser)
    with capture_logs() as logs:
        await browser.get("/me")
        await browser.get("/acme/cases/exc_secret?done=x")
        await browser.get("/healthz")
        await browser.get("/nothing")
    told = [each for each in logs if each["event"] == "page"]
    assert [(each["route"], each["status"]) for each in told] == [
        ("/me", 200),
        ("/{company}/cases/{exception_id}", 404),
        ("none", 404),
    ]
    assert all(
        each.keys() == {"event", "log_level", "route", "method", "status", "ms"} for each in told
    )
    assert "secret" not in str(told)


async def test_a_file_is_kept_for_good_under_its_digest_alone(browser: httpx.AsyncClient) -> None:
    page = (await browser.get("/sign-in")).text
    found = re.findall(r'(?:href|src)="(/static/[^"]+)"', page)
    assert len(found) >= 3
    for path in found:
        answer = await browser.get(path)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["content-encoding"] == "gzip"
        digest = path.split("/")[2]
        assert hashlib.sha256(answer.content).hexdigest().startswith(digest)
        assert (await browser.get(path.replace(digest, "0" * 16))).status_code == 404
    for outside in ("/static/0/../app.py", "/static/0/%2e%2e/app.py"):
        assert (await browser.get(outside)).status_code == 404


def test_what_others_wrote_is_as_their_packages_have_it() -> None:
    listed = tomllib.loads((VENDORED / "vendored.toml").read_text(encoding="utf-8"))
    there = {path.name for path in VENDORED.iterdir() if path.suffix in {".js", ".css"}}
    assert listed.keys() == there
    for name, said in listed.items():
        assert hashlib.sha256((VENDORED / name).read_bytes()).hexdigest() == said["sha256"]
        assert (VENDORED / said["text"]).read_text(encoding="utf-8").strip()
        assert said["license"] in {"0BSD", "MIT"}
    assert listed["htmx.min.js"]["version"] == "2.0.11"


def test_templates_hold_no_script_no_style_and_nothing_that_is_not_escaped() -> None:
    folder = assets.FOLDER.parent / "templates"
    names = list(folder.rglob("*.html"))
    assert len(names) > 5
    for path in names:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"\|\s*safe|autoescape|\sstyle=|\son\w+=|hx-on|js:", text), path
        # What a request carries besides is JSON that Jinja has made.
        assert not re.search(r"hx-vals(?!='\{\{ \{[^}]*\}\|tojson \}\}')", text), path
        assert not re.search(r"<script(?![^>]*\ssrc=)|<style", text), path


def test_every_cause_has_words() -> None:
    assert {str(code) for code in CAUSES} == {str(code) for code in MENDS}


async def test_a_form_of_another_session_or_none_does_nothing(
    app: FastAPI, browser: httpx.AsyncClient, fay: str
) -> None:
    await enters(browser)
    own = csrf_in(await browser.get("/me"))
    posts = [
        route.path
        for route in routes_of(app)
        if "POST" in (route.methods or ()) and "/sign-in" not in route.path
    ]
    assert "/sign-out" in posts
    for path in posts:
        to = re.sub(r"\{\w+\}", "acme", path)
        for sent in ({}, {"csrf": ""}, {"csrf": "0" * 64}, {"csrf": own[::-1]}):
            answer = await browser.post(to, data=sent)
            assert answer.status_code == 403, (path, sent)
        foreign = {"origin": "https://evil.example"}
        assert (await browser.post(to, data={"csrf": own}, headers=foreign)).status_code == 403
    assert (await browser.get("/me")).status_code == 200


async def test_whoever_is_not_signed_in_comes_back_to_where_they_wanted(
    browser: httpx.AsyncClient, fay: str
) -> None:
    asked = await browser.get("/me?done=password")
    assert asked.status_code == 401
    assert 'name="back" value="/me?done=password"' in asked.text
    sent = {"name": "fay", "password": "correct horse battery"}
    came = await browser.post("/sign-in", data={**sent, "back": "/me?done=password"})
    assert came.headers["location"] == "/me?done=password"
    for back in ("https://evil.example", "//evil.example", "/\\evil.example", "me", ""):
        came = await browser.post("/sign-in", data={**sent, "back": back})
        assert came.headers["location"] == "/"


async def test_a_link_signs_one_person_in_once(
    browser: httpx.AsyncClient, fay: str, context: AppContext
) -> None:
    invited = await people.invite(context, "acme", "fay")
    for _ in range(2):
        # To look at it takes nothing up.
        shown = await browser.get(f"/sign-in/link/{invited.invitation}")
        assert (shown.status_code, "fay" in shown.text) == (200, False)
    sent = {"invitation": invited.invitation}
    assert (await browser.post("/sign-in/link", data=sent)).status_code == 303
    assert "<h1>fay</h1>" in (await browser.get("/me")).text
    browser.cookies.clear()
    assert (await browser.post("/sign-in/link", data=sent)).status_code == 401
    assert (await browser.post("/sign-in/link", data={"invitation": "ti_x"})).status_code == 401


async def test_a_new_password_keeps_this_browser_alone_signed_in(
    browser: httpx.AsyncClient, fay: str
) -> None:
    await enters(browser)
    short = await sends(browser, "/me/password", password="short")
    assert short.status_code == 422
    assert "12 to 256 characters" in short.text
    before = browser.cookies["trueup"]
    changed = await sends(browser, "/me/password", password="another horse battery")
    assert changed.headers["location"] == "/me?done=password"
    assert (await browser.get("/me")).status_code == 200
    assert browser.cookies["trueup"] != before
    browser.cookies.clear()
    assert (await enters(browser)).status_code == 401


@pytest.mark.parametrize("path", ["/acme/nothing", "/me/nothing", "/static/x/y"])
async def test_what_there_is_not_says_so(browser: httpx.AsyncClient, fay: str, path: str) -> None:
    await enters(browser)
    assert (await browser.get(path)).status_code == 404
