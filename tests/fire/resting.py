"""Whether anything is under way, asked of the queue, of what processes are to hear, and of billing,
which may still have something to tell."""

import time
from dataclasses import dataclass

import httpx
import psycopg

from sandbox.demo.world import World

_UNDER_WAY = """
select (select count(*) from inbox where status = 'received') as unread,
       (select count(*) from changes where state in ('starting', 'running')) as running,
       (select count(distinct subject) from changes c where state = 'pending' and not held
          and not exists (
          select from changes o where o.tenant = c.tenant and o.subject = c.subject
          and (o.state = 'waiting' or o.held))
          and not exists (
          select from exceptions e where e.tenant = c.tenant and e.belongs_to = c.subject
          and e.state = 'open' and e.code = 'saga_lost')) as pending,
       (select count(*) from processes where news > acknowledged) as untold,
       -- What no change has begun, as a note of how an invoice stands, is its own process's.
       (select count(*) from effects e left join changes c on c.id = e.change_id
          where e.state in ('attempting', 'uncertain', 'compensating')
          and c.state is distinct from 'waiting') as unfinished
"""


@dataclass(frozen=True)
class UnderWay:
    """Of each how many; `pending` counts subjects, and `unsent` events that billing has not got rid
    of."""

    unread: int
    running: int
    pending: int
    untold: int
    unfinished: int
    unsent: int

    @property
    def backlog(self) -> int:
        return self.running + self.pending + (self.unread + self.unsent) // 10

    @property
    def nothing(self) -> bool:
        return not any(vars(self).values())

    def __str__(self) -> str:
        return ", ".join(f"{name} {count}" for name, count in vars(self).items() if count)


class Rest:
    """Looks at most twice a second, whoever asks."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._known: UnderWay | None = None
        self._at = 0.0

    async def look(self) -> UnderWay | None:
        """None where nobody could be asked just now."""
        if time.monotonic() > self._at + 0.5:
            self._at = time.monotonic()
            self._known = await self._ask()
        return self._known

    def forget(self) -> None:
        """The next look is a new one."""
        self._at = 0.0

    async def _ask(self) -> UnderWay | None:
        dsn = self._world.facts.postgres_dsn
        try:
            async with await psycopg.AsyncConnection.connect(dsn, connect_timeout=5) as connection:
                row = await (await connection.execute(_UNDER_WAY)).fetchone()
            waiting = await self._world.billing.ask(
                "GET", "/_sim/deliveries", params={"state": "pending"}
            )
        except (psycopg.Error, httpx.HTTPError):
            return None
        assert row is not None
        unread, running, pending, untold, unfinished = row
        unsent = len(waiting["deliveries"])
        return UnderWay(unread, running, pending, untold, unfinished, unsent)
