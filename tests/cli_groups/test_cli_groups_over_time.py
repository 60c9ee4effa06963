"""Subscriptions, dunning, renewals and grants as operators see and decide them."""

import pytest

from cli.output import ExitCode
from persistence.database import Database
from tests.api.overdue import overdue
from tests.api.seeding import Ids
from tests.cli_groups.conftest import Trueup
from tests.harness.flow import write
from tests.harness.sagas import Sagas


async def test_a_subscription_is_drawn_with_its_life(
    trueup: Trueup, acme: Ids, database: Database
) -> None:
    await write(database, "update grants set state = 'suspended', reason = 'not paid yet'")
    shown = await trueup("subscriptions", "show", acme.subscription)
    assert shown.code == 0, shown.err
    for words in (
        "(in Europe/Berlin)",
        f"Renews 2026-12-01 00:00 UTC: blocked, 490.00 EUR, {acme.mark}",
        "held back",
        "not paid yet",
        "in_acme",
        "142.80 EUR",
        "pi_acme",
        "Not billed yet: nothing; the ERP shows 30.00 EUR as erp_draft",
        "suspended",
        "product",
        "behind",
    ):
        assert words in shown.out, words
    detail = (await trueup("subscriptions", "show", acme.subscription, "-o", "json")).json
    assert detail["invoices"][0]["erp"]["number"] == f"INV-{acme.mark}"
    assert detail["unbilled"]["shown"]["document_id"] == "erp_draft"


async def test_dunning_and_renewals_are_listed(
    trueup: Trueup, acme: Ids, database: Database
) -> None:
    await write(
        database,
        "update contracts set renews_at = now() + interval '9 days', forecast_for = "
        "now() + interval '9 days'",
    )
    cases = await trueup("dunning", "list")
    assert acme.invoice in cases.out
    assert "suspended" in cases.out
    assert (await trueup("dunning", "list", "-o", "json")).json["items"][0]["case"][
        "reminders"
    ] == 3
    renewals = await trueup("renewals", "list", "--within", "10")
    assert "blocked" in renewals.out
    assert "490.00 EUR" in renewals.out
    assert f"{acme.subscription}: {acme.mark}" in renewals.err
    none = await trueup("renewals", "list", "--within", "8")
    assert (none.code, none.out) == (0, "")
    assert "nothing renews within 8 days" in none.err


async def test_a_grant_lives_through_the_command_line(trueup: Trueup, acme: Ids) -> None:
    words = ("entitlements", "grant", acme.customer, "sso", "--reason", "pilot", "--quantity", "2")
    made = await trueup(*words, "--key", "ticket-1", "-o", "json")
    assert made.code == 0, made.err
    key = made.json["grant"]["grant_id"]
    assert made.json["grant"]["by"] == "anna"
    assert "was so already" in (await trueup(*words, "--key", "ticket-1")).err

    listed = await trueup("entitlements", "list", acme.customer)
    assert f"manual {key} (2)" in listed.out
    held = await trueup("entitlements", "suspend", key, "--reason", "under review")
    assert "suspended" in held.err
    checked = await trueup("entitlements", "check", acme.customer, "sso")
    assert checked.code == 0
    assert "not entitled to sso" in checked.out
    assert "under review" in checked.out
    assert (await trueup("entitlements", "restore", key)).code == 0
    assert "manual" in (await trueup("entitlements", "check", acme.customer, "sso")).out

    grace = await trueup("entitlements", "revoke", key, "--grace-days", "5", "-o", "json")
    assert grace.json["grant"]["status"] == "live"
    later = await trueup(
        "entitlements", "check", acme.customer, "sso", "--at", "2099-01-01", "-o", "json"
    )
    assert not later.json["allowed"]
    assert later.json["because_not"][0]["why"].startswith("ended at")
    assert "ended" in (await trueup("entitlements", "revoke", key)).err
    nobody = await trueup("entitlements", "check", acme.customer, "anything")
    assert "nobody has granted it" in nobody.out


async def test_a_look_is_asked_for_and_not_waited_for_in_vain(
    trueup: Trueup, acme: Ids, database: Database
) -> None:
    asked = await trueup("subscriptions", "sync", acme.subscription)
    assert asked.code == 0
    assert "Follow it with `trueup changes show chg_" in asked.err
    waited = await trueup("subscriptions", "sync", acme.subscription, "--wait", "--timeout", "1")
    assert waited.code == ExitCode.FAILED
    await write(database, "update changes set state = 'settled', outcome = 'no_change'")
    made = (await trueup("subscriptions", "sync", acme.subscription, "-o", "json")).json
    assert not made["already"]
    drawn = (await trueup("changes", "show", made["change_id"])).out
    assert "a person had it looked at" in drawn


@pytest.mark.parametrize("action", ["extend", "credit", "write_off"])
async def test_finance_ends_dunning(action: str, trueup_at_work: Trueup, sagas: Sagas) -> None:
    late = await overdue(sagas)
    key = late.exception.exception_id
    shown = await trueup_at_work("exceptions", "show", key)
    assert "It takes: extend, credit, write_off." in shown.err
    listed = await trueup_at_work("dunning", "list")
    assert f"trueup exceptions resolve {key} extend|credit|write_off" in listed.err
    refused = await trueup_at_work("exceptions", "resolve", key, "retry")
    assert refused.code == ExitCode.USAGE
    assert "decide one of extend, credit, write_off" in refused.err
    taken = await trueup_at_work("exceptions", "resolve", key, action, "--note", "ok", "--wait")
    assert taken.code == 0, taken.err
    assert f"{action} was taken by the process" in taken.err
    assert f"{late.process.workflow_id} goes on" in taken.err
    await late.end()


async def test_the_erp_is_asked_at_once(trueup_at_work: Trueup, sagas: Sagas) -> None:
    late = await overdue(sagas)
    one = await trueup_at_work("invoices", "sync", late.invoice.document_id)
    assert one.code == 0, one.err
    assert "It stands unposted." in one.err
    every = await trueup_at_work("invoices", "sync", "-o", "json")
    assert every.json["finished"]
    assert (await trueup_at_work("invoices", "sync")).code == 0
    await late.end()
