"""Many causes of one kind as a sheet: kept row by row, proposed and taken, as a file both ways,
then foreseen, tried on one and released as one list."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from fastapi import FastAPI
from temporalio.testing import WorkflowEnvironment

from canonical_models.batch import BatchState
from canonical_models.commerce import AccountProfile
from canonical_models.documents import PostalAddress, TaxId
from canonical_models.ledgering import PartyMatch
from canonical_models.looked_up import LookedUp
from canonical_models.mends import LookUp
from canonical_models.policy import AccountPolicy, TenantPolicy
from console import tables
from operations.context import AppContext
from operations.proposing import customer
from persistence.database import Database
from runtime.settings import TenantSettings
from tests.api.seeding import Ids, exception_row, seeded
from tests.api.stuck import stuck
from tests.batches.bulk import Bulk, at_work
from tests.console.conftest import csrf_in
from tests.console.office import at_desk, console_of, fills, form_to
from tests.console.test_console_deciding import mapped_to
from tests.harness.rows import add
from tests.harness.sagas import sagas_at_work
from tests.harness.script import Script
from tests.harness.scripted_billing import Billing
from tests.harness.scripted_erp import Erp
from tests.harness.systems import Systems

ACME = Ids("acme")
AT = "/acme/kinds/customers"


class Asked(Billing):
    """Billing that knows who its customers are."""

    async def account(self, customer_id: str) -> AccountProfile:
        return AccountProfile(
            customer_id=customer_id,
            name=f"Firma {customer_id}",
            address=PostalAddress(country="DE"),
            tax_ids=(TaxId(kind="eu_vat", value=f"DE{customer_id[-1] * 9}"),),
        )


class Matching(Erp):
    """One party fits each customer, and two fit cus_2."""

    async def parties(self, profile: AccountProfile) -> tuple[PartyMatch, ...]:
        one = PartyMatch(party=f"C-{profile.customer_id[-1]}", by="tax_id")
        if profile.customer_id == "cus_2":
            return (one, PartyMatch(party="C-9", by="name"))
        return (one,)


@pytest.fixture
async def waiting(database: Database) -> list[str]:
    """Four customers of whom nobody has said which account they are; the ids of their causes."""
    ids = await seeded(database, "acme")
    async with database.transaction() as conn:
        for number in range(1, 5):
            row = exception_row(
                ids,
                f"exc_{number}",
                "waits" if number == 1 else "done",
                code="account_unmapped",
                subject=f"cus_{number}",
                customer_id=f"cus_{number}",
                track="books" if number < 3 else "access",
            )
            row.change_id = f"chg_of_{number}"
            await add(conn, row)
        found = await conn.execute(
            "select id from causes where tenant = 'acme' and code = 'account_unmapped' "
            "order by subject"
        )
        return [str(row[0]) for row in await found.fetchall()]


@pytest.fixture
def asking(context: AppContext, tenant_settings: TenantSettings) -> FastAPI:
    """With systems that answer."""
    script = Script()
    policy = TenantPolicy(accounts=AccountPolicy(legal_entity="LE-DE"))
    known = {"acme": tenant_settings.model_copy(update={"policy": policy})}
    erp = Matching(script)
    erp.has[LookUp.PARTY] = [
        LookedUp(id="C-1", name="Acme GmbH"),
        LookedUp(id="C-8", name="Acme Old GmbH", blocked="it is deactivated"),
    ]
    return console_of(
        replace(context, tenants=known, billing=lambda _: Asked(script), erp=lambda _: erp)
    )


async def test_rows_are_kept_one_by_one_and_what_is_wrong_stays_typed(
    waiting: list[str], asking: FastAPI
) -> None:
    one, two, three, _ = waiting
    async with at_desk(asking, "fay") as fay, at_desk(asking, "chris") as chris:
        seen = form_to(await chris.get(AT), "/rows")
        assert seen[f"{one}.support_organization"] == "cus_1"
        kept = await fills(
            fay,
            AT,
            "/rows",
            **{
                f"{one}__erp_party": "C-1",
                f"{one}__legal_entity": "LE-DE",
                f"{two}__erp_party": "C-7",
            },
        )
        # Of two without their legal entity none but the other is kept, and says so where it is.
        assert kept.status_code == 422
        assert "1 row was not kept" in kept.text
        assert 'value="C-7"' in kept.text
        assert kept.text.count("fill this in") == 1
        assert "1 filled" in kept.text
        # Of two who fill in the same row one is first; what the other has typed is kept.
        sent = {**seen, f"{one}.erp_party": "C-5", f"{one}.legal_entity": "LE-DE"}
        late = await chris.post(f"{AT}/rows", data=sent)
        assert late.status_code == 409
        assert "fay has filled in cus_1" in late.text
        assert 'value="C-5"' in late.text
        again = {**form_to(late, "/rows"), f"{one}.erp_party": "C-5"}
        assert (await chris.post(f"{AT}/rows", data=again)).status_code == 303
        shown = (await fay.get(AT)).text
        assert re.search(r"filled</strong> by chris", shown)
        # Who has seen the page before, and touches another row, is no part of that.
        sent = {**seen, f"{three}.erp_party": "C-3", f"{three}.legal_entity": "LE-DE"}
        sent["csrf"] = csrf_in(await fay.get("/me"))
        assert (await fay.post(f"{AT}/rows", data=sent)).status_code == 303
        assert "2 filled" in (await fay.get(AT)).text
        sent = {**form_to(await fay.get(AT), "/rows"), f"{three}.erp_party": ""}
        assert (await fay.post(f"{AT}/rows", data=sent)).status_code == 303
        # What is emptied is said of nobody.
        sent = {**form_to(await fay.get(AT), "/rows"), f"{one}.erp_party": ""}
        assert (await fay.post(f"{AT}/rows", data=sent)).status_code == 303
        assert "0 filled" in (await fay.get(AT)).text
        assert three in shown


async def test_what_nobody_has_looked_up_is_looked_up_while_somebody_looks(
    waiting: list[str], asking: FastAPI
) -> None:
    """By whoever may fill it in, and as long as the systems answer."""
    by_itself = f'hx-post="{AT}/propose" hx-trigger="load"'
    async with at_desk(asking, "fay") as fay, at_desk(asking, "sam") as sam:
        assert by_itself in (await fay.get(AT)).text
        assert by_itself not in (await sam.get(AT)).text
        silent = await fay.get(f"{AT}?done=silent")
        assert "did not answer in time" in silent.text
        assert by_itself not in silent.text
        for _ in range(2):
            looked = await fills(fay, AT, "/propose")
            assert looked.headers["location"] == f"{AT}?done=proposed"
        shown = (await fay.get(AT)).text
        assert by_itself not in shown
        assert len(waiting) == 4


async def test_what_is_proposed_counts_once_taken_and_what_is_ambiguous_is_chosen(
    waiting: list[str], asking: FastAPI
) -> None:
    async with at_desk(asking, "fay") as fay:
        assert "4 not looked up yet" in (await fay.get(AT)).text
        assert (await fills(fay, AT, "/propose")).status_code == 303
        shown = await fay.get(AT)
        assert "4 to fill · 0 filled · 3 proposed" in shown.text
        assert "Firma cus_1" in shown.text
        assert "2 fit, choose" in shown.text
        # A proposal is in no field.
        assert not re.search(r'name="[^"]+\.erp_party" value="C-', shown.text)
        taken = {**form_to(shown, "/rows"), "take": waiting[0]}
        assert (await fay.post(f"{AT}/rows", data=taken)).status_code == 303
        assert "3 to fill · 1 filled · 2 proposed" in (await fay.get(AT)).text
        assert (await fills(fay, AT, "/take-all")).status_code == 303
        shown = await fay.get(AT)
        assert "1 to fill · 3 filled · 0 proposed" in shown.text
        assert f'name="{waiting[1]}.erp_party" value=""' in shown.text
        assert f'name="{waiting[2]}.erp_party" value="C-3"' in shown.text


async def test_a_table_goes_down_and_comes_up_whole_or_not_at_all(
    waiting: list[str], asking: FastAPI
) -> None:
    async with at_desk(asking, "fay") as fay, at_desk(asking, "sam") as sam:
        down = await sam.get(f"{AT}/table")
        lines = down.text.removeprefix("\ufeff").splitlines()
        assert lines[0].startswith('"billing_customer","erp_party","support_organization"')
        assert any(line.startswith('"cus_1","","cus_1",') for line in lines)
        for text, why in (
            ("cus_1,=1+1,o,LE", "is a formula"),
            ("cus_9,C-1,o,LE", "nothing waits for it"),
            ("cus_1,C-1,o,LE\ncus_1,C-2,o,LE", "more than once"),
            ("cus_1,C-1,o", "legal_entity: fill this in"),
            ("cus_1,C-1,o,LE,,,,9,x", "more cells"),
            ("", "nothing in it"),
        ):
            refused = await fills(
                fay, AT, "/import", text=f"cus_2,C-2,cus_2,LE-DE\n{text}" if text else ""
            )
            assert refused.status_code == 422, text
            assert why in refused.text, text
            assert "0 filled" in refused.text
            assert why != "nothing waits for it" or 'figure">2</td><td>cus_9' in refused.text
        filled = down.text.replace('"cus_1","","cus_1",""', '"cus_1","\'+C","cus_1","LE-DE"')
        csrf = csrf_in(await fay.get(AT))
        sent = await fay.post(
            f"{AT}/import", data={"csrf": csrf}, files={"file": ("t.csv", filled, "text/csv")}
        )
        assert sent.status_code == 303, sent.text
        assert sent.headers["location"].endswith("done=rows")
        assert 'value="+C"' in (await fay.get(AT)).text
        # The same table again is no news; one that is older than what stands there is refused.
        csrf = csrf_in(await fay.get(AT))
        other = filled.replace("'+C", "D")
        late = await fay.post(
            f"{AT}/import", data={"csrf": csrf}, files={"file": ("t.csv", other, "text/csv")}
        )
        assert late.status_code == 422
        assert "fay has filled it in since the table was made" in late.text
        refused = await sam.post(f"{AT}/import", data={"csrf": csrf_in(await sam.get(AT))})
        assert refused.status_code == 403


async def test_what_a_field_names_is_looked_up_with_what_is_blocked(
    waiting: list[str], asking: FastAPI
) -> None:
    del waiting
    async with at_desk(asking, "fay") as fay:
        csrf = csrf_in(await fay.get(AT))
        asked = {"csrf": csrf, "look": "party x.erp_party", "x.erp_party": "acme", "id": "f"}
        part = await fay.post("/acme/look-up", data=asked, headers={"hx-request": "true"})
        assert '<option value="C-8">Acme Old GmbH (it is deactivated)</option>' in part.text
        whole = await fay.post("/acme/look-up", data=asked)
        assert "<h1>" in whole.text
        assert "it is deactivated" in whole.text
        assert (await fay.post("/acme/look-up", data={**asked, "look": "x"})).status_code == 422
        asked = {"csrf": csrf, "look": "organization x.o", "x.o": "acme"}
        assert "cannot be asked" in (await fay.post("/acme/look-up", data=asked)).text


def test_who_it_is_for_certain_is_proposed_and_nobody_else() -> None:
    fits = PartyMatch(party="C-1", by="name")
    for matches, entity, sure in (
        ((fits,), "LE", True),
        ((fits,), None, False),
        ((), "LE", False),
        ((fits, PartyMatch(party="C-2", by="tax_id")), "LE", False),
        ((PartyMatch(party="C-1", by="tax_id", contradicts=("country",)),), "LE", False),
        ((PartyMatch(party="C-1", by="tax_id", active=False),), "LE", False),
    ):
        told = customer("cus_1", (), matches, entity)
        assert (told.mend is not None) == sure, matches
        assert len(told.candidates) == len(matches)


def test_cells_go_down_as_text_and_come_up_as_they_were() -> None:
    for cell in ("=1", "+49", "-5", "@x", "'=1", "plain", "it's", ""):
        if cell.startswith("'"):
            continue
        assert tables.up(tables.down(cell)) == cell
    for cell in ("=1", " =1", "+1", "@x", "-1"):
        with pytest.raises(tables.Formula):
            tables.up(cell)
    assert tables.read("a;b\n1;2\n\n3", ["a", "b"], most=9) == [
        (2, {"a": "1", "b": "2"}),
        (4, {"a": "3"}),
    ]
    with pytest.raises(tables.Unreadable):
        tables.read("a\nb\nc", ["x"], most=2)


@pytest.fixture
async def bulk(temporal: WorkflowEnvironment, database: Database) -> AsyncIterator[Bulk]:
    async with (
        sagas_at_work(temporal.client, database, Systems()) as working,
        at_work(working) as made,
    ):
        yield made


async def test_a_sheet_is_foreseen_tried_on_one_and_released_as_one_list(
    bulk: Bulk, database: Database
) -> None:
    waits = [await stuck(bulk.sagas, of=item) for item in ("new", "newer", "newest")]
    at = "/acme/kinds/items"
    async with at_desk(console_of(bulk.context), "fay") as fay:
        assert "Items without an ERP article (3)" in (await fay.get("/acme/work")).text
        causes = [each.exception.cause_id for each in waits]
        made = await fills(
            fay,
            at,
            "/rows",
            then="preview",
            **{f"{causes[0]}__erp_item": "A", f"{causes[1]}__erp_item": "B"},
        )
        assert made.status_code == 303, made.text
        preview = made.headers["location"]
        await bulk.came_to(preview.rpartition("/")[2], BatchState.ENDED)
        looked_at = await fay.get(preview)
        assert re.search(r"will go through</dt><dd>2<", looked_at.text)
        begun = await fills(fay, preview, "/release", rate="6000", reason="all have articles")
        assert begun.status_code == 303, begun.text
        release = begun.headers["location"]
        await bulk.came_to(release.rpartition("/")[2], BatchState.PAUSED)
        async with database.transaction() as conn:
            assert [await mapped_to(conn, item) for item in ("new", "newer")] == [[], []]
        assert "Release the other 1" in (await fay.get(release)).text
        assert (await fills(fay, release, "/resume")).status_code == 303
        await bulk.came_to(release.rpartition("/")[2], BatchState.ENDED)
        async with database.transaction() as conn:
            found = [await mapped_to(conn, item) for item in ("new", "newer", "newest")]
        assert found == [["A"], ["B"], []]
        assert "Items without an ERP article (1)" in (await fay.get(at)).text
    await waits[2].handle.terminate()
