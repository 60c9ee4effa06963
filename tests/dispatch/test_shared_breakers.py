"""Workers share whether a vendor is away, and ask people once; on a real database."""

from collections.abc import Callable

import pytest

from canonical_models.exceptions import VENDOR_AWAY
from canonical_models.mends import decisions_of
from canonical_models.states import ExceptionState
from canonical_models.views import ExceptionView
from connectors.breaker import FAULTS, State
from connectors.governor import Governor, NotNow
from dispatch.breakers import SharedBreakers
from persistence import breakers, exceptions
from persistence.connection import Connection
from persistence.database import Database

KEY = ("acme", "erp-de")


class Worker:
    def __init__(self, database: Database, away_minutes: float = 60) -> None:
        self.erp = Governor("erp-de")
        self._shared = SharedBreakers(database, {KEY: self.erp}, away_minutes=away_minutes)
        self.poll = self._shared.poll
        self.forget_others = self._shared.forget_others

    async def fault(self) -> None:
        async with self.erp.call("erp") as call:
            call.unreachable("ConnectError")

    async def answer(self) -> None:
        async with self.erp.call("erp") as call:
            call.answered(200)

    async def find_away(self) -> None:
        for _ in range(FAULTS):
            await self.fault()
        await self.poll()


@pytest.fixture
def worker(database: Database) -> Callable[..., Worker]:
    return lambda **given: Worker(database, **given)


async def due(database: Database) -> None:
    """Somebody is to ask now whether it is back."""
    async with database.transaction() as conn:
        await conn.execute("update breakers set probe_at = now()")


async def asked(
    database: Database, state: ExceptionState | None = ExceptionState.OPEN
) -> tuple[ExceptionView, ...]:
    async with database.transaction() as conn:
        return await exceptions.page(conn, "acme", state=state)


async def test_what_one_has_found_all_know(
    database: Database, worker: Callable[..., Worker]
) -> None:
    one, other = worker(), worker()
    await one.find_away()
    await other.poll()
    assert other.erp.places == 0
    with pytest.raises(NotNow, match="cannot be reached"):
        await other.answer()
    async with database.statement() as conn:
        (seen,) = await breakers.of_tenant(conn, "acme")
    assert (seen.connection, seen.state, seen.limit_seen) == ("erp-de", "open", 2)


async def test_one_of_all_asks_whether_it_is_back(
    database: Database, worker: Callable[..., Worker]
) -> None:
    workers = [worker() for _ in range(3)]
    await workers[0].find_away()
    for each in workers:
        await each.poll()
    assert [each.erp.places for each in workers] == [0, 0, 0]
    await due(database)
    for each in workers:
        await each.poll()
    assert sorted(each.erp.places for each in workers) == [0, 0, 1]


async def test_an_answer_to_one_is_an_answer_to_all(
    database: Database, worker: Callable[..., Worker]
) -> None:
    one, other = worker(), worker()
    await one.find_away()
    await other.poll()
    await due(database)
    await other.poll()
    await other.answer()
    await other.poll()
    await one.poll()
    assert one.erp.breaker.state is State.CLOSED
    await one.answer()


async def test_who_asks_in_vain_puts_the_next_look_off_for_all(
    database: Database, worker: Callable[..., Worker]
) -> None:
    one, other = worker(), worker()
    await one.find_away()
    await due(database)
    await one.poll()
    await one.fault()
    await one.poll()
    await other.poll()
    assert (one.erp.places, other.erp.places) == (0, 0)
    async with database.statement() as conn:
        away = (await breakers.away(conn))[KEY]
    assert away.probe_in > 0


async def test_people_are_asked_once_for_the_connection_and_it_closes_by_itself(
    database: Database, worker: Callable[..., Worker]
) -> None:
    one, other = worker(away_minutes=0), worker(away_minutes=0)
    await one.find_away()
    for _ in range(2):
        await one.poll()
        await other.poll()
    (question,) = await asked(database)
    assert (question.code, question.subject, question.owner) == (
        VENDOR_AWAY,
        "erp-de",
        "operations",
    )
    assert decisions_of(question.code) == ()
    async with database.statement() as conn:
        (seen,) = await breakers.of_tenant(conn, "acme")
    assert seen.exception_id == question.exception_id

    await due(database)
    await one.poll()
    await one.answer()
    await one.poll()
    assert await asked(database) == ()
    (closed,) = await asked(database, None)
    assert (closed.resolved_by, closed.note) == ("trueup", "it is back")


async def test_nobody_is_asked_before_it_is_away_for_long(
    database: Database, worker: Callable[..., Worker]
) -> None:
    one = worker(away_minutes=15)
    await one.find_away()
    await one.poll()
    assert await asked(database) == ()


async def test_a_worker_that_has_an_answer_corrects_the_others(
    database: Database, worker: Callable[..., Worker]
) -> None:
    one, other = worker(), worker()
    await one.find_away()
    await other.answer()
    await other.poll()
    await one.poll()
    assert one.erp.breaker.state is State.CLOSED


async def test_a_slow_statement_makes_no_answer_old(
    database: Database, worker: Callable[..., Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = worker(), worker()
    await one.find_away()
    clock = [100.0]
    other.erp.now = lambda: clock[0]
    await other.answer()
    read = breakers.away

    async def slowly(conn: Connection) -> dict[tuple[str, str], breakers.Away]:
        found = await read(conn)
        clock[0] += 3600
        return found

    monkeypatch.setattr(breakers, "away", slowly)
    await other.poll()
    await one.poll()
    assert (one.erp.breaker.state, other.erp.breaker.state) == (State.CLOSED, State.CLOSED)


async def test_a_connection_that_is_in_the_settings_no_more_is_forgotten(
    database: Database, worker: Callable[..., Worker]
) -> None:
    one = worker(away_minutes=0)
    await one.find_away()
    await one.poll()
    (question,) = await asked(database)
    assert question.code == VENDOR_AWAY

    async def of_acme() -> tuple[breakers.ConnectionView, ...]:
        async with database.statement() as conn:
            return await breakers.of_tenant(conn, "acme")

    assert await one.forget_others()
    assert len(await of_acme()) == len(await asked(database)) == 1
    other = SharedBreakers(database, {("acme", "erp"): Governor("erp")}, away_minutes=60)
    assert await other.forget_others()
    assert await of_acme() == ()
    assert await asked(database) == ()
    assert [found.state for found in await asked(database, None)] == ["resolved"]
