"""Events reach receivers that fail: none is lost, those of one subject come in order, and what is
given up says why."""

import asyncio
import contextlib
import random
from collections import defaultdict
from datetime import timedelta
from pathlib import Path

import pytest

from dispatch import sending
from dispatch.sending import Sender
from persistence import deliveries, streams
from persistence.database import Database
from tests.harness.receiver import SECRETS, Got, Receiver, Reply, receiving, takes
from tests.harness.streaming import add, ask, due_now, publish, settings, standing
from tests.harness.waiting import until

NO_PAUSE = (timedelta(0),) * 60
SUBJECTS, EACH = 12, 8


def refusing(status: int, text: str = "", **headers: str) -> Reply:
    return status, text, headers


class Flaky:
    """Fails as networks do. `taken` has each payment once, in the order of the first time."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self.taken: dict[str, list[str]] = defaultdict(list)
        self.ids: dict[str, set[str]] = defaultdict(set)
        self.forged = 0

    def __call__(self, got: Got) -> Reply:
        self.forged += not got.signed_by(SECRETS["crm"])
        key, subject = got.event["data"]["payment_id"], got.event["subject"]
        self.ids[key].add(got.id)
        match self._chance.randrange(10):
            case 0 | 1:
                return refusing(500)
            case 2:
                return refusing(503, **{"retry-after": "0"})
            case 3:
                return None
            case chance:
                if key not in self.taken[subject]:
                    self.taken[subject].append(key)
                # The answer is lost, although it was taken.
                return None if chance == 4 else refusing(204)


async def test_a_flaky_receiver_misses_nothing_and_has_each_subject_in_order(
    database: Database, dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "_SOON_S", 0.02)
    wanted = {
        f"in_{subject}": [f"pay_{subject}_{number}" for number in range(EACH)]
        for subject in range(SUBJECTS)
    }
    other = Database(dsn)
    async with receiving() as receiver:
        receiver.reply = flaky = Flaky(seed=7)
        await add(database, receiver.url)
        senders = [Sender(one, settings(tmp_path), back_off=NO_PAUSE) for one in (database, other)]
        tasks = [asyncio.create_task(sender.run()) for sender in senders]
        for number in range(EACH):
            for subject, keys in wanted.items():
                await publish(database, keys[number], subject=subject)
            if number == EACH // 2:
                # One worker dies with what it has in hand; once its claims are over, others do.
                await _ended(tasks[1])
                await due_now(database)

        async def all_told() -> bool:
            return list((await standing(database)).values()) == ["delivered"] * SUBJECTS * EACH

        await until(all_told, "all is delivered", seconds=60)
        await _ended(tasks[0])
    await other.close()
    assert flaky.taken == wanted
    assert len(receiver.asked) > SUBJECTS * EACH
    assert flaky.forged == 0
    # A receiver knows by the id what it has had before.
    assert {len(ids) for ids in flaky.ids.values()} == {1}
    assert len(set().union(*flaky.ids.values())) == SUBJECTS * EACH


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_what_is_not_taken_keeps_back_its_subject_alone_and_dies_with_its_answer(
    database: Database, tmp_path: Path
) -> None:
    async with receiving() as receiver:
        await add(database, receiver.url)
        sender = Sender(database, settings(tmp_path), back_off=(timedelta(hours=1),) * 2)
        receiver.reply = lambda got: (
            refusing(422, "no account\0 for it")
            if got.event["data"]["payment_id"] == "bad"
            else refusing(200, "thanks")
        )
        await publish(database, "bad", "behind")
        await publish(database, "beside", subject="in_2")
        assert await sender.poll() == 2
        assert await standing(database) == {
            "bad": "pending",
            "behind": "pending",
            "beside": "delivered",
        }
        # Neither before its time, nor what comes after it.
        assert await sender.poll() == 0
        for _ in range(2):
            await due_now(database)
            assert await sender.poll() == 1
        assert (await standing(database))["bad"] == "dead"
        assert await sender.poll() == 1
        assert (await standing(database))["behind"] == "delivered"
    async with database.statement() as conn:
        to = await streams.receiver(conn, "acme", "crm")
        assert to is not None
        found = await deliveries.page(conn, to, state=None, subject=None, before=None, limit=9)
        stream = await streams.get(conn, "acme", "crm")
    beside, behind, bad = found
    assert (bad.status, bad.attempts, bad.error) == (422, 3, "the receiver answered 422")
    assert (bad.answer or "").startswith("no account")
    assert (beside.status, beside.answer, beside.error) == (200, "thanks", None)
    assert behind.delivered_at is not None
    assert stream is not None
    assert (stream.pending, stream.dead, stream.failures) == (0, 1, 0)


async def test_what_was_put_off_behind_another_goes_as_soon_as_that_is_through(
    database: Database, tmp_path: Path
) -> None:
    async with receiving() as receiver:
        await add(database, receiver.url)
        sender = Sender(database, settings(tmp_path), back_off=(timedelta(hours=1),))
        await publish(database, "first", "second", "third")
        receiver.reply = lambda _: refusing(503)
        assert await sender.poll() == 1
        assert await sender.poll() == 0
        async with database.statement() as conn:
            found = await conn.execute("select count(*) from deliveries where due_at > now()")
            assert await found.fetchone() == (3,)
            await conn.execute(
                "update deliveries set due_at = now() where seq = (select min(seq) from deliveries)"
            )
        receiver.reply = takes
        assert [await sender.poll() for _ in range(4)] == [1, 1, 1, 0]
    assert [got.event["data"]["payment_id"] for got in receiver.asked[1:]] == [
        "first",
        "second",
        "third",
    ]


async def test_a_crash_between_answer_and_commit_sends_the_same_again(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Crash(BaseException):
        """As a process that is killed."""

    async def crash(*_: object, **__: object) -> None:
        raise Crash

    async with receiving() as receiver:
        await add(database, receiver.url)
        await publish(database, "one", "two")
        with monkeypatch.context() as patched:
            patched.setattr(deliveries, "record", crash)
            with pytest.raises(Crash):
                await Sender(database, settings(tmp_path)).poll()
        again = Sender(database, settings(tmp_path))
        # The claim holds others back for a while, and what is behind it.
        assert await again.poll() == 0
        await due_now(database)
        assert await again.poll() == 1
        first, second = receiver.asked
        assert (first.id, first.body) == (second.id, second.body)


async def test_who_is_gone_is_paused_and_who_asks_for_time_gets_it(
    database: Database, tmp_path: Path
) -> None:
    async with receiving() as receiver:
        await add(database, receiver.url)
        sender = Sender(database, settings(tmp_path), back_off=NO_PAUSE)
        await publish(database, "one")
        receiver.reply = lambda _: refusing(429, **{"retry-after": "600"})
        assert await sender.poll() == 1
        assert await sender.poll() == 0
        await due_now(database)
        receiver.reply = lambda _: refusing(410, "moved out")
        assert await sender.poll() == 1
        await due_now(database)
        assert await sender.poll() == 0
    async with database.statement() as conn:
        stream = await streams.get(conn, "acme", "crm")
    assert stream is not None
    assert (stream.state, stream.pending, stream.failures) == ("paused", 1, 2)
    assert stream.failing_since is not None


async def test_each_stream_is_told_of_its_types_team_and_tenant_alone(
    database: Database, tmp_path: Path
) -> None:
    async with receiving() as payments, receiving() as desk, receiving() as theirs:
        await add(database, payments.url, types=("payment.*",))
        await add(database, desk.url, "desk", types=("sync.exception_*",), team="finance")
        await add(database, theirs.url, "theirs", tenant="globex")
        await publish(database, "pay")
        await ask(database, "exc_finance", "finance")
        await ask(database, "exc_support", "support")
        assert await Sender(database, settings(tmp_path)).poll() == 2
        assert _told(payments) == ["io.trueup.payment.confirmed.v1"]
        assert [got.event["data"]["exception_id"] for got in desk.asked] == ["exc_finance"]
        assert theirs.asked == []
        assert payments.asked[0].headers["content-type"].startswith("application/cloudevents+json")


def _told(receiver: Receiver) -> list[str]:
    return [got.event["type"] for got in receiver.asked]


async def test_both_secrets_sign_while_they_rotate_and_one_that_is_missing_is_said(
    database: Database, tmp_path: Path
) -> None:
    given = settings(tmp_path)
    async with receiving() as receiver:
        await add(database, receiver.url)
        await publish(database, "one")
        async with database.statement() as conn:
            to = await streams.receiver(conn, "acme", "crm")
            assert to is not None
            await streams.sign_with(conn, to.stream, ["next", "crm"])
        assert await Sender(database, given).poll() == 1
        (got,) = receiver.asked
        assert all(got.signed_by(secret) for secret in SECRETS.values())
        assert not got.signed_by("whsec_" + "A" * 32)
        (tmp_path / "next").unlink()
        await publish(database, "two")
        assert await Sender(database, given).poll() == 1
        assert len(receiver.asked) == 1
    async with database.statement() as conn:
        stream = await streams.get(conn, "acme", "crm")
    assert stream is not None
    assert "stream_secrets.next: cannot read next" in (stream.error or "")
