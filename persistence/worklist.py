"""What a dispatcher would find to do, in one statement: an idle one asks nothing else."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

from persistence.connection import Connection

# Each is the first of a partial index. Without an order the planner may begin at the wrong end of
# the table, where what it looks for is not.
_READ = """
select
  (select true from inbox where status = 'received' and ask_after is null order by id limit 1)
    is true,
  (select true from inbox where ask_after <= now() order by ask_after limit 1) is true,
  (select true from changes where ready order by lane, tenant, seq limit 1) is true,
  (select min(claimed_at) from changes where state = 'starting') < now() - %(lease)s is true,
  (select true from processes where news > acknowledged order by changed_at limit 1) is true,
  (select true from changes where news = 1 and state = 'pending' order by tenant, subject limit 1)
    is true or
  (select true from exceptions where news is not null and state = 'open' order by change_id limit 1)
    is true,
  (select true from decisions where delivered_at is null limit 1) is true,
  (select true from unsealed order by id limit 1) is true,
  array(select id from changes where id = any(%(started)s) and state = 'starting')
"""


@dataclass(frozen=True, slots=True)
class Worklist:
    """Whether there are webhooks to read and to ask billing about, changes to claim, claims whose
    dispatcher has died, processes to tell of news, sagas that wait to tell of newer changes,
    decisions to hand over, and rows that wait for their seal; and which sagas that were started
    have not begun yet."""

    unread: bool
    unshown: bool
    ready: bool
    abandoned: bool
    unacknowledged: bool
    newer: bool
    decided: bool
    unsealed: bool
    not_begun: list[str]


async def read(conn: Connection, *, lease: timedelta, started: Collection[str] = ()) -> Worklist:
    """A claim is abandoned when nobody has renewed it for as long as `lease`. `started` are ids of
    changes whose sagas were."""
    found = await conn.execute(_READ, {"lease": lease, "started": list(started)})
    row = await found.fetchone()
    if row is None:
        raise RuntimeError("PostgreSQL answers a select without a table with no row")
    return Worklist(*row)
