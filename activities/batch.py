"""Batches turn by turn: each turn hands over as many as may be, and looks at those before."""

from collections.abc import Sequence
from typing import Protocol

from temporalio import activity

from activities.batch_adopt import AdoptingMany
from activities.batch_backfill import BackfillingMany
from activities.batch_preview import PreviewingMany
from activities.batch_release import ReleasingMany
from activities.batch_replay import ReplayingMany
from activities.batch_trial import TryingMany
from activities.batch_undo import UndoingMany
from activities.contracts.batch import BatchActivities, BatchPaused, BatchTurn
from activities.error_mapping import mapped_failures
from activities.tenants import Tenant, Tenants
from canonical_models.batch import UNDER_WAY, Batch, BatchKind, BatchState, ItemOutcome
from canonical_models.process import Process
from persistence import batch_looks, batches
from persistence.batches import ToDo
from persistence.database import Database

#: The first waves of a batch with a rate, each of which waits for the one before.
_WAVES = (1, 5, 20)
#: With a rate, what is handed over in so many seconds goes together.
_TOGETHER = 5.0
#: How often it is looked at what was handed over last.
_LOOK_SECONDS = 2.0
#: How often one that keeps on looks for what to add.
_LIST_SECONDS = 30.0


class Kind(Protocol):
    """What a kind of batch does with its items. `at_once` is how many a turn has without a rate,
    `together` how many may be under way at a time, None where that does not matter."""

    @property
    def at_once(self) -> int: ...

    @property
    def together(self) -> int | None: ...

    async def list_on(self, tenant: Tenant, batch: Batch) -> None:
        """List the next part of what it is about."""

    async def carry_out(self, tenant: Tenant, batch: Batch, items: Sequence[ToDo]) -> None:
        """Each of them stands somewhere else afterwards. Raises the failure of one that is to be
        tried again."""


class Batching(BatchActivities):
    def __init__(self, database: Database, tenants: Tenants) -> None:
        self._database = database
        self._tenants = tenants
        self._kinds: dict[BatchKind, Kind] = {
            BatchKind.ADOPT: AdoptingMany(database),
            BatchKind.REPLAY: ReplayingMany(database),
            BatchKind.PREVIEW: PreviewingMany(database),
            BatchKind.RELEASE: ReleasingMany(database),
            BatchKind.BACKFILL: BackfillingMany(database),
            BatchKind.TRIAL: TryingMany(database),
            BatchKind.UNDO: UndoingMany(database),
        }

    @activity.defn(name="batch.turn")
    async def turn(self, process: Process) -> BatchTurn:
        with mapped_failures():
            tenant = self._tenants[process.tenant]
            batch = await self._seen(tenant, process.key)
            if batch is None:
                return BatchTurn(stage="completed", words="there is no such batch", over=True)
            if batch.state is not BatchState.RUNNING:
                return _rests(batch)
            kind = self._kinds[batch.kind]
            if not batch.listed:
                await kind.list_on(tenant, batch)
                if not _keeps_on(batch):
                    words = f"listed so far: {batch.total}"
                    return BatchTurn(stage="running", words=words, seconds=0)
                batch = await self._seen(tenant, batch.batch_id) or batch
            if (why := await self._pauses(tenant, batch)) is not None:
                async with self._database.transaction() as conn:
                    await batches.pause(conn, tenant.name, batch.batch_id, why)
                return BatchTurn(stage="paused", words=f"paused: {why}")
            seconds = await self._hand_over(tenant, batch, kind)
            async with self._database.transaction() as conn:
                ended = await batches.end(conn, tenant.name, batch.batch_id)
            left = await self._seen(tenant, batch.batch_id) or batch
            return _rests(left) if ended else _goes_on(left, seconds)

    @activity.defn(name="batch.pause")
    async def pause(self, paused: BatchPaused) -> None:
        with mapped_failures():
            process = paused.process
            async with self._database.transaction() as conn:
                await batches.pause(conn, process.tenant, process.key, paused.why)

    async def _seen(self, tenant: Tenant, batch_id: str) -> Batch | None:
        """As it is, with what has become of that which was handed over."""
        async with self._database.transaction() as conn:
            batch = await batches.get(conn, tenant.name, batch_id)
            if batch is None or not batch.count(*UNDER_WAY):
                return batch
            await batch_looks.look(conn, tenant.name, batch)
            return await batches.get(conn, tenant.name, batch_id)

    async def _pauses(self, tenant: Tenant, batch: Batch) -> str | None:
        """Why it should wait for a person."""
        if not batch.count(ItemOutcome.NOT_BEGUN):
            return None
        async with self._database.statement() as conn:
            failing = await batches.failing(conn, tenant.name, batch.batch_id)
        if failing is not None:
            return failing
        begun = batch.total - batch.count(ItemOutcome.NOT_BEGUN)
        if batch.trial and begun and not batch.count(*UNDER_WAY):
            async with self._database.statement() as conn:
                return await batches.tried_since(conn, tenant.name, batch.batch_id)
        return None

    async def _hand_over(self, tenant: Tenant, batch: Batch, kind: Kind) -> float:
        """Seconds until there may be more to do."""
        many, rest = await self._how_many(tenant, batch, kind)
        async with self._database.statement() as conn:
            items = await batches.to_do(conn, tenant.name, batch.batch_id, many) if many else []
        if not items:
            return rest or _LOOK_SECONDS
        if rest:
            # Before: who is killed in between hands over later rather than too fast.
            async with self._database.statement() as conn:
                await batches.handed_over(conn, tenant.name, batch.batch_id, rest=rest)
        await kind.carry_out(tenant, batch, items)
        return rest

    async def _how_many(self, tenant: Tenant, batch: Batch, kind: Kind) -> tuple[int, float]:
        """(how many now, seconds until more)."""
        at_work = batch.count(*UNDER_WAY)
        async with self._database.statement() as conn:
            seconds, begun = await batches.may_hand_over(conn, tenant.name, batch.batch_id)
        if batch.trial:
            return (0, _LOOK_SECONDS) if at_work else (1, 0)
        if batch.rate is None and kind.together is None:
            return kind.at_once, 0
        if seconds > 0:
            return 0, seconds
        before = 0
        for wave in _WAVES:
            before += wave
            if begun < before:
                first = begun == before - wave
                return (0, _LOOK_SECONDS) if first and at_work else (before - begun, 0)
        free = None if kind.together is None else max(kind.together - at_work, 0)
        return share(batch.rate, free) if batch.rate else (free or 0, 0 if free else _LOOK_SECONDS)


def share(rate: int, free: int | None) -> tuple[int, float]:
    """(how many now, seconds until more) of so many a minute; `free` is how many more may be under
    way, None where that does not matter."""
    many = max(1, round(rate * _TOGETHER / 60))
    return (many if free is None else min(many, free)), many * 60 / rate


def _keeps_on(batch: Batch) -> bool:
    """Whether its list is never whole: what happens while it is open is added."""
    return bool(batch.given.get("keep_on"))


def _goes_on(batch: Batch, seconds: float) -> BatchTurn:
    """At once while there is something to hand over, else when what is at work may have moved, or
    something may have been added."""
    if not batch.count(ItemOutcome.NOT_BEGUN):
        seconds = max(seconds, _LIST_SECONDS if _keeps_on(batch) else _LOOK_SECONDS)
    return BatchTurn(stage="running", words=_words(batch), seconds=seconds)


def _rests(batch: Batch) -> BatchTurn:
    paused = batch.state is BatchState.PAUSED
    stage = "paused" if paused else "completed"
    return BatchTurn(stage=stage, words=_words(batch), over=not paused)


def _words(batch: Batch) -> str:
    counts = ", ".join(
        f"{count} {outcome.value.replace('_', ' ')}"
        for outcome in ItemOutcome
        if (count := batch.count(outcome))
    )
    why = f" ({batch.why})" if batch.why else ""
    return f"Batch `{batch.batch_id}` ({batch.kind.value}): {batch.state.value}{why}. {counts}"
