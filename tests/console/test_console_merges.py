"""An organisation that agents have merged away at the desk: the form of its case is filled in with
the one that it went into, and a person confirms it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from canonical_models.decisions import Target
from connectors.config import ConnectionConfig
from connectors.zendesk.adapter import ZendeskTicketing
from operations.context import AppContext
from persistence import decisions
from persistence.database import Database
from sandbox.simulators.child import running_child
from tests.api.seeding import exception_row, seeded
from tests.console.office import at_desk, console_of, fills, form_to
from tests.harness.flow import write
from tests.harness.rows import add

TOKEN = "t0ken"
AT = "/acme/cases/exc_gone"


@dataclass
class Desk:
    """Zendesk with its agents; `at` is its address."""

    at: str

    async def does(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        who = ("agent@example.com/token", TOKEN)
        async with httpx.AsyncClient(auth=who, trust_env=False) as client:
            answer = await client.post(f"{self.at}/api/v2/{path}", json=body)
        assert answer.is_success, answer.text
        made: dict[str, Any] = answer.json()
        return made

    async def organization(self, external_id: str) -> int:
        given = {"name": f"the one of {external_id}", "external_id": external_id}
        made = await self.does("organizations", {"organization": given})
        return int(made["organization"]["id"])

    def port(self, _: str) -> ZendeskTicketing:
        return ZendeskTicketing.connect(
            ConnectionConfig(
                name="support",
                vendor="zendesk",
                base_url=self.at,
                secrets={"token": SecretStr(TOKEN)},
                options={"email": "sync@example.com"},
                timeout_seconds=2,
            )
        )


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    arguments = ("--state", str(tmp_path / "zendesk.sqlite"), "--token", TOKEN)
    async with running_child("sandbox.simulators.zendesk", *arguments) as child:
        yield Desk(child.url)


@pytest.fixture
async def gone(database: Database, desk: Desk) -> int:
    """A case of a customer whose organisation `org_1` Zendesk has no more; its id there."""
    ids = await seeded(database, "acme")
    known = await desk.organization("org_1")
    async with database.transaction() as conn:
        row = exception_row(
            ids,
            "exc_gone",
            "waits",
            track="access",
            code="organization_unknown",
            system="support",
            subject="org_1",
            customer_id=ids.customer,
            owner="support",
        )
        await add(conn, row)
    await write(
        database,
        "update effects set writes_set = 'organization:acme/org_1', vendor_reference = %(known)s "
        "where step = 'support.entitlement'",
        known=str(known),
    )
    return known


@pytest.fixture
def office(context: AppContext, desk: Desk) -> FastAPI:
    return console_of(replace(context, support=desk.port))


async def merged(desk: Desk, gone: int, heir: str) -> None:
    into = {"organization_merge": {"winner_id": await desk.organization(heir)}}
    await desk.does(f"organizations/{gone}/merge", into)


async def test_the_form_is_filled_in_with_where_it_went(
    office: FastAPI, desk: Desk, gone: int, database: Database
) -> None:
    await merged(desk, gone, "org_2")
    async with at_desk(office, "fay") as fay:
        shown = await fay.get(AT)
        assert "support has merged org_1 into org_2" in shown.text
        filled = form_to(shown, "/decide correct")
        assert filled["account.billing_customer"] == "cus_acme"
        assert filled["account.support_organization"] == "org_2"
        assert filled["account.erp_party"] == "owned-by-acme"
        assert filled["account.legal_entity"] == "DE"
        # Nothing has to be typed.
        done = await fills(fay, AT, "/decide correct")
        assert done.status_code == 303, done.text
    async with database.transaction() as conn:
        (made,) = await decisions.on(conn, "acme", Target.EXCEPTION, "exc_gone")
    account = (made.after or {})["account"]
    assert (account["support_organization"], account["legal_entity"]) == ("org_2", "DE")


async def test_one_that_was_deleted_proposes_nothing(
    office: FastAPI, desk: Desk, gone: int
) -> None:
    async with httpx.AsyncClient(
        auth=("agent@example.com/token", TOKEN), trust_env=False
    ) as client:
        deleted = await client.delete(f"{desk.at}/api/v2/organizations/{gone}")
        assert deleted.is_success
    async with at_desk(office, "fay") as fay:
        shown = await fay.get(AT)
        assert "Filled in" not in shown.text
        filled = form_to(shown, "/decide correct")
        assert filled["account.billing_customer"] == "cus_acme"
        assert not filled.get("account.support_organization")
