"""What the workers share of answers that do not fit: each, who has met it, and the one question to
people for a connection, which closes by itself when answers fit again. Words that nobody knows,
and webhooks that cannot be read, are kept beside: nothing waits for them, and nobody is asked."""

import asyncio
from collections.abc import Mapping
from hashlib import sha256

import psycopg
import structlog

from canonical_models.events import ExceptionOpened, event
from canonical_models.exceptions import CONTRACT_CHANGED
from canonical_models.failures import Team
from connectors.contracts import Asked, Contract
from connectors.noting import Noted
from connectors.recording import Recorder
from persistence import drifts, outbox, recordings
from persistence.connection import Connection
from persistence.database import Database
from persistence.drifts import DriftView, Meeting, Standing

log = structlog.get_logger(__name__)

Key = tuple[str, str]

#: Seconds between two looks: with something to tell, and without. Who records waits for both.
_EVERY, _QUIET = 1.0, 10.0
#: One whose work has not asked again for longer than any work waits is over where the same call is
#: answered as it should be for others: it was cancelled, or found its end another way.
_LEFT_AFTER = 600.0
#: The message names so many.
_MOST_NAMED = 5


class SharedContracts:
    """Of the connections of this worker, by tenant and name."""

    def __init__(self, database: Database, contracts: Mapping[Key, Contract]) -> None:
        self._database, self._contracts = database, contracts

    async def run(self) -> None:
        known, waited = False, _QUIET
        while True:
            if waited >= _QUIET or any(one.has_news for one in self._contracts.values()):
                waited = 0.0
                try:
                    known = known or await self.forget_others()
                    await self.poll()
                except (psycopg.OperationalError, OSError) as fault:
                    log.warning("contracts not shared", error=type(fault).__name__)
            await asyncio.sleep(_EVERY)
            waited += _EVERY

    async def forget_others(self) -> bool:
        """A connection that has been taken out of the settings is nobody's to ask any more."""
        async with self._database.transaction() as conn:
            await drifts.forget_others(conn, self._contracts)
            await drifts.close_answered(conn)
        return True

    async def poll(self) -> None:
        """Tell what this worker has met and what fits again, hear what others have met, and ask or
        close what is to be. One statement where nothing is known of."""
        async with self._database.transaction() as conn:
            told = [await self._tell(conn, *each) for each in self._contracts.items()]
            found = await drifts.standing(conn)
            if found or any(told):
                await self._end(conn, found)
                await drifts.forget_old(conn)
                for tenant in {one.tenant for one in found}:
                    await _ask(conn, tenant)
                for asked in await drifts.close_answered(conn):
                    log.info("answers fit again", asked=asked)
                found = await drifts.standing(conn)
            await self._record(conn)
        for key, contract in self._contracts.items():
            contract.standing = frozenset(
                Asked(one.call, one.about)
                for one in found
                if one.waits and (one.tenant, one.connection) == key
            )

    async def _record(self, conn: Connection) -> None:
        """Hand over what was recorded, and record what is wanted now."""
        for contract in self._contracts.values():
            if (recorder := contract.recorder) is not None:
                recorder.left_out += await recordings.keep(
                    conn, recorder.recording, recorder.take()
                )
                if recorder.left_out:
                    log.warning(
                        "recording is full: some calls are left out",
                        recording=recorder.recording,
                        left_out=recorder.left_out,
                    )
                    recorder.left_out = 0
        wanted = {(one.tenant, one.connection): one for one in await recordings.wanted(conn)}
        if wanted:
            await recordings.drop_old(conn)
        for key, contract in self._contracts.items():
            one, known = wanted.get(key), contract.recorder
            if one is None:
                contract.recorder = None
            elif known is None or known.recording != one.id:
                contract.recorder = Recorder(one.id, one.salt)

    async def _tell(self, conn: Connection, key: Key, contract: Contract) -> bool:
        met, fits, noted = contract.take()
        await drifts.met(
            conn,
            *key,
            [
                Meeting(
                    call=one.asked.call,
                    about=one.asked.digest,
                    operation=one.operation,
                    path=one.path,
                    change=one.change,
                    message=one.message,
                    times=one.times,
                )
                for one in met
            ]
            + [_beside(one, times) for one, times in noted.items()],
        )
        for asked, at in fits.items():
            # What was met just now and fits since has been written by this very transaction.
            just_met = any(one.asked == asked for one in met)
            ago = -1.0 if just_met else max(contract.now() - at, 0.0)
            await drifts.fits(conn, *key, asked.call, asked.digest, ago=ago)
        return bool(met or fits or noted)

    async def _end(self, conn: Connection, found: tuple[Standing, ...]) -> None:
        for one in found:
            contract = self._contracts.get((one.tenant, one.connection))
            if contract is None or not one.waits or one.seen < _LEFT_AFTER:
                continue
            answered = contract.answered.get(one.call)
            if answered is not None and contract.now() - answered < one.seen:
                await drifts.fits(
                    conn, one.tenant, one.connection, one.call, one.about, ago=_LEFT_AFTER / 2
                )


def _beside(one: Noted, times: int) -> Meeting:
    """One row for all that it was met in."""
    about = sha256(f"{one.operation}\0{one.path}\0{one.change}".encode()).hexdigest()[:24]
    return Meeting(
        call="noted",
        about=about,
        operation=one.operation,
        path=one.path,
        change=one.change,
        message=f"{one.operation}: {one.path} {one.change}",
        times=times,
        waits=False,
    )


async def _ask(conn: Connection, tenant: str) -> None:
    shown: dict[str, list[DriftView]] = {}
    for one in await drifts.of_tenant(conn, tenant):
        if one.waits:
            shown.setdefault(one.connection, []).append(one)
    for connection, found in shown.items():
        asked = await drifts.ask(conn, tenant, connection, message=words_of(connection, found))
        if asked is None or not asked[1]:
            continue
        told = ExceptionOpened(
            exception_id=asked[0],
            change_id=drifts.asking(tenant, connection),
            code=CONTRACT_CHANGED,
            owner=Team.OPERATIONS.value,
            subject=connection,
            at_risk=None,
        )
        opened = event(
            tenant,
            "sync.exception_opened.v1",
            key=asked[0],
            subject=drifts.asking(tenant, connection),
            data=told,
        )
        await outbox.publish(conn, tenant, [opened])
        log.warning(
            "a vendor's answers do not fit their contract",
            tenant=tenant,
            connection=connection,
            operation=found[0].operation,
            path=found[0].path,
            change=found[0].change,
        )


def words_of(connection: str, found: list[DriftView]) -> str:
    """What people are asked: what does not fit, and what to do."""
    named = "; ".join(
        f"{one.operation}: {one.path} {one.change} (of {one.objects})"
        for one in found[:_MOST_NAMED]
    )
    more = f"; and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
    return (
        f"Answers of the connection {connection!r} do not fit what is known of its vendor: "
        f"{named}{more}. What needs them waits, goes on by itself when they fit, and this closes "
        "then. Compare the vendor's changelog and the version that the connection asks for; where "
        "the vendor has changed for good, a newer version of Trueup is needed. One object alone "
        f"may be mended at the vendor. First of it: {found[0].message}"
    )[:2000]
