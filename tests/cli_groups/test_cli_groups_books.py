"""Documents, accounts and differences as operators see them, and what they decide of documents."""

from datetime import timedelta

from cli.output import ExitCode
from persistence import documents
from persistence.database import Database
from tests.api.seeding import Ids, change_row, exception_row
from tests.api.seeding_books import NOON, asked, erp_of, post, show
from tests.cli_groups.conftest import Trueup
from tests.harness.flow import write
from tests.harness.rows import add


async def test_an_invoice_is_drawn_with_both_sides(trueup: Trueup, acme: Ids) -> None:
    shown = await trueup("invoices", "show", acme.invoice)
    assert shown.code == 0, shown.err
    for words in (
        f"invoice {acme.mark} of customer cus_acme, subscription sub_acme: open in billing",
        "in the ERP part_paid",
        "seconds ago; billing shows part_paid of it",
        f"Posted by change {acme.change('done')}",
        f"INV-{acme.mark}",
        "at 19 %",
        "22.80 EUR (DE-19)",
        "0.00 EUR",
        "pi_acme",
        "settled",
        "the books wait",
        "dunning%2Facme%2Fin_acme",
    ):
        assert words in shown.out, words
    (gross,) = [line for line in shown.out.splitlines() if line.startswith("gross")]
    assert gross.count("142.80 EUR") == 2
    by_number = await trueup("invoices", "show", f"INV-{acme.mark}", "-o", "json")
    assert by_number.json["document"]["document_id"] == acme.invoice
    assert by_number.json["posted"]["taxes"][0]["code"] == "DE-19"


async def test_a_list_shows_what_is_between_billing_and_the_erp(trueup: Trueup, acme: Ids) -> None:
    lines = (await trueup("invoices", "list")).out.splitlines()
    (posted,) = [line for line in lines if line.startswith("in_acme\t")]
    (alone,) = [line for line in lines if line.startswith("in_acme_alone")]
    assert posted.rstrip().endswith("part_paid")
    assert "0.00 EUR" in posted
    assert alone.count("142.80 EUR") == 3
    assert alone.rstrip().endswith("unposted")
    one = await trueup("invoices", "list", "--number", acme.mark, "-o", "json")
    assert [row["invoice_id"] for row in one.json["items"]] == [acme.invoice]


async def test_one_document_is_held_corrected_linked_and_released(
    trueup: Trueup, acme: Ids, database: Database
) -> None:
    held = await trueup(
        "invoices", "hold", "in_acme_alone", "--reason", "disputed", "--until", "2099-12-31"
    )
    assert held.code == 0, held.err
    assert "held until 2099-12-31" in held.out
    assert "Acted on by change chg_" in held.err
    drawn = (await trueup("invoices", "show", "in_acme_alone")).out
    assert "Held until 2099-12-31 by anna: disputed" in drawn
    again = await trueup(
        "invoices", "hold", "in_acme_alone", "--reason", "disputed", "--until", "2099-12-31"
    )
    assert "It was so already" in again.err
    released = await trueup("invoices", "release", "in_acme_alone", "-o", "json")
    assert released.json["changed"]
    corrected = await trueup(
        *("invoices", "correct", "in_acme_alone", "--tax-code", "DE-RC", "--date", "2026-12-01")
    )
    assert corrected.code == 0, corrected.err
    linked = await trueup("invoices", "link", "in_acme_alone", "INV-77", "--key", "k")
    assert linked.code == 0, linked.err
    drawn = (await trueup("invoices", "show", "in_acme_alone")).out
    assert (
        "Corrected by anna: tax code DE-RC, booked on 2026-12-01, is ERP document INV-77." in drawn
    )
    async with database.transaction() as conn:
        record = await documents.get(conn, "acme", "in_acme_alone")
    assert record is not None
    assert record.correction is not None
    assert record.correction.by == "anna"


async def test_many_documents_are_decided_after_a_look(
    trueup: Trueup, acme: Ids, database: Database
) -> None:
    """What is posted, what is younger and what is another customer's stays as it is."""
    posted = asked("in_posted", acme.customer, None, issued_at=NOON - timedelta(days=9))
    async with database.transaction() as conn:
        for place in range(3):
            made = asked(
                f"in_{place}", acme.customer, "sub_9", issued_at=NOON - timedelta(days=place)
            )
            await show(conn, "acme", made)
        await show(conn, "acme", posted, asked("in_theirs", "cus_9", None))
        await post(conn, "acme", posted, erp_of(posted, "INV-1"), change="chg_1")
    words = (
        *("invoices", "skip", "--customer", acme.customer, "--before", "2026-11-20"),
        *("--reason", "booked by hand"),
    )
    dry = await trueup(*words, "--dry-run", "-o", "json")
    chosen = [row["invoice_id"] for row in dry.json["items"]]
    assert chosen == ["in_acme_alone", "in_1", "in_2"]
    assert (dry.json["dry_run"], dry.json["change_ids"]) == (True, [])
    async with database.transaction() as conn:
        untouched = await documents.named(conn, "acme", chosen)
    assert [record.hold for record in untouched.values()] == [None] * 3
    told = await trueup(*words, "--dry-run")
    assert "3 documents would be decided; nothing has changed." in told.err

    done = await trueup(*words, "-o", "json")
    assert [row["hold"]["kind"] for row in done.json["items"]] == ["skipped"] * 3
    assert len(done.json["change_ids"]) == 2
    shown = await trueup("changes", "list", "--subscription", "sub_9", "-o", "json")
    assert [change["documents"] for change in shown.json["items"]] == [["in_1", "in_2"]]
    none = await trueup(*words)
    assert none.code == 0
    assert "no document of these takes the decision" in none.err
    back = await trueup(
        "invoices", "release", "--customer", acme.customer, "--before", "2099-01-01"
    )
    assert "3 documents decided." in back.err


async def test_an_account_is_drawn_and_looked_at(
    trueup: Trueup, acme: Ids, database: Database
) -> None:
    async with database.transaction() as conn:
        await add(
            conn,
            exception_row(
                acme, "exc_account", "next", belongs_to=acme.account, code="master_data_changed"
            ),
        )
    shown = await trueup("accounts", "show", acme.customer)
    assert shown.code == 0, shown.err
    for words in (
        f"ERP party {acme.mark} in DE, support organisation org_1",
        "Master data: asked",
        "decide exc_account",
        "50.00 EUR",
        "in_acme_alone",
        "master data changed at plan and post",
    ):
        assert words in shown.out, words
    asked_for = await trueup("accounts", "sync", acme.customer, "-o", "json")
    assert not asked_for.json["already"]
    again = await trueup("accounts", "sync", acme.customer)
    assert f"trueup changes show {asked_for.json['change_id']}" in again.err
    drawn = (await trueup("changes", "show", asked_for.json["change_id"])).out
    assert f"account of the account of customer {acme.customer}" in drawn
    waited = await trueup("accounts", "sync", acme.customer, "--wait", "--timeout", "1")
    assert waited.code == ExitCode.FAILED


async def test_changes_of_an_account_are_listed_by_its_customer(
    trueup: Trueup, acme: Ids, database: Database
) -> None:
    async with database.transaction() as conn:
        await add(
            conn, change_row(acme, "acct", "pending", subject=acme.account, subscription_id=None)
        )
    listed = await trueup("changes", "list", "--subject", acme.account)
    assert acme.change("acct") in listed.out
    assert acme.account in listed.out
    assert acme.change("done") not in listed.out


async def test_differences_end_with_one_and_agreement_with_nought(
    trueup: Trueup, acme: Ids, database: Database
) -> None:
    found = await trueup("differences")
    assert found.code == ExitCode.FAILED
    for words in (f"alone-{acme.mark}", "142.80 EUR", "not_posted", "operations"):
        assert words in found.out, words
    assert "have it looked at anew: `trueup accounts sync cus_acme`" in found.err
    as_json = await trueup("differences", "--customer", acme.customer, "-o", "json")
    assert as_json.code == ExitCode.FAILED
    assert [row["key"] for row in as_json.json["items"]] == ["in_acme_alone"]
    other = await trueup("differences", "--owner", "support")
    assert (other.code, other.out) == (ExitCode.OK, "")
    await write(database, "delete from documents where state = 'seen'")
    agrees = await trueup("differences", "-o", "json")
    assert (agrees.code, agrees.json["items"]) == (ExitCode.OK, [])
    helped = (await trueup("differences", "--help")).out
    assert "Exits with 1 when there is a difference, and with 0 when there is none." in helped
