"""What the workers share of their breakers: whether a vendor is away, who asks whether it is back,
and the one question to people, when it is away for long."""

import asyncio
from collections.abc import Mapping

import psycopg
import structlog

from canonical_models.events import ExceptionOpened, event
from canonical_models.exceptions import VENDOR_AWAY
from canonical_models.failures import Team
from connectors.breaker import State
from connectors.governor import Governor
from persistence import breakers, outbox
from persistence.breakers import Away
from persistence.database import Database

log = structlog.get_logger(__name__)

#: Seconds between two looks, of one statement each: while something is away, and while nothing is.
_EVERY, _QUIET = 1.0, 8.0
#: Seconds that a worker has to ask a vendor whether it is back, before another does.
_ASKS_WITHIN = 30.0


class SharedBreakers:
    """Of the connections of this worker, by tenant and name. People are asked after
    `away_minutes`."""

    def __init__(
        self,
        database: Database,
        governors: Mapping[tuple[str, str], Governor],
        *,
        away_minutes: float,
    ) -> None:
        self._database = database
        self._governors = governors
        self._away_seconds = away_minutes * 60
        self._told: dict[tuple[str, str], int] = {}
        #: Calls at once and seconds of an answer, as they were told last.
        self._limits: dict[tuple[str, str], tuple[int, float]] = {}

    async def run(self) -> None:
        known = False
        while True:
            pause = _EVERY
            try:
                known = known or await self.forget_others()
                pause = _EVERY if await self.poll() else _QUIET
            except (psycopg.OperationalError, OSError) as fault:
                log.warning("breakers not shared", error=type(fault).__name__)
            await asyncio.sleep(pause)

    async def forget_others(self) -> bool:
        """A connection that has been taken out of the settings is nobody's to ask for any more. One
        that a worker with other settings still has comes back with its next fault."""
        async with self._database.transaction() as conn:
            for gone in await breakers.forget_others(conn, self._governors):
                log.info("connection is in the settings no more", connection=gone)
        return True

    async def poll(self) -> bool:
        """Tell what this worker has found, and hear what others have. Whether anything is away."""
        # Before the statement: what is away for longer than an answer is old was away before it,
        # however long the statement takes.
        began = {key: governor.now() for key, governor in self._governors.items()}
        async with self._database.statement() as conn:
            away = await breakers.away(conn)
        for key, governor in self._governors.items():
            await self._one(key, governor, away.get(key), began[key])
        return bool(away) or any(
            governor.breaker.state is not State.CLOSED for governor in self._governors.values()
        )

    async def _one(
        self, key: tuple[str, str], governor: Governor, away: Away | None, now: float
    ) -> None:
        breaker = governor.breaker
        if breaker.openings != self._told.get(key, 0) and breaker.state is State.OPEN:
            # This worker has found it away, or has asked in vain.
            self._told[key] = breaker.openings
            breaker.may_ask = False
            async with self._database.statement() as conn:
                probe_in = max(breaker.probe_at - now, 0.0)
                await breakers.opened(conn, *key, reason=breaker.reason, probe_in=probe_in)
        elif away is None:
            if breaker.state is not State.CLOSED:
                governor.back()
        elif breaker.state is State.CLOSED and now - breaker.heard_at < away.for_:
            await self._back(key)
        elif breaker.state is not State.PROBING:
            breaker.away(since=now - away.for_, probe_at=now + away.probe_in, reason=away.reason)
            if away.probe_in <= 0:
                async with self._database.statement() as conn:
                    asks = await breakers.claim_probe(conn, *key, within=_ASKS_WITHIN)
                breaker.may_ask = asks
        if away is not None and away.for_ >= self._away_seconds:
            await self._ask(key, away)
        limit, typical = governor.limiter.limit, governor.typical
        told, seconds = self._limits.get(key, (0, 0.0))
        # A figure for estimates need not be written for each little that it moves.
        if limit != told or not seconds / 2 <= typical <= seconds * 2:
            self._limits[key] = limit, typical
            async with self._database.statement() as conn:
                await breakers.seen(conn, *key, limit, seconds=typical)

    async def _back(self, key: tuple[str, str]) -> None:
        async with self._database.transaction() as conn:
            if await breakers.closed(conn, *key):
                log.info("vendor is back", tenant=key[0], connection=key[1])

    async def _ask(self, key: tuple[str, str], away: Away) -> None:
        tenant, connection = key
        async with self._database.transaction() as conn:
            asked = await breakers.ask(
                conn,
                tenant,
                connection,
                message=f"The connection {connection!r} of {tenant} is away: {away.reason}. What "
                "needs it waits and goes on by itself when it is back; this closes then. Find out "
                "why it is away: its status page, the address and the network, the credentials.",
            )
            if asked is None:
                return
            told = ExceptionOpened(
                exception_id=asked,
                change_id=breakers.asking(tenant, connection),
                code=VENDOR_AWAY,
                owner=Team.OPERATIONS.value,
                subject=connection,
                at_risk=None,
            )
            await outbox.publish(
                conn,
                tenant,
                [
                    event(
                        tenant,
                        "sync.exception_opened.v1",
                        key=asked,
                        subject=breakers.asking(tenant, connection),
                        data=told,
                    )
                ],
            )
        log.warning("vendor is away", tenant=tenant, connection=connection, reason=away.reason)
