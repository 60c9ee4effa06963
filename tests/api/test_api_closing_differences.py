"""Which differences keep a month open, what is done about each, and which of them may stand."""

from datetime import UTC, datetime

import pytest

from canonical_models.closing import CurrencyTotals, Figures, Next, PeriodDifference
from canonical_models.decisions import DecisionMade, Entrance, Target
from canonical_models.money import Money
from canonical_models.reconciliation import About, Cause, Repair
from operations import closing_differences
from operations.closing_differences import ACCEPT, WITHDRAW
from operations.context import AppContext
from persistence import decisions
from persistence.closing import Month
from persistence.database import Database
from persistence.tables.reconciliation import DifferenceRow
from tests.api.seeding import Ids
from tests.api.seeding_books import asked, show
from tests.harness.flow import write
from tests.harness.rows import add

MONTH = Month(tenant="acme", legal_entity="DE", period="2026-11")
FROM, TO = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)


@pytest.fixture
async def quiet(database: Database, acme: Ids) -> Ids:
    await write(
        database,
        "update changes set state = 'settled', outcome = 'no_change' where state <> 'settled'",
    )
    await write(
        database,
        "update exceptions set state = 'resolved', resolution = 'cancelled' where state = 'open'",
    )
    return acme


def row(key: str, repair: Repair, *, cause: Cause = Cause.BY_HAND, day: int = 9) -> DifferenceRow:
    at = datetime(2026, 11, day, tzinfo=UTC)
    return DifferenceRow(
        tenant="acme",
        about=About.DOCUMENT.value,
        key=key,
        what="open",
        system="erp",
        customer_id="cus_1",
        subject="sub_1",
        legal_entity="DE",
        issued_at=at,
        currency="EUR",
        billing_minor=100,
        erp_minor=0,
        cause=cause.value,
        owner="finance",
        repair=repair.value,
        opened_at=at,
        seen_at=at,
    )


async def of_month(context: AppContext, database: Database) -> dict[str, PeriodDifference]:
    async with database.transaction() as conn:
        found = await closing_differences.of_month(context, conn, MONTH, from_=FROM, to=TO)
    assert len({each.difference_id for each in found}) == len(found)
    return {each.key: each for each in found}


async def test_each_repair_says_what_is_done_next(
    context: AppContext, database: Database, quiet: Ids
) -> None:
    async with database.transaction() as conn:
        await add(conn, *(row(f"in_{each.value}", each) for each in Repair))
    found = await of_month(context, database)
    assert {key: found[f"in_{key.value}"].next for key in Repair} == {
        Repair.WAIT: Next.WAIT,
        Repair.DECIDE: Next.ANSWER,
        Repair.SYNC: Next.REPAIR,
        Repair.PUBLISH: Next.REPAIR,
        # Billing is told by what repairs, too.
        Repair.TELL: Next.REPAIR,
        Repair.IN_ERP: Next.IN_ERP,
    }
    assert {found[f"in_{each.value}"].decided for each in Repair} == {None}


async def test_they_are_read_page_by_page_and_each_counts_once(
    context: AppContext, database: Database, quiet: Ids, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(closing_differences, "_PAGE", 2)
    async with database.transaction() as conn:
        await add(conn, *(row(f"in_{number}", Repair.IN_ERP) for number in range(5)))
    found = await of_month(context, database)
    assert {key for key in found if key != "in_acme_alone"} == {f"in_{each}" for each in range(5)}


async def test_a_document_counts_in_its_month_and_what_is_none_as_long_as_it_stands(
    context: AppContext, database: Database, quiet: Ids
) -> None:
    """What our own records show: a document of the month is listed, one of the month after is
    not."""
    async with database.transaction() as conn:
        for key, month in (("in_now", 11), ("in_next", 12)):
            day = datetime(2026, month, 3, tzinfo=UTC)
            await show(conn, "acme", asked(key, quiet.customer, None, issued_at=day))
    found = await of_month(context, database)
    assert "in_now" in found
    assert "in_next" not in found
    shown = found["in_now"]
    assert (shown.about, shown.what, shown.cause) == ("document", "gross", "not_posted")
    assert (shown.next, shown.decided) == (Next.REPAIR, None)
    # Compared, it is told as the comparison has found it, and once.
    async with database.transaction() as conn:
        await add(conn, row("in_now", Repair.SYNC, day=3))
    assert (await of_month(context, database))["in_now"].what == "erp:open"


async def test_what_somebody_decided_may_stand_and_says_by_whom(
    context: AppContext, database: Database, quiet: Ids
) -> None:
    async with database.transaction() as conn:
        await add(conn, row("in_1", Repair.DECIDE, cause=Cause.DECIDED))
    decided = (await of_month(context, database))["in_1"].decided
    assert decided is not None
    # Nobody is on record of it, so it was a rule.
    assert (decided.kind, decided.by) == ("decided", "policy")
    assert decided.reason


async def accepted(
    database: Database, of: PeriodDifference, action: str, *, content: str | None = None
) -> None:
    made = DecisionMade(
        target_kind=Target.DIFFERENCE,
        target_id=of.difference_id,
        action=action,
        by="jane",
        reason="agreed",
        shown_digest=content or of.content,
    )
    async with database.transaction() as conn:
        await decisions.record(conn, "acme", Entrance(), made)


async def test_an_acceptance_is_of_what_was_seen_and_ends_when_it_is_taken_back(
    context: AppContext, database: Database, quiet: Ids
) -> None:
    async with database.transaction() as conn:
        await add(conn, row("in_1", Repair.IN_ERP), row("in_2", Repair.WAIT))
    before = await of_month(context, database)
    for each in before.values():
        await accepted(database, each, ACCEPT)
    after = await of_month(context, database)
    taken = after["in_1"].decided
    assert taken is not None
    assert (taken.kind, taken.by, taken.reason) == ("accepted", "jane", "agreed")
    # What is under way is still to change: nobody has seen what it comes to.
    assert after["in_2"].decided is None
    await write(database, "update differences set erp_minor = 50 where key = 'in_1'")
    assert (await of_month(context, database))["in_1"].decided is None
    await write(database, "update differences set erp_minor = 0 where key = 'in_1'")
    await accepted(database, before["in_1"], WITHDRAW)
    assert (await of_month(context, database))["in_1"].decided is None


def totals(currency: str) -> CurrencyTotals:
    none = Figures.none(currency)
    some = Figures(count=1, net=Money(minor=100, currency=currency), tax=Money.zero(currency))
    return CurrencyTotals(currency=currency, issued=some, billing=some, erp=none, others=none)


async def test_sums_are_apart_for_a_reason_of_their_currency_or_are_a_difference(
    context: AppContext, database: Database, quiet: Ids
) -> None:
    async with database.transaction() as conn:
        await add(conn, row("in_1", Repair.IN_ERP))
    known = (await of_month(context, database))["in_1"]
    both = [totals("EUR"), totals("USD")]
    standing = closing_differences.of_totals(both, {"EUR"}, [known])
    assert [each.key for each in standing] == ["EUR"]
    (total,) = standing
    assert (total.about, total.next, total.owner) == ("total", Next.ACCEPT, "finance")
    assert "1 documents, net 1.00 EUR" in total.sentence
    await accepted(database, known, ACCEPT)
    explained = (await of_month(context, database))["in_1"]
    assert closing_differences.of_totals(both, {"EUR"}, [explained]) == ()
    apart = closing_differences.of_totals(both, {"EUR", "USD"}, [explained])
    assert [each.key for each in apart] == ["USD"]
