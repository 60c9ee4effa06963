"""Accounts by the command line: where they stand, being brought; and what subscriptions became."""

from canonical_models.mapping import AccountMapping
from persistence import mappings
from persistence.database import Database
from tests.api.seeding import Ids
from tests.cli_groups.conftest import Trueup


async def mapped(database: Database, *customers: str) -> None:
    async with database.transaction() as conn:
        for customer in customers:
            mapping = AccountMapping(
                billing_customer=customer,
                erp_party=f"P-{customer}",
                support_organization=customer,
                legal_entity="DE",
            )
            await mappings.put(conn, "acme", mapping, by="tester")


async def test_accounts_are_placed_listed_and_shown(
    trueup: Trueup, acme: Ids, database: Database
) -> None:
    await mapped(database, "cus_top")
    placed = await trueup(
        *("accounts", "place", acme.customer, "--parent", "cus_top", "--payer", "cus_top"),
        *("--external", "crm:15"),
    )
    assert placed.code == 0, placed.err
    stands = "Stands below cus_top, paid by cus_top; crm calls it 15."
    assert stands in placed.err
    listed = await trueup("accounts", "list", "--called", "crm:15", "-o", "json")
    assert [row["customer_id"] for row in listed.json["items"]] == [acme.customer]
    shown = await trueup("accounts", "show", acme.customer)
    assert stands in shown.out
    top = await trueup("accounts", "show", "cus_top")
    assert f"Below it: {acme.customer}" in top.out
    assert f"Pays for: {acme.customer}" in top.out

    cycle = await trueup("accounts", "place", "cus_top", "--parent", acme.customer)
    assert cycle.code == 2
    assert f"{acme.customer} under cus_top" in cycle.err
    wrong = await trueup("accounts", "place", "cus_top", "--external", "crm")
    assert (wrong.code, "PROGRAM:ID" in wrong.err) == (2, True)
    # What is not given is nobody.
    alone = await trueup("accounts", "place", acme.customer)
    assert "Stands below nobody, paid by itself." in alone.err


async def test_an_account_is_brought_as_far_as_billing_answers(
    trueup: Trueup, acme: Ids, database: Database
) -> None:
    said = await trueup("accounts", "open", "cus_new", "--dry-run")
    assert said.code == 0, said.err
    assert "would be underway: What would become of it cannot be told now." in said.err
    assert "billing cannot be asked" in said.err
    async with database.transaction() as conn:
        found = await conn.execute("select count(*) from account_places")
        assert await found.fetchone() == (0,)


async def test_what_a_subscription_became_is_a_row_a_document(trueup: Trueup, acme: Ids) -> None:
    shown = await trueup("subscriptions", "orders", acme.subscription)
    assert shown.code == 0, shown.err
    (row,) = [line for line in shown.out.splitlines() if acme.invoice in line]
    for word in (acme.change("done"), f"INV-{acme.mark}", "part_paid", "142.80"):
        assert word in row
    whole = await trueup("subscriptions", "orders", acme.subscription, "--limit", "1", "-o", "json")
    assert len(whole.json["items"]) == 1
    assert whole.json["next"]
