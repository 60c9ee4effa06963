"""Workers share which answers do not fit, ask people once for a connection, and end it by the work
that asks again; on a real database."""

import re
from collections.abc import Callable

import pytest

from canonical_models.exceptions import CONTRACT_CHANGED
from canonical_models.failures import ContractDrift, Rejection, RejectionCode, TransientFailure
from canonical_models.mends import decisions_of
from canonical_models.states import ExceptionState
from canonical_models.views import ExceptionView
from connectors.contracts import MOST_KEPT, Contract, watched
from connectors.words import note
from dispatch.drifting import SharedContracts, words_of
from persistence import breakers, drifts, exceptions, outbox, recordings
from persistence.database import Database

KEY = ("acme", "stripe")
CHANGE = "was a whole number and is text now"


def drift(path: str = "$.total") -> ContractDrift:
    return ContractDrift(
        f"Stripe's answer does not fit its contract at {path}",
        system="billing",
        payload_path=path,
        operation="GET /v1/invoices/*",
        change=CHANGE,
    )


class Vendor:
    """A port whose calls answer what they are told to."""

    def __init__(self) -> None:
        self.answers: dict[str, Exception | None] = {}

    async def snapshot(self, subscription_id: str, *, since: int | None = None) -> str:
        del since
        if (fault := self.answers.get(subscription_id)) is not None:
            raise fault
        return subscription_id

    async def close(self) -> None:
        return None


class Worker:
    def __init__(self, database: Database) -> None:
        self.vendor, self.contract = Vendor(), Contract("stripe")
        self.port = watched(self.vendor, self.contract, frozenset({"snapshot"}))
        self.shared = SharedContracts(database, {KEY: self.contract})
        self.poll = self.shared.poll

    async def meet(self, subscription: str, fault: Exception | None = None) -> None:
        self.vendor.answers[subscription] = fault or drift()
        with pytest.raises((ContractDrift, Rejection, TransientFailure)):
            await self.port.snapshot(subscription)

    async def fit(self, subscription: str) -> None:
        self.vendor.answers[subscription] = None
        # What is asked for besides is otherwise with each try.
        assert await self.port.snapshot(subscription, since=7) == subscription


@pytest.fixture
def worker(database: Database) -> Callable[[], Worker]:
    return lambda: Worker(database)


async def asked(
    database: Database, state: ExceptionState | None = ExceptionState.OPEN
) -> tuple[ExceptionView, ...]:
    async with database.transaction() as conn:
        return await exceptions.page(conn, "acme", state=state)


async def shown(database: Database) -> tuple[drifts.DriftView, ...]:
    async with database.statement() as conn:
        return await drifts.of_tenant(conn, "acme")


async def later(database: Database, minutes: int) -> None:
    async with database.transaction() as conn:
        await conn.execute(
            "update drifts set seen_at = seen_at - %s * interval '1 minute', "
            "since = since - %s * interval '1 minute'",
            (minutes, minutes),
        )


async def test_what_meets_many_customers_is_one_question(
    database: Database, worker: Callable[[], Worker]
) -> None:
    one, other = worker(), worker()
    for number in range(5):
        await one.meet(f"sub_{number}")
        await other.meet(f"sub_{number}")
        await one.poll()
        await other.poll()
    (question,) = await asked(database)
    assert (question.code, question.subject, question.owner) == (
        CONTRACT_CHANGED,
        "stripe",
        "operations",
    )
    assert decisions_of(question.code) == ()
    assert f"GET /v1/invoices/*: $.total {CHANGE} (of 5)" in question.message
    (view,) = await shown(database)
    assert (view.objects, view.times, view.path) == (5, 10, "$.total")
    async with database.statement() as conn:
        told = await outbox.page(conn, "acme", after=0, limit=50)
    assert [event.type for _, event in told].count("io.trueup.sync.exception_opened.v1") == 1


async def test_it_closes_when_all_that_met_it_fit_again_whoever_asks(
    database: Database, worker: Callable[[], Worker]
) -> None:
    one, other = worker(), worker()
    for subscription in ("sub_1", "sub_2"):
        for _ in range(2):
            await one.meet(subscription)
    await one.poll()
    await other.poll()
    async with database.transaction() as conn:
        await breakers.seen(conn, *KEY, 8)
        (connection,) = await breakers.of_tenant(conn, "acme")
    (question,) = await asked(database)
    assert (connection.drifts, connection.exception_id) == (2, question.exception_id)

    await other.fit("sub_3")
    await other.fit("sub_1")
    await other.poll()
    assert [each.objects for each in await shown(database)] == [1]
    assert [each.exception_id for each in await asked(database)] == [question.exception_id]
    assert "(of 1)" in (await asked(database))[0].message
    await other.fit("sub_2")
    await other.poll()
    assert await shown(database) == ()
    assert await asked(database) == ()
    (closed,) = await asked(database, None)
    assert (closed.resolved_by, closed.note) == ("trueup", "answers fit again")


async def test_a_page_that_came_once_is_nobodys_question(
    database: Database, worker: Callable[[], Worker]
) -> None:
    one = worker()
    await one.meet("sub_1")
    await one.poll()
    assert len(await shown(database)) == 1
    assert await asked(database) == ()
    await one.fit("sub_1")
    await one.poll()
    assert (await shown(database), await asked(database, None)) == ((), ())


async def test_what_stays_unanswered_for_a_minute_is_asked(
    database: Database, worker: Callable[[], Worker]
) -> None:
    one = worker()
    await one.meet("sub_1")
    await one.poll()
    await later(database, 2)
    await one.poll()
    assert [each.code for each in await asked(database)] == [CONTRACT_CHANGED]


async def test_met_and_answered_between_two_looks_is_over(
    database: Database, worker: Callable[[], Worker]
) -> None:
    one = worker()
    await one.meet("sub_1")
    await one.fit("sub_1")
    await one.poll()
    assert await shown(database) == ()


async def test_a_refusal_fits_and_a_fault_of_the_network_tells_nothing(
    database: Database, worker: Callable[[], Worker]
) -> None:
    one = worker()
    for subscription in ("sub_1", "sub_2"):
        await one.meet(subscription)
    await one.poll()
    await one.meet("sub_1", TransientFailure("away", system="billing"))
    await one.meet(
        "sub_2", Rejection(RejectionCode.SUBSCRIPTION_UNKNOWN, "it is gone", system="billing")
    )
    await one.poll()
    assert [each.objects for each in await shown(database)] == [1]
    assert {each.about for each in await standing(database)} == {
        each.digest for each in one.contract.standing
    }


async def standing(database: Database) -> tuple[drifts.Standing, ...]:
    async with database.statement() as conn:
        return await drifts.standing(conn)


async def test_work_that_never_asks_again_keeps_no_question_open(
    database: Database, worker: Callable[[], Worker]
) -> None:
    """It was cancelled: the same call is answered as it should be for others."""
    one = worker()
    for _ in range(2):
        await one.meet("sub_1")
    await one.poll()
    await later(database, 20)
    await one.poll()
    assert len(await asked(database)) == 1
    await one.fit("sub_2")
    await one.poll()
    assert (await shown(database), await asked(database)) == ((), ())


async def test_what_nobody_asks_for_a_day_is_forgotten(
    database: Database, worker: Callable[[], Worker]
) -> None:
    one = worker()
    for _ in range(2):
        await one.meet("sub_1")
    await one.poll()
    await later(database, 60 * drifts.FORGOTTEN_AFTER_HOURS + 1)
    await one.poll()
    assert (await shown(database), await asked(database)) == ((), ())


async def test_a_word_that_nobody_knows_is_shown_for_a_week_and_asked_of_nobody(
    database: Database, worker: Callable[[], Worker]
) -> None:
    one, other = worker(), worker()

    class Billing:
        async def account(self, customer: str) -> str:
            note("tax_exempt", "partly", "read as taxed", operation="GET /v1/customers/*")
            return customer

        async def close(self) -> None:
            return None

    for each in (one, other):
        port = watched(Billing(), each.contract)
        for customer in ("cus_1", "cus_2"):
            assert await port.account(customer) == customer
        assert each.contract.has_news
        await each.poll()
    (view,) = await shown(database)
    assert (view.operation, view.path, view.waits) == (
        "GET /v1/customers/*",
        "$..tax_exempt",
        False,
    )
    assert view.change == "is `partly` now, which is not known: read as taxed"
    assert (view.objects, view.times) == (0, 4)
    await later(database, 60 * (drifts.FORGOTTEN_AFTER_HOURS + 1))
    await one.poll()
    async with database.transaction() as conn:
        await breakers.seen(conn, *KEY, 8)
        (connection,) = await breakers.of_tenant(conn, "acme")
    assert (connection.drifts, await asked(database, None)) == (0, ())
    assert one.contract.standing == frozenset()

    # Beside it the connection asks about what waits, and of that alone.
    for _ in range(2):
        await one.meet("sub_1")
    await one.poll()
    (question,) = await asked(database)
    assert "tax_exempt" not in question.message
    await one.fit("sub_1")
    await one.poll()
    assert await asked(database) == ()
    assert [each.waits for each in await shown(database)] == [False]

    await later(database, 60 * drifts.WORD_AFTER_HOURS)
    await one.poll()
    assert await shown(database) == ()


async def test_what_is_kept_is_bounded(database: Database, worker: Callable[[], Worker]) -> None:
    one, other = worker(), worker()
    for number in range(MOST_KEPT + 50):
        await (one if number % 2 else other).meet(f"sub_{number}")
    await one.poll()
    await other.poll()
    assert len(await standing(database)) == drifts.MOST_KEPT
    assert len((await asked(database)) or "") <= 1


async def test_a_connection_that_is_in_the_settings_no_more_is_forgotten(
    database: Database, worker: Callable[[], Worker]
) -> None:
    one = worker()
    for _ in range(2):
        await one.meet("sub_1")
    await one.poll()
    other = SharedContracts(database, {("acme", "billing"): Contract("billing")})
    assert await other.forget_others()
    await other.poll()
    assert (await shown(database), await asked(database)) == ((), ())


async def test_the_question_names_a_few_and_counts_the_rest(
    database: Database, worker: Callable[[], Worker]
) -> None:
    one = worker()
    for number in range(9):
        for _ in range(2):
            await one.meet(f"sub_{number}", drift(f"$.part_{number}"))
    await one.poll()
    found = list(await shown(database))
    words = words_of("stripe", found)
    assert len(re.findall(r"\$\.part_\d was", words)) == 5
    assert "and 4 more" in words
    assert [each.message for each in await asked(database)] == [words]


async def test_workers_record_what_is_wanted_until_it_is_over(
    database: Database, worker: Callable[[], Worker]
) -> None:
    one = worker()
    await one.fit("sub_0")
    async with database.transaction() as conn:
        made = await recordings.begin(conn, *KEY, seconds=600, by="olu")
        assert made is not None
        assert await recordings.begin(conn, *KEY, seconds=600, by="sam") is None
    await one.poll()
    for subscription in ("sub_1", "sub_2"):
        await one.fit(subscription)
    assert one.contract.has_news
    await one.poll()
    async with database.transaction() as conn:
        assert (await recordings.count(conn, made))[0] == 2
        await recordings.end(conn, made)
    await one.fit("sub_3")
    await one.poll()
    await one.fit("sub_4")
    assert one.contract.recorder is None
    async with database.transaction() as conn:
        taken = await recordings.take(conn, made)
    assert [entry["args"] for entry in taken] == [["sub_1"], ["sub_2"], ["sub_3"]]
    async with database.transaction() as conn:
        assert await recordings.count(conn, made) == (0, 0)
        assert await recordings.keep(conn, made, [b"{}"]) == 1


async def test_a_recording_is_bounded(
    database: Database, worker: Callable[[], Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = worker()
    async with database.transaction() as conn:
        made = await recordings.begin(conn, *KEY, seconds=600, by="olu")
    assert made is not None
    await one.poll()
    monkeypatch.setattr(recordings, "MOST_BYTES", 250)
    for number in range(9):
        await one.fit(f"sub_{number}")
    await one.poll()
    async with database.transaction() as conn:
        calls, kept = await recordings.count(conn, made)
    assert 0 < calls < 9
    assert kept <= 250
