"""Questions: one open of each track of a change, as long as its cause is the same."""

from datetime import timedelta

import pytest
from psycopg.errors import UniqueViolation

from canonical_models.amendment import ChangeKind
from canonical_models.exceptions import Action, Raised, Resolution, Track
from canonical_models.money import Money
from canonical_models.occasion import SyncAsked
from canonical_models.process import Process, ProcessKind
from canonical_models.views import ExceptionView
from persistence import change_queue, exceptions
from persistence.database import Database
from tests.harness.flow import write
from tests.persistence.issued import TENANT, eur

HOURS = timedelta(hours=8)


async def change(database: Database, subject: str = "sub_1") -> str:
    async with database.transaction() as conn:
        return await change_queue.follow(
            conn, TENANT, subject, why=SyncAsked(subject), kind=ChangeKind.OTHER
        )


def raised(change_id: str, track: Track = Track.BOOKS, **members: object) -> Raised:
    asked = Raised(
        tenant=TENANT,
        change_id=change_id,
        track=track,
        step="plan",
        system="erp",
        failure_class="rejected",
        code="item_unmapped",
        subject="prod_pro",
        owner="finance",
        message="item prod_pro is not mapped",
        amount_at_risk=eur(100),
    )
    return asked.model_copy(update=members)


async def ask(database: Database, question: Raised) -> ExceptionView:
    async with database.transaction() as conn:
        return await exceptions.open_(conn, question, due=HOURS)


async def open_ones(database: Database, change_id: str) -> dict[str, str]:
    """Id by track."""
    async with database.transaction() as conn:
        found = await exceptions.page(conn, TENANT, change_id=change_id)
    return {view.track: view.exception_id for view in found}


async def test_a_change_may_have_a_question_for_books_and_one_for_access(
    database: Database,
) -> None:
    of = await change(database)
    books = await ask(database, raised(of))
    access = await ask(database, raised(of, Track.ACCESS, step="entitle", owner="support"))
    assert await open_ones(database, of) == {
        "books": books.exception_id,
        "access": access.exception_id,
    }
    assert (books.track, books.belongs_to, books.subscription_id) == ("books", "sub_1", "sub_1")
    assert (books.subject, books.at_risk) == ("prod_pro", eur(100))

    async with database.transaction() as conn:
        decided = Resolution(exception_id=books.exception_id, action=Action.RETRY, by="Jane")
        assert await exceptions.resolve(conn, TENANT, decided)
        assert not await exceptions.resolve(conn, TENANT, decided)
    assert await open_ones(database, of) == {"access": access.exception_id}


async def test_the_database_lets_no_second_one_of_a_track_be_open(database: Database) -> None:
    await ask(database, raised(await change(database)))
    with pytest.raises(UniqueViolation, match="exceptions_one_open"):
        await write(
            database,
            "insert into exceptions (id, tenant, change_id, track, belongs_to, step, system, "
            "failure_class, code, fingerprint, owner, message, due_at) select 'exc_2', tenant, "
            "change_id, track, belongs_to, step, system, failure_class, code, fingerprint, owner, "
            "message, due_at from exceptions",
        )


async def test_the_same_cause_keeps_its_id_and_its_clock_and_says_what_is_so_now(
    database: Database,
) -> None:
    of = await change(database)
    first = await ask(database, raised(of))
    risk = Money(minor=4200, currency="EUR")
    again = raised(of, message="42.00 EUR, and not 40.00").model_copy(
        update={"amount_at_risk": risk}
    )
    assert await ask(database, again) == first.model_copy(
        update={"message": "42.00 EUR, and not 40.00", "at_risk": risk}
    )


@pytest.mark.parametrize(
    "other", [{"subject": "prod_x"}, {"code": "period_closed"}, {"step": "post"}]
)
async def test_another_cause_is_another_question(database: Database, other: dict[str, str]) -> None:
    of = await change(database)
    first = await ask(database, raised(of))
    access = await ask(database, raised(of, Track.ACCESS))
    second = await ask(database, raised(of).model_copy(update=other))
    assert await open_ones(database, of) == {
        "books": second.exception_id,
        "access": access.exception_id,
    }
    async with database.transaction() as conn:
        gone = await exceptions.get(conn, TENANT, first.exception_id)
    assert gone is not None
    assert (gone.state, gone.resolution, gone.resolved_by) == ("resolved", "cancelled", "trueup")


async def test_what_has_answered_itself_closes_on_its_track(database: Database) -> None:
    of = await change(database)
    for each in (Track.BOOKS, Track.ACCESS):
        await ask(database, raised(of, each))
    async with database.transaction() as conn:
        await exceptions.withdraw(conn, TENANT, of, note="mapped meanwhile", track=Track.BOOKS)
    assert set(await open_ones(database, of)) == {"access"}
    async with database.transaction() as conn:
        await exceptions.drop(conn, TENANT, of, note="its saga is gone")
    assert await open_ones(database, of) == {}


async def test_nothing_is_asked_of_a_change_that_was_cancelled(database: Database) -> None:
    of = await change(database)
    for each in (Track.BOOKS, Track.ACCESS):
        await ask(database, raised(of, each))
    async with database.transaction() as conn:
        await exceptions.cancel_of_change(conn, "globex", of)
    assert len(await open_ones(database, of)) == 2
    async with database.transaction() as conn:
        await exceptions.cancel_of_change(conn, TENANT, of)
    assert await open_ones(database, of) == {}


async def test_a_question_of_an_account_names_no_subscription(database: Database) -> None:
    asked = await ask(database, raised(await change(database, "account:cus_1")))
    assert (asked.belongs_to, asked.subscription_id, asked.customer_id) == (
        "account:cus_1",
        None,
        "cus_1",
    )


@pytest.mark.parametrize(
    ("process", "belongs_to"),
    [
        (
            Process(
                kind=ProcessKind.DUNNING,
                tenant=TENANT,
                key="in_1",
                subscription_id="sub_1",
                customer_id="cus_1",
            ),
            "sub_1",
        ),
        (
            Process(kind=ProcessKind.ENTITLEMENT, tenant=TENANT, key="cus_1", customer_id="cus_1"),
            "account:cus_1",
        ),
    ],
)
async def test_a_process_asks_of_whom_it_is_about(
    database: Database, process: Process, belongs_to: str
) -> None:
    asked = await ask(
        database, raised(process.workflow_id, Track.PROCESS, process=process, owner="operations")
    )
    assert (asked.track, asked.workflow_id) == ("process", process.workflow_id)
    assert (asked.belongs_to, asked.subscription_id) == (belongs_to, process.subscription_id)
    async with database.transaction() as conn:
        assert await exceptions.open_of(conn, TENANT, [belongs_to]) == (asked,)
        assert await exceptions.open_of(conn, TENANT, ["sub_9"]) == ()
