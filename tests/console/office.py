"""People of acme at their browsers, in the real application."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from fastapi import FastAPI

from canonical_models.acts import Role
from console.app import create_app
from console.guard import Entrance
from operations import sign_in
from operations.context import AppContext
from runtime.settings import SignInSettings
from tests.console.conftest import browsing, csrf_in
from tests.harness.people import joined

#: One of each role, and a second one of finance.
PEOPLE = {
    "fay": Role.FINANCE,
    "chris": Role.FINANCE,
    "sam": Role.SUPPORT,
    "olu": Role.OPERATIONS,
    "ada": Role.VIEWER,
    "kim": Role.ADMIN,
}


def console_of(context: AppContext) -> FastAPI:
    return create_app(Entrance(context, SignInSettings()))


@asynccontextmanager
async def at_desk(
    app: FastAPI, name: str, *, tenant: str = "acme", role: Role | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody's browser, with a session as a sign-in makes it."""
    entrance: Entrance = app.state.entrance
    person = await joined(entrance.context.database, tenant, name, role or PEOPLE[name])
    token = await sign_in.begin(entrance.context, person, "10.0.0.1", entrance.settings)
    async with browsing(app) as browser:
        browser.cookies.set("trueup", token, domain="127.0.0.1")
        yield browser


_INPUT = re.compile(r"<input\b[^>]*>")


def form_to(page: httpx.Response, action: str) -> dict[str, str]:
    """What the browser would send of the form of the page that goes to an address ending so, and
    names the same decision where there is one: `.../decide correct`."""
    path, _, named = action.partition(" ")
    for form in re.findall(r"<form\b.*?</form>", page.text, re.DOTALL):
        to = re.search(r'action="([^"]*)"', form)
        inputs = (
            dict(re.findall(r'\b(name|value)="([^"]*)"', each)) for each in _INPUT.findall(form)
        )
        fields = {each["name"]: each["value"] for each in inputs if len(each) == 2}
        if to and to[1].endswith(path) and named in {"", fields.get("action")}:
            return fields
    raise AssertionError(f"no form to {action} on {page.url}")


async def fills(
    browser: httpx.AsyncClient,
    at: str,
    action: str,
    /,
    *,
    sent_to: str | None = None,
    **fields: str,
) -> httpx.Response:
    """Opens the page, fills the form in, sends it; `fields` with a dot are written with `__`."""
    page = await browser.get(at)
    assert page.status_code == 200, page.text
    given = {name.replace("__", "."): value for name, value in fields.items()}
    known = form_to(page, action)
    assert known["csrf"] == csrf_in(page)
    return await browser.post(sent_to or action_of(page, action), data={**known, **given})


def action_of(page: httpx.Response, action: str) -> str:
    path = action.partition(" ")[0]
    found = re.search(rf'action="([^"]*{re.escape(path)})"', page.text)
    assert found is not None
    return found[1]
