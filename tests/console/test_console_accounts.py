"""Customers' accounts in the console: what would become of one is asked first, then brought about;
what a person has to say leads to their case."""

from dataclasses import replace

import pytest
from fastapi import FastAPI

from canonical_models.commerce import AccountProfile
from canonical_models.failures import RejectionCode
from canonical_models.ledgering import PartyMatch
from canonical_models.policy import AccountPolicy, TenantPolicy
from operations import account_sync
from operations.context import AppContext
from persistence.database import Database
from tests.api.seeding import Ids, exception_row, seeded
from tests.console.office import at_desk, console_of, fills, form_to
from tests.harness.rows import add
from tests.harness.systems import Systems

ACME = Ids("acme")
NEW = "cus_new"


@pytest.fixture
def systems() -> Systems:
    """`cus_new` is a customer in billing, and nowhere else."""
    made = Systems(policy=TenantPolicy(accounts=AccountPolicy(create=True, legal_entity="DE")))
    made.billing.accounts[NEW] = AccountProfile(
        customer_id=NEW, name="Kurz & Lang GmbH", currency="EUR"
    )
    return made


@pytest.fixture
async def app(
    context: AppContext, database: Database, systems: Systems, monkeypatch: pytest.MonkeyPatch
) -> FastAPI:
    """No worker is there: what is begun goes on later."""
    await seeded(database, "acme")
    monkeypatch.setattr(account_sync, "PATIENCE", 0.1)
    acme = context.tenants["acme"].model_copy(update={"policy": systems.tenant.policy})
    return console_of(
        replace(
            context,
            tenants={**context.tenants, "acme": acme},
            billing=lambda _: systems.billing,
            erp=lambda _: systems.erp,
        )
    )


async def test_what_would_become_of_it_is_said_and_nothing_is_done(
    app: FastAPI, systems: Systems, database: Database
) -> None:
    async with at_desk(app, "fay") as fay, at_desk(app, "ada") as ada:
        told = await fills(fay, "/acme/accounts", "/accounts/look", customer_id=NEW)
        assert told.status_code == 200, told.text
        assert f"What would become of {NEW}" in told.text
        assert "It is made in the ERP." in told.text
        assert "Nothing was done." in told.text
        assert "needs " in (await ada.get("/acme/accounts")).text
        systems.erp.known_parties = [
            PartyMatch(party="C-7", by="name"),
            PartyMatch(party="C-9", by="name"),
        ]
        several = await fills(fay, "/acme/accounts", "/accounts/look", customer_id=NEW)
        assert "A person says which account of the ERP it is." in several.text
        assert "C-7" in several.text
        assert "C-9" in several.text
    async with database.statement() as conn:
        found = await conn.execute(
            "select count(*) from account_places where customer_id = %s", (NEW,)
        )
        assert await found.fetchone() == (0,)


async def test_it_is_brought_about_by_a_change_of_its_own(app: FastAPI, database: Database) -> None:
    async with at_desk(app, "fay") as fay:
        looked = await fills(fay, "/acme/accounts", "/accounts/look", customer_id=NEW)
        assert 'value="cus_new"' in looked.text
        made = await fills(
            fay,
            "/acme/accounts",
            "/accounts/look",
            sent_to="/acme/accounts/bring",
            customer_id=NEW,
            parent=ACME.customer,
        )
        assert made.status_code == 303, made.text
        assert made.headers["location"] == f"/acme/accounts/{NEW}?done=account-underway"
        page = (await fay.get(made.headers["location"])).text
        assert "It goes on by itself" in page
        assert "It is being looked at" in page
        assert ACME.customer in page
        assert NEW in (await fay.get(f"/acme/accounts?parent={ACME.customer}")).text
        wrong = await fills(fay, "/acme/accounts", "/accounts/look", customer_id=NEW, parent=NEW)
        assert wrong.status_code == 422
        assert "cannot be its own parent" in wrong.text
        empty = await fills(fay, "/acme/accounts", "/accounts/look", customer_id=" ")
        assert empty.status_code == 422
    async with database.statement() as conn:
        found = await conn.execute(
            "select kind, state from changes where subject = %s", (f"account:{NEW}",)
        )
        assert await found.fetchall() == [("account", "pending")]


async def test_what_a_person_has_to_say_leads_to_their_case(
    app: FastAPI, database: Database
) -> None:
    async with database.transaction() as conn:
        await add(
            conn,
            exception_row(
                ACME,
                "exc_who",
                "waits",
                track="access",
                code=RejectionCode.ACCOUNT_AMBIGUOUS.value,
                belongs_to=ACME.account,
                subject=ACME.customer,
            ),
        )
    async with at_desk(app, "fay") as fay:
        page = (await fay.get(f"/acme/accounts/{ACME.customer}")).text
        assert 'href="/acme/cases/exc_who"' in page
        assert 'href="/acme/kinds/customers"' in page
        assert "See what would become of it" not in page
        assert (await fay.get("/acme/accounts/cus_nobody")).status_code == 404


async def test_where_it_stands_is_said_on_its_page(app: FastAPI) -> None:
    at = f"/acme/accounts/{ACME.customer}"
    async with at_desk(app, "fay") as fay, at_desk(app, "ada") as ada:
        page = await fay.get(at)
        assert 'name="external" value=' in page.text
        said = await fills(fay, at, "/place", external="crm:0015, shop:9")
        assert said.status_code == 303, said.text
        assert said.headers["location"] == f"{at}?done=placed"
        shown = (await fay.get(said.headers["location"])).text
        assert "It stands so from now on." in shown
        assert "crm: 0015, shop: 9" in shown
        assert "<strong>fay</strong>" in shown
        # The form holds what is so: sent as it is, nothing changes.
        again = await fills(fay, at, "/place", external="crm:0015, shop:9")
        assert again.headers["location"] == f"{at}?done=placed-already"
        itself = await fills(fay, at, "/place", parent=ACME.customer, external="crm:16")
        assert itself.status_code == 422
        assert "cannot be its own parent" in itself.text
        assert 'value="crm:16"' in itself.text
        nobody = await fills(fay, at, "/place", payer="cus_nobody")
        assert nobody.status_code == 422
        assert "of whom nothing has arrived" in nobody.text
        for wrong in ("0015", "crm:1, crm:2", "Not A Program:1"):
            refused = await fills(fay, at, "/place", external=wrong)
            assert refused.status_code == 422, wrong
        emptied = await fills(fay, at, "/place", external="")
        assert emptied.status_code == 303
        assert "crm: 0015" not in (await fay.get(at)).text
        theirs = await ada.get(at)
        assert "To say it: needs" in theirs.text
        given = {"csrf": form_to(theirs, "/find")["csrf"]}
        assert (await ada.post(f"{at}/place", data=given)).status_code == 403
