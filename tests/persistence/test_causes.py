"""Causes: counted and summed in the transaction that opens or closes a case, whoever writes."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.rows import dict_row

from canonical_models.amendment import ChangeKind
from canonical_models.exceptions import Action, Resolution, Track
from canonical_models.mapping import ItemMapping
from canonical_models.money import Money
from canonical_models.occasion import SyncAsked
from canonical_models.states import CauseState, ExceptionState, WokenBy
from canonical_models.views import CauseView, ExceptionView
from persistence import causes, change_queue, exceptions, waking
from persistence.causes import Which
from persistence.database import Database
from tests.harness.flow import write
from tests.persistence.issued import TENANT, eur
from tests.persistence.test_exceptions import HOURS, raised

BOTH = (Track.BOOKS, Track.ACCESS)

_RECOUNTED = """
select cause, count(*) as open_cases, min(opened_at) as opened_at, min(due_at) as due_at
from exceptions where state = 'open' group by cause
"""


async def ask(database: Database, change_id: str, **members: Any) -> ExceptionView:
    async with database.transaction() as conn:
        return await exceptions.open_(conn, raised(change_id, **members), due=HOURS)


async def change(database: Database, subject: str) -> str:
    async with database.transaction() as conn:
        return await change_queue.follow(
            conn, TENANT, subject, why=SyncAsked(subject), kind=ChangeKind.OTHER
        )


async def cause_of(database: Database, asked: ExceptionView) -> CauseView:
    async with database.transaction() as conn:
        found = await causes.get(conn, TENANT, asked.cause_id)
    assert found is not None
    return found


async def decide(database: Database, asked: ExceptionView, action: Action = Action.RETRY) -> None:
    async with database.transaction() as conn:
        decided = Resolution(exception_id=asked.exception_id, action=action, by="jane")
        assert await exceptions.resolve(conn, TENANT, decided)


async def histories(database: Database, about: str) -> list[tuple[str, str]]:
    async with database.transaction() as conn:
        return [(line.what, line.by) for line in await causes.history(conn, TENANT, about)]


async def test_thirteen_questions_of_one_cause_are_one_row(database: Database) -> None:
    asked = [
        await ask(database, await change(database, f"sub_{number}"), amount_at_risk=eur(100))
        for number in range(12)
    ]
    await ask(
        database,
        await change(database, "sub_12"),
        amount_at_risk=Money(minor=24000, currency="USD"),
    )
    async with database.transaction() as conn:
        (cause,) = await causes.page(conn, TENANT)
        cases = await exceptions.page(conn, TENANT, which=Which(cause=cause.cause_id))
    assert (cause.code, cause.subject, cause.system, cause.owner) == (
        "item_unmapped",
        "prod_pro",
        "erp",
        "finance",
    )
    assert (cause.open_cases, cause.unknown_cases) == (13, 0)
    assert cause.at_risk == (eur(1200), Money(minor=24000, currency="USD"))
    assert (cause.opened_at, cause.due_at) == (asked[0].opened_at, asked[0].due_at)
    assert {case.belongs_to for case in cases} == {f"sub_{number}" for number in range(13)}


async def test_a_change_whose_books_and_access_ask_the_same_is_at_risk_once(
    database: Database,
) -> None:
    of = await change(database, "sub_1")
    books = await ask(database, of, amount_at_risk=eur(120))
    access = await ask(database, of, track=Track.ACCESS, amount_at_risk=eur(120))
    assert access.cause_id == books.cause_id
    cause = await cause_of(database, books)
    assert (cause.open_cases, cause.at_risk) == (2, (eur(120),))
    # As the books say it, where the two differ.
    await ask(database, of, amount_at_risk=Money(minor=90, currency="USD"))
    cause = await cause_of(database, books)
    assert cause.at_risk == (Money(minor=90, currency="USD"),)
    await ask(database, of, amount_at_risk=None)
    cause = await cause_of(database, books)
    assert (cause.unknown_cases, cause.at_risk) == (0, (eur(120),))
    # What one asks stays at risk until the other does not ask it any more either.
    await decide(database, books)
    cause = await cause_of(database, books)
    assert (cause.open_cases, cause.at_risk) == (1, (eur(120),))
    await decide(database, access)
    cause = await cause_of(database, books)
    assert (cause.state, cause.open_cases, cause.at_risk) == (CauseState.CLOSED, 0, ())


async def test_two_who_open_both_cases_of_a_change_at_once_count_it_once(
    database: Database,
) -> None:
    of = [await change(database, f"sub_{number}") for number in range(6)]
    asked = await asyncio.gather(
        *(ask(database, change_id, track=track) for change_id in of for track in BOTH)
    )
    cause = await cause_of(database, asked[0])
    assert (cause.open_cases, cause.at_risk) == (12, (eur(600),))
    async with database.transaction() as conn:
        # Closed by one statement, both of a change and one of another.
        await conn.execute(
            "update exceptions set state = 'resolved', resolution = 'retry', resolved_by = 'jane', "
            "resolved_at = now() where change_id = %s or (change_id = %s and track = 'books')",
            (of[0], of[1]),
        )
    cause = await cause_of(database, asked[0])
    assert (cause.open_cases, cause.at_risk) == (9, (eur(500),))


async def test_what_is_not_known_is_counted_and_not_added(database: Database) -> None:
    asked = await ask(database, await change(database, "sub_1"), amount_at_risk=None)
    cause = await cause_of(database, asked)
    assert (cause.at_risk, cause.open_cases, cause.unknown_cases) == ((), 1, 1)
    # Said anew once it is known.
    await ask(database, asked.change_id, amount_at_risk=eur(7))
    cause = await cause_of(database, asked)
    assert (cause.at_risk, cause.open_cases, cause.unknown_cases) == ((eur(7),), 1, 0)


async def test_equal_codes_of_two_systems_are_two_causes(database: Database) -> None:
    one = await ask(database, await change(database, "sub_1"), code="credentials", subject=None)
    other = await ask(
        database, await change(database, "sub_2"), code="credentials", subject=None, system="desk"
    )
    assert one.cause_id != other.cause_id


async def test_a_cause_closes_with_its_last_case_and_opens_again(database: Database) -> None:
    one = await ask(database, await change(database, "sub_1"))
    other = await ask(database, await change(database, "sub_2"))
    await decide(database, one)
    cause = await cause_of(database, one)
    assert (cause.state, cause.opened_at) == (CauseState.OPEN, other.opened_at)
    await decide(database, other)
    cause = await cause_of(database, one)
    assert (cause.state, cause.open_cases, cause.at_risk) == (CauseState.CLOSED, 0, ())
    assert cause.closed_at is not None
    async with database.transaction() as conn:
        assert await causes.page(conn, TENANT) == ()
        assert len(await causes.page(conn, TENANT, state=CauseState.CLOSED)) == 1
    await ask(database, await change(database, "sub_3"))
    assert (await cause_of(database, one)).state is CauseState.OPEN


async def test_what_fails_again_for_the_same_cause_keeps_its_id_and_its_clock(
    database: Database,
) -> None:
    of = await change(database, "sub_1")
    asked = await ask(database, of)
    await write(database, "update exceptions set due_at = now() - interval '1 hour'")
    async with database.transaction() as conn:
        late = await exceptions.escalate(conn, asked.exception_id)
        assert late is not None
        # It is said once.
        assert await exceptions.escalate(conn, asked.exception_id) is None
    await decide(database, asked)
    again = await ask(database, of, again=asked.exception_id, message="still not mapped")
    assert again.exception_id == asked.exception_id
    assert (again.opened_at, again.due_at, again.escalated_at) == (
        late.opened_at,
        late.due_at,
        late.escalated_at,
    )
    assert (again.state, again.resolved_by, again.message) == (
        ExceptionState.OPEN,
        None,
        "still not mapped",
    )
    assert (await cause_of(database, asked)).open_cases == 1
    assert await histories(database, asked.exception_id) == [
        ("opened", "trueup"),
        ("escalated", "trueup"),
        ("retry", "jane"),
        ("failed_again", "trueup"),
    ]
    # Another cause is another question.
    await decide(database, asked)
    other = await ask(database, of, again=asked.exception_id, code="period_closed")
    assert other.exception_id != asked.exception_id


def at_risk_once(asked: Sequence[ExceptionView]) -> tuple[dict[str, int], int]:
    """By currency, and how many cases nobody knows it of: a change is at risk once, as its books
    say it, else as its access does."""
    money: dict[str, int] = {}
    unknown = 0
    for change_id in {case.change_id for case in asked}:
        said = {case.track: case.at_risk for case in asked if case.change_id == change_id}
        amount = said.get("books") or said.get("access")
        if amount is None:
            unknown += len(said)
        else:
            money[amount.currency] = money.get(amount.currency, 0) + amount.minor
    return money, unknown


OPENED, DECIDED, SETTLED, ANSWERED = "opened", "decided", "settled", "answered"
STEPS = st.lists(
    st.tuples(
        st.sampled_from([OPENED, DECIDED, SETTLED, ANSWERED]),
        st.sampled_from(["sub_1", "sub_2", "sub_3"]),
        st.sampled_from([Track.BOOKS, Track.ACCESS]),
        st.sampled_from(["item_unmapped", "period_closed"]),
        st.sampled_from([None, eur(5), eur(-3), Money(minor=7, currency="JPY")]),
    ),
    min_size=1,
    max_size=12,
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=STEPS)
async def test_counts_and_amounts_add_up_after_each_step(database: Database, steps: Any) -> None:
    await write(database, "truncate exceptions, causes, cause_amounts, changes, case_history")
    for what, subject, track, code, amount in steps:
        of = await change(database, subject)
        async with database.transaction() as conn:
            match what:
                case "opened":
                    question = raised(of, track, code=code, amount_at_risk=amount)
                    await exceptions.open_(conn, question, due=HOURS)
                case "decided":
                    for asked in await exceptions.page(conn, TENANT, change_id=of):
                        await exceptions.resolve(
                            conn,
                            TENANT,
                            Resolution(
                                exception_id=asked.exception_id, action=Action.RETRY, by="jane"
                            ),
                        )
                case "settled":
                    await exceptions.cancel_of_change(conn, TENANT, of)
                case _:
                    await exceptions.withdraw(conn, TENANT, of, note="answered", track=track)
        async with database.transaction() as conn, conn.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(_RECOUNTED)
            counted = {row.pop("cause"): row for row in await cursor.fetchall()}
            asked_now = await exceptions.page(conn, TENANT, limit=99)
            kept = await causes.page(conn, TENANT)
        assert {cause.cause_id for cause in kept} == set(counted)
        for cause in kept:
            assert cause.model_dump(include=set(counted[cause.cause_id])) == counted[cause.cause_id]
            told = {amount.currency: amount.minor for amount in cause.at_risk}
            of_it = [case for case in asked_now if case.cause_id == cause.cause_id]
            assert (told, cause.unknown_cases) == at_risk_once(of_it)


async def test_many_open_and_close_one_cause_at_once(database: Database) -> None:
    of = [await change(database, f"sub_{number}") for number in range(8)]

    async def live(change_id: str) -> None:
        asked = await ask(database, change_id)
        await decide(database, asked)
        await ask(database, change_id, again=asked.exception_id)

    await asyncio.gather(*map(live, of))
    async with database.transaction() as conn:
        (cause,) = await causes.page(conn, TENANT)
    assert (cause.open_cases, cause.at_risk) == (8, (eur(800),))


async def waiting(database: Database, whose: str, **members: Any) -> ExceptionView:
    """Asked of a change whose saga waits."""
    of = await change(database, whose)
    asked = await ask(database, of, **members)
    await write(
        database,
        "update changes set state = 'waiting', ready = false, run_id = 'r' where id = %(id)s",
        id=of,
    )
    return asked


async def to_tell(database: Database) -> set[str]:
    async with database.transaction() as conn:
        return {case.change_id for case in await waking.woken(conn)}


async def test_a_mapping_has_all_look_again_that_it_may_mend(database: Database) -> None:
    one, other = await waiting(database, "sub_1"), await waiting(database, "sub_2")
    elsewhere = await waiting(database, "sub_3", subject="prod_other")
    await waiting(database, "sub_4", code="period_closed", subject="LE-DE 2026-10")
    async with database.transaction() as conn:
        await waking.wake_mapped(conn, TENANT, ItemMapping(item="prod_pro", erp_item="P"))
    assert await to_tell(database) == {one.change_id, other.change_id}
    # One that names no open question may be of any of them: a price, metadata, or the default.
    async with database.transaction() as conn:
        await waking.wake_mapped(conn, TENANT, ItemMapping(item="*", erp_item="P"))
    assert await to_tell(database) == {one.change_id, other.change_id, elsewhere.change_id}
    async with database.transaction() as conn:
        for case in await waking.woken(conn):
            await waking.told(conn, case)
    assert await to_tell(database) == set()


async def test_what_is_woken_while_it_is_told_is_told_again(database: Database) -> None:
    asked = await waiting(database, "sub_1")
    async with database.transaction() as conn:
        await waking.wake_cause(conn, TENANT, asked.cause_id)
    async with database.transaction() as conn:
        (seen,) = await waking.woken(conn)
    async with database.transaction() as conn:
        await waking.wake_cause(conn, TENANT, asked.cause_id)
    async with database.transaction() as conn:
        await waking.told(conn, seen)
    assert await to_tell(database) == {asked.change_id}


async def look(database: Database, *, limit: int = 20) -> int:
    async with database.transaction() as conn:
        return await waking.look_again(
            conn, TENANT, but=("approval_needed",), since=timedelta(minutes=15), limit=limit
        )


async def test_a_look_tries_one_case_of_each_cause_and_tells_the_others_once_it_is_mended(
    database: Database,
) -> None:
    first, second = await waiting(database, "sub_1"), await waiting(database, "sub_2")
    closed = await waiting(database, "sub_3", code="period_closed", subject="LE-DE 2026-10")
    await waiting(database, "sub_4", code="approval_needed")
    assert await look(database) == 0, "what is new has just been tried"
    await write(
        database,
        "update causes set newest_at = now() - interval '1 hour', "
        "opened_at = now() - interval '1 hour'",
    )

    assert await look(database, limit=1) == 1
    assert await look(database) == 1
    assert await look(database) == 0, "each cause once in a while"
    assert await to_tell(database) == {first.change_id, closed.change_id}

    async with database.transaction() as conn:
        await exceptions.withdraw(
            conn, TENANT, first.change_id, note="it has answered itself", track=Track.BOOKS
        )
    mended = await reread(database, first)
    assert (mended.state, mended.resolved_by) == (ExceptionState.RESOLVED, "trueup")
    assert mended.note == "mended outside, in erp or billing: a look has found it so"
    assert await to_tell(database) == {second.change_id, closed.change_id}
    assert (await reread(database, second)).state is ExceptionState.OPEN


async def test_what_lost_its_saga_was_not_mended(database: Database) -> None:
    first, second = await waiting(database, "sub_1"), await waiting(database, "sub_2")
    async with database.transaction() as conn:
        await waking.wake_cases(conn, TENANT, [first.exception_id], why=WokenBy.LOOK)
        await exceptions.drop(conn, TENANT, first.change_id, note="its saga is gone")
    assert (await reread(database, first)).note == "its saga is gone"
    assert second.change_id not in await to_tell(database)


async def reread(database: Database, asked: ExceptionView) -> ExceptionView:
    async with database.transaction() as conn:
        found = await exceptions.get(conn, TENANT, asked.exception_id)
    assert found is not None
    return found


async def test_who_has_it_its_tags_and_what_was_said_are_one_history(database: Database) -> None:
    asked = await ask(database, await change(database, "sub_1"))
    of = asked.exception_id
    async with database.transaction() as conn:
        assert await causes.assign(conn, "exceptions", TENANT, of, "fay", by="olu", note="books")
        assert await causes.tag(conn, "exceptions", TENANT, of, ["b", "a", "b"], by="fay")
        await causes.add(conn, TENANT, of, by="fay", what="commented", note="asked sales")
        assert await causes.assign(conn, "causes", TENANT, asked.cause_id, "fay", by="olu", note="")
        assert not await causes.assign(
            conn, "causes", "other", asked.cause_id, "x", by="y", note=""
        )
        mine = await exceptions.page(conn, TENANT, which=Which(assignee="fay", tag="a"))
        assert [found.exception_id for found in mine] == [of]
        assert mine[0].tags == ("a", "b")
        assert await exceptions.page(conn, TENANT, which=Which(assignee="")) == ()
        assert [
            found.cause_id for found in await causes.page(conn, TENANT, which=Which(assignee="fay"))
        ] == [asked.cause_id]
        told = await causes.history(conn, TENANT, of)
    assert [(line.what, line.by, line.note) for line in told[1:]] == [
        ("assigned", "olu", "to fay: books"),
        ("tagged", "fay", "a, b"),
        ("commented", "fay", "asked sales"),
    ]


@pytest.mark.parametrize("seen", [1, 3])
async def test_causes_are_paged_by_what_is_due_first(database: Database, seen: int) -> None:
    for number in range(5):
        await ask(database, await change(database, f"sub_{number}"), subject=f"prod_{number}")
    found: list[str | None] = []
    after = None
    while True:
        async with database.transaction() as conn:
            page = await causes.page(conn, TENANT, after=after, limit=seen)
        if not page:
            break
        found += [cause.subject for cause in page]
        after = (page[-1].due_at, page[-1].cause_id)
    assert found == [f"prod_{number}" for number in range(5)]
