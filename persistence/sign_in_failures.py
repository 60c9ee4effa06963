"""How often a sign-in was tried in vain, and until when nothing more is looked at.

Counted here and not in memory, so that several processes count together, and before the password
is looked at, so that a hundred tries at once are a hundred.
"""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

from persistence.connection import Connection

#: What nobody has tried for so long is forgotten.
_FORGOTTEN = timedelta(hours=1)


@dataclass(frozen=True)
class Count:
    """Of what is counted. After `free` failures each further one has a wait, of ten seconds that
    double up to `longest`."""

    what: tuple[str, ...]
    free: int
    longest: timedelta

    @property
    def digest(self) -> bytes:
        return hashlib.sha256("\0".join(self.what).encode("utf-8", "surrogatepass")).digest()


_TRY = """
insert into sign_in_failures as known (what, failures) values (%(what)s, 1)
on conflict (what) do update set
  failures = case when known.last_at < now() - %(forgotten)s then 1 else known.failures + 1 end,
  last_at = now(),
  waits_until = case
    when known.last_at >= now() - %(forgotten)s and known.failures + 1 > %(free)s
    then now() + least(
      %(longest)s, interval '10 seconds' * 2 ^ least(known.failures - %(free)s, 20)) end
where known.waits_until is null or known.waits_until <= now()
returning 1
"""


async def take(conn: Connection, counts: Collection[Count]) -> bool:
    """Count one more try of each; False where one of them has to wait, which is then not counted
    as to that one. In a transaction, which is rolled back in that case."""
    # Whoever tries the same counts in the same order, so that nobody waits for another for good.
    for count in sorted(counts, key=lambda one: one.digest):
        taken = await conn.execute(
            _TRY,
            {
                "what": count.digest,
                "free": count.free,
                "longest": count.longest,
                "forgotten": _FORGOTTEN,
            },
        )
        if taken.rowcount == 0:
            return False
    return True


async def forgive(conn: Connection, counts: Collection[Count], *, one_of: Count) -> None:
    """It was the right person: nothing is left of `counts`, and of `one_of` it was no failure."""
    await conn.execute(
        "delete from sign_in_failures where what = any(%s) or last_at < now() - %s",
        ([count.digest for count in counts], _FORGOTTEN),
    )
    await conn.execute(
        "update sign_in_failures set failures = greatest(failures - 1, 0), waits_until = null "
        "where what = %s",
        (one_of.digest,),
    )
