"""Every difference between billing and the ERP has a cause in a word, and somebody who mends it."""

from datetime import timedelta
from typing import Any

import pytest

from canonical_models.documents import SettlementKind
from canonical_models.failures import Team
from canonical_models.reconciliation import About, Cause, Repair
from canonical_models.records import Hold, HoldKind
from operations import differences
from persistence import documents
from persistence.database import Database
from persistence.tables.reconciliation import DifferenceRow
from tests.api.conftest import Call
from tests.api.seeding import Ids, change_row, exception_row
from tests.api.seeding_books import (
    BOOKS_FROM,
    NOON,
    asked,
    enter,
    erp_of,
    euros,
    move,
    movement,
    post,
    show,
)
from tests.harness.flow import write
from tests.harness.rows import add
from tests.harness.subscriptions import void


@pytest.fixture
async def quiet(database: Database, acme: Ids) -> Ids:
    """Nothing is under way and nobody is asked; one document is not in the books."""
    await write(
        database,
        "update changes set state = 'settled', outcome = 'no_change' where state <> 'settled'",
    )
    await write(
        database,
        "update exceptions set state = 'resolved', resolution = 'cancelled' where state = 'open'",
    )
    return acme


async def found(call: Call, query: str = "") -> list[dict[str, Any]]:
    answer = await call("GET", f"/v1/differences{query}", "invoices:read")
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def one(call: Call, query: str = "") -> dict[str, Any]:
    (only,) = await found(call, query)
    return only


async def test_what_is_not_posted_has_an_owner(call: Call, quiet: Ids, database: Database) -> None:
    row = await one(call)
    assert (row["about"], row["key"], row["what"]) == ("document", "in_acme_alone", "gross")
    assert (row["billing"]["minor"], row["erp"]["minor"]) == (14280, 0)
    assert row["difference"]["minor"] == 14280
    assert (row["cause"], row["owner"], row["legal_entity"]) == ("not_posted", "operations", "DE")
    assert "have it looked at anew" in row["sentence"]

    async with database.transaction() as conn:
        await add(conn, change_row(quiet, "acct", "pending", subject=quiet.account))
    row = await one(call)
    assert (row["cause"], row["change_id"]) == ("under_way", quiet.change("acct"))

    async with database.transaction() as conn:
        await add(
            conn,
            exception_row(
                quiet,
                "exc_tax",
                "acct",
                belongs_to=quiet.account,
                code="tax_mismatch",
                subject="in_acme_alone",
                message="other codes",
            ),
        )
    row = await one(call)
    assert (row["cause"], row["owner"], row["exception_id"]) == (
        "tax_mismatch",
        "finance",
        "exc_tax",
    )
    assert row["sentence"] == "other codes"
    await write(database, "update exceptions set subject = 'in_other' where id = 'exc_tax'")
    assert (await one(call))["sentence"] == "waits behind another question: other codes"
    await write(database, "update exceptions set track = 'access' where id = 'exc_tax'")
    assert (await one(call))["cause"] == "under_way"
    # A plan that cannot be made holds up all of the change; a debt that is asked for does not.
    await write(database, "update exceptions set track = 'process' where id = 'exc_tax'")
    assert (await one(call))["exception_id"] == "exc_tax"
    await write(database, "update exceptions set workflow_id = 'dunning/x' where id = 'exc_tax'")
    assert (await one(call))["cause"] == "under_way"


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (HoldKind.HELD, "held back by anna on 2026-11-20: disputed"),
        (HoldKind.SKIPPED, "skipped by anna on 2026-11-20: disputed"),
        (HoldKind.ABORTED, "taken back out of the books by anna on 2026-11-20: disputed"),
    ],
)
async def test_what_somebody_keeps_out_says_who_and_why(
    kind: HoldKind, words: str, call: Call, quiet: Ids, database: Database
) -> None:
    hold = Hold(kind=kind, reason="disputed", by="anna", at=NOON)
    async with database.transaction() as conn:
        await documents.hold(conn, "acme", "in_acme_alone", hold)
    row = await one(call)
    assert (row["cause"], row["by"], row["owner"]) == (kind.value, "anna", "finance")
    assert row["sentence"] == words


async def test_a_hold_that_has_ended_keeps_nothing_out(
    call: Call, quiet: Ids, database: Database
) -> None:
    hold = Hold(
        kind=HoldKind.HELD, reason="x", by="anna", at=NOON, until=NOON.date() - timedelta(days=9)
    )
    async with database.transaction() as conn:
        await documents.hold(conn, "acme", "in_acme_alone", hold)
    row = await one(call)
    assert row["cause"] == "not_posted"
    assert row["sentence"].startswith("its hold has ended, but no change is under way")


async def test_what_policy_leaves_out_says_so(call: Call, quiet: Ids, database: Database) -> None:
    plan = '{"books": {"left_out": {"in_acme_alone": "held by rule: partner"}}}'
    async with database.transaction() as conn:
        await add(
            conn, change_row(quiet, "acct", "settled", subject=quiet.account, outcome="no_change")
        )
    await write(
        database,
        "update changes set plan = cast(%(plan)s as jsonb) where id = %(id)s",
        plan=plan,
        id=quiet.change("acct"),
    )
    row = await one(call)
    assert (row["cause"], row["by"]) == ("left_out", "policy")
    assert row["sentence"] == "left out by policy: held by rule: partner"


@pytest.mark.parametrize(
    ("erp", "what", "cause", "amounts"),
    [
        ({"net": euros(11000)}, "gross", "gross_differs", (14280, 13280, 1000)),
        ({"net": euros(12280), "tax": euros(2000)}, "tax", "tax_differs", (2280, 2000, 280)),
        ({"open": euros(0)}, "open", "open_differs", (14280, 0, 14280)),
    ],
)
async def test_other_amounts_in_the_erp_are_shown_with_both_sides(
    erp: dict[str, Any],
    what: str,
    cause: str,
    amounts: tuple[int, int, int],
    call: Call,
    quiet: Ids,
    database: Database,
) -> None:
    document = asked("in_other", "cus_other", "sub_other")
    async with database.transaction() as conn:
        await show(conn, "acme", document)
        await post(conn, "acme", document, erp_of(document, "INV-5", **erp), change="chg_5")
    row = await one(call, "?customer=cus_other")
    assert (row["what"], row["cause"], row["owner"]) == (what, cause, "finance")
    minors = tuple(row[side]["minor"] for side in ("billing", "erp", "difference"))
    assert minors == amounts
    assert "INV-5" in row["sentence"]


async def test_what_is_void_and_still_stands_is_a_difference(
    call: Call, quiet: Ids, database: Database
) -> None:
    document = asked("in_void", "cus_void", "sub_void")
    async with database.transaction() as conn:
        await show(conn, "acme", document)
        await post(conn, "acme", document, erp_of(document, "INV-6"), change="chg_6")
        await show(conn, "acme", void(document))
    row = await one(call, "?customer=cus_void")
    assert (row["cause"], row["difference"]["minor"]) == ("void", -14280)
    async with database.transaction() as conn:
        await documents.reversed_(conn, "acme", "in_void", erp=None, hold=None)
    assert await found(call, "?customer=cus_void") == []


async def test_what_the_process_before_us_has_is_no_difference(
    call: Call, quiet: Ids, database: Database
) -> None:
    old = asked("in_old", "cus_old", None, issued_at=BOOKS_FROM.replace(year=2025))
    async with database.transaction() as conn:
        await show(conn, "acme", old)
    assert await found(call, "?customer=cus_old") == []


async def test_money_that_went_back_without_a_credit_note_is_a_debt(
    call: Call, quiet: Ids, database: Database
) -> None:
    lost = movement("dp_1", -4280, None, kind=SettlementKind.DISPUTE, about="in_acme")
    async with database.transaction() as conn:
        await move(conn, "acme", quiet.customer, lost, subject=quiet.subscription)
        await enter(conn, "acme", lost, "2026/8", settles=None)
    row = (await found(call))[-1]
    assert (row["about"], row["key"], row["number"]) == ("debt", "in_acme", quiet.mark)
    assert (row["billing"]["minor"], row["erp"]["minor"], row["difference"]["minor"]) == (
        0,
        4280,
        -4280,
    )
    assert (row["cause"], row["owner"]) == ("debt_reopened", "finance")
    async with database.transaction() as conn:
        await add(
            conn, exception_row(quiet, "exc_debt", "done", code="debt_reopened", subject="dp_1")
        )
    assert (await found(call))[-1]["exception_id"] == "exc_debt"

    won = movement("dp_1/won", 4280, None, kind=SettlementKind.DISPUTE_WON, about="in_acme")
    async with database.transaction() as conn:
        await move(conn, "acme", quiet.customer, won, subject=quiet.subscription)
    assert [row["about"] for row in await found(call)] == ["document"]


async def test_money_for_what_was_written_off_pays_no_debt(
    call: Call, quiet: Ids, database: Database
) -> None:
    off = movement("in_off/write-off", 14280, "in_off", kind=SettlementKind.WRITE_OFF)
    late = movement("pi_late", 14280, None, about="in_off")
    back = movement("re_1", -1000, None, kind=SettlementKind.REFUND, about="in_off")
    document = asked("in_off", "cus_off", None, settlements=(off,))
    async with database.transaction() as conn:
        await show(conn, "acme", document)
        await post(conn, "acme", document, erp_of(document, "INV-7"), change="chg_7")
        await move(conn, "acme", "cus_off", late, back)
    row = await one(call, "?customer=cus_off")
    assert (row["about"], row["difference"]["minor"]) == ("debt", -1000)


async def test_balance_that_the_erp_was_not_told_of_is_a_difference(
    call: Call, quiet: Ids, database: Database
) -> None:
    gift = movement("gift", 5000, None, kind=SettlementKind.GOODWILL)
    early = movement(
        "old", 900, None, kind=SettlementKind.GOODWILL, at=BOOKS_FROM - timedelta(days=1)
    )
    async with database.transaction() as conn:
        await move(conn, "acme", quiet.customer, gift, early)
    row = (await found(call))[-1]
    assert (row["about"], row["key"], row["cause"]) == ("balance", quiet.customer, "not_entered")
    assert (row["billing"]["minor"], row["erp"]["minor"], row["difference"]["minor"]) == (
        5000,
        0,
        5000,
    )
    assert "gift" in row["sentence"]
    async with database.transaction() as conn:
        await enter(conn, "acme", gift, "2026/5", settles=None)
    assert [row["about"] for row in await found(call)] == ["document"]


def doubled(about: About, key: str) -> DifferenceRow:
    """As a comparison writes it down; of a document the amounts are known."""
    known = about is About.DOCUMENT
    return DifferenceRow(
        tenant="acme",
        about=about.value,
        key=key,
        what="doubled",
        system="erp",
        customer_id="cus_1",
        subject="sub_1",
        legal_entity="DE",
        cause=Cause.BY_HAND.value,
        owner=Team.FINANCE.value,
        repair=Repair.IN_ERP.value,
        opened_at=NOON,
        seen_at=NOON,
        currency="EUR" if known else None,
        billing_minor=100 if known else None,
        erp_minor=300 if known else None,
    )


async def test_what_comparisons_have_found_comes_last_by_pages(
    call: Call, quiet: Ids, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many are read at a time, each is listed once and in one order."""
    monkeypatch.setattr(differences, "_PAGE", 2)
    about = [*((About.DOCUMENT, f"in_{number}") for number in range(5)), (About.REVENUE, "rev")]
    async with database.transaction() as conn:
        for place in range(3):
            await show(conn, "acme", asked(f"in_seen_{place}", "cus_1", "sub_1"))
        await add(conn, *(doubled(each, key) for each, key in about))
    every = [
        "in_acme_alone",
        *(f"in_seen_{place}" for place in range(3)),
        *(f"in_{number}" for number in range(5)),
        "rev",
    ]
    for limit in (1, 3, 50):
        seen: list[str] = []
        path = f"/v1/differences?limit={limit}"
        while path:
            answer = await call("GET", path, "invoices:read")
            assert answer.status_code == 200, answer.text
            seen += [row["key"] for row in answer.json()["items"]]
            path = answer.links["next"]["url"] if "next" in answer.links else ""
        assert seen == every, limit
    rows = {row["key"]: row for row in await found(call, "?limit=50")}
    assert rows["in_3"]["difference"] == {"minor": -200, "currency": "EUR"}
    assert rows["rev"]["difference"] is None


async def test_differences_are_filtered_and_paged(
    call: Call, quiet: Ids, database: Database
) -> None:
    async with database.transaction() as conn:
        for place in range(3):
            # All at one instant: the cursor must tell equals apart.
            await show(conn, "acme", asked(f"in_{place}", f"cus_{place}", f"sub_{place}"))
            owed = movement(f"re_{place}", -100, None, kind=SettlementKind.REFUND)
            gift = movement(f"gift_{place}", 100, None, kind=SettlementKind.GOODWILL)
            await move(conn, "acme", f"cus_{place}", owed, gift)
    every = [
        *("in_acme_alone", "in_0", "in_1", "in_2"),
        *("re_0", "re_1", "re_2", "cus_0", "cus_1", "cus_2"),
    ]
    for limit in (1, 2, 3, 10):
        seen: list[str] = []
        path = f"/v1/differences?limit={limit}"
        while path:
            answer = await call("GET", path, "invoices:read")
            seen += [row["key"] for row in answer.json()["items"]]
            path = answer.links["next"]["url"] if "next" in answer.links else ""
        assert seen == every, limit
    assert [row["key"] for row in await found(call, "?customer=cus_1")] == ["in_1", "re_1", "cus_1"]
    assert [row["key"] for row in await found(call, "?owner=finance")] == ["re_0", "re_1", "re_2"]
    assert [row["key"] for row in await found(call, "?entity=DE")] == ["in_acme_alone"]
    assert await found(call, "?owner=support") == []
    await write(database, "delete from settlements where document_id is null")
    await write(database, "delete from documents where state = 'seen'")
    assert await found(call) == []
