"""Whatever is written, in whatever order it is committed, sealed, dropped and erased: the chain
holds at any moment, and in the end every row has its link."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from canonical_models.effects import EffectState
from persistence import seals
from persistence.database import Database
from persistence.effects import Fence
from persistence.sealed import SOURCES
from tests.audit.written import (
    all_sealed,
    begun,
    begun_again,
    confirmed,
    decided,
    handed_over,
    told,
    undone,
    verified,
    webhook,
)
from tests.harness.flow import write
from tests.harness.postgres import PostgresServer

pytestmark = pytest.mark.timeout(600)

ACTS = (
    *("webhook", "event", "decide", "decide later", "hand over", "begin", "begin a set"),
    *("confirm", "confirm", "undo", "again", "seal", "seal", "drop", "drop", "open", "commit"),
    *("roll back", "race"),
)


@dataclass
class Life:
    database: Database
    effects: dict[str, tuple[Fence, bool]] = field(default_factory=dict)
    waiting: list[str] = field(default_factory=list)
    open_: list[tuple[asyncio.Event, list[bool], asyncio.Task[None]]] = field(default_factory=list)

    async def act(self, name: str, tenant: str, which: int) -> None:
        match name:
            case "webhook":
                await webhook(self.database, tenant)
            case "event":
                await told(self.database, tenant)
            case "decide":
                await decided(self.database, tenant)
            case "decide later":
                self.waiting.append(await decided(self.database, tenant, outcome=None))
            case "hand over" if self.waiting:
                await handed_over(self.database, self.waiting.pop(which % len(self.waiting)))
            case "begin" | "begin a set":
                of_set = f"set/{len(self.effects)}" if name == "begin a set" else None
                fence = await begun(self.database, tenant, writes_set=of_set)
                self.effects[fence.key] = fence, of_set is not None
            case "confirm" | "undo" | "again" if self.effects:
                await self._move(name, which)
            case _:
                await self._beside(name, tenant, which)

    async def _beside(self, name: str, tenant: str, which: int) -> None:
        """What happens to rows, and to transactions that are open."""
        match name:
            case "seal":
                await seals.seal_waiting(self.database)
            case "drop":
                await self._drop()
            case "open":
                await self._open(tenant)
            case "commit" | "roll back" if self.open_:
                await self._close(which, commit=name == "commit")
            case "race":
                sealing = (seals.seal_waiting(self.database) for _ in range(3))
                await asyncio.gather(*sealing, told(self.database, tenant))

    async def _move(self, name: str, which: int) -> None:
        key = list(self.effects)[which % len(self.effects)]
        fence, of_set = self.effects[key]
        state = fence.state
        if name == "confirm" and state is EffectState.ATTEMPTING:
            await confirmed(self.database, fence, f"INV-{which}")
            state = EffectState.CONFIRMED
        elif name == "undo" and state is EffectState.CONFIRMED:
            await undone(self.database, key)
            state = EffectState.COMPENSATED
        elif name == "again" and state is EffectState.CONFIRMED and of_set:
            fence = await begun_again(self.database, key)
            state = fence.state
        self.effects[key] = Fence(key, fence.attempt, state), of_set

    async def _drop(self) -> None:
        """As the policy drops what is old."""
        for source, change in (("inbox", "body = ''"), ("outbox", "event = null")):
            key = SOURCES[source].key
            await write(
                self.database,
                f"update {source} set {change} where mod({key}, 2) = 0",
            )

    async def _open(self, tenant: str) -> None:
        """A transaction that has written, and is not committed yet."""
        told_, done, keep = asyncio.Event(), asyncio.Event(), [False]

        async def holding() -> None:
            async with self.database.transaction() as conn:
                await conn.execute(
                    "insert into outbox (event_id, tenant, type, subject, event) "
                    "values (gen_random_uuid()::text, %s, 'late', 'sub_1', '{}')",
                    (tenant,),
                )
                told_.set()
                await done.wait()
                if not keep[0]:
                    raise psycopg.Rollback

        task = asyncio.create_task(holding())
        await told_.wait()
        self.open_.append((done, keep, task))

    async def _close(self, which: int, *, commit: bool) -> None:
        done, keep, task = self.open_.pop(which % len(self.open_))
        keep[0] = commit
        done.set()
        await task


@asynccontextmanager
async def living(dsn: str) -> AsyncIterator[Life]:
    life = Life(Database(dsn, pool_size=30))
    try:
        yield life
        while life.open_:
            await life._close(0, commit=True)
        await all_sealed(life.database)
        for tenant in ("acme", "globex"):
            found = await verified(life.database, tenant)
            assert (found.broken, found.unsealed) == (0, ()), found
    finally:
        await life.database.close()


@pytest.mark.slow
@settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    acts=st.lists(
        st.tuples(st.sampled_from(ACTS), st.sampled_from(("acme", "globex")), st.integers(0, 1000)),
        max_size=40,
    )
)
async def test_the_chain_holds_at_any_moment(
    postgres: PostgresServer, acts: list[tuple[str, str, int]]
) -> None:
    with postgres.database() as dsn:
        async with living(dsn) as life:
            for name, tenant, which in acts:
                await life.act(name, tenant, which)
                assert (await verified(life.database, tenant)).broken == 0
