"""A yes by HTTP: of people with their roles, each for exactly what was shown."""

from typing import Any

import httpx
import pytest

from canonical_models.acts import Role
from persistence import approvals
from persistence.database import Database
from tests.api.conftest import Call
from tests.api.seeding import Ids
from tests.api.yes import ASKED, asks_for_a_yes
from tests.harness.people import personal_key


@pytest.fixture
async def waiting(database: Database, acme: Ids) -> Ids:
    await asks_for_a_yes(database, acme)
    return acme


class Person:
    def __init__(self, api: httpx.AsyncClient, key: str) -> None:
        self._api, self._sent = api, {"authorization": f"Bearer {key}"}

    async def shown(self) -> dict[str, Any]:
        found: dict[str, Any] = (
            await self._api.get("/v1/exceptions/exc_yes", headers=self._sent)
        ).json()
        return found

    async def approves(self, **said: Any) -> httpx.Response:
        return await self._api.post(
            "/v1/exceptions/exc_yes/resolve",
            headers=self._sent,
            json={"action": "approve", **said},
        )


async def person(api: httpx.AsyncClient, database: Database, name: str, *roles: Role) -> Person:
    return Person(api, await personal_key(database, "acme", name, *roles))


async def test_the_first_of_two_is_kept_and_the_second_is_handed_over(
    api: httpx.AsyncClient, database: Database, waiting: Ids
) -> None:
    fay = await person(api, database, "fay", Role.FINANCE)
    dana = await person(api, database, "dana", Role.FINANCE)
    digest = (await fay.shown())["digest"]
    first = await fay.approves(digest=digest, note="agreed with the customer")
    assert (first.status_code, first.json()["became"]) == (200, "needs_another")
    assert first.json()["exception"]["state"] == "open"
    assert first.json()["decision"]["shown_digest"] == digest

    approval = (await dana.shown())["approval"]
    (standing,) = approval["standing"]
    assert (standing["given"], standing["missing"]) == (["fay"], 1)
    assert standing["need"]["why"] == "credits 80.00 EUR, more than 20 EUR"
    again = await fay.approves()
    assert (again.status_code, again.json()["detail"]) == (
        409,
        f"fay has approved {waiting.invoice} already",
    )
    # The saga takes it as soon as one runs.
    second = await dana.approves(digest=digest)
    assert (second.status_code, second.json()["became"]) == (202, "kept")


async def test_who_may_not_is_told_who_can(
    api: httpx.AsyncClient, database: Database, call: Call, waiting: Ids
) -> None:
    await personal_key(database, "acme", "fay", Role.FINANCE)
    otto = await person(api, database, "otto", Role.OPERATIONS)
    refused = await otto.approves()
    assert refused.status_code == 403
    assert f"otto may not approve {waiting.invoice}" in refused.json()["detail"]
    assert "it needs the yes of 2 people of finance: fay" in refused.text
    # A program has no role.
    program = await call("POST", "/v1/exceptions/exc_yes/resolve", json={"action": "approve"})
    assert program.status_code == 403
    assert (await otto.shown())["approval"]["said"] == []


async def test_what_was_shown_is_what_is_approved(
    api: httpx.AsyncClient, database: Database, waiting: Ids
) -> None:
    fay = await person(api, database, "fay", Role.FINANCE)
    digest = (await fay.shown())["digest"]
    async with database.transaction() as conn:
        await approvals.ask(
            conn, "acme", waiting.invoice, ASKED.model_copy(update={"content": "d" * 64})
        )
    late = await fay.approves(digest=digest)
    assert late.status_code == 409
    assert "asks something else than what was looked at" in late.json()["detail"]
    assert (await fay.approves(digest=(await fay.shown())["digest"])).status_code == 200
