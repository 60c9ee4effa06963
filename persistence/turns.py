"""Whose turn it is: each lane has a share of the places, and within it tenants take turns."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

LIVE, RENEWAL, RECONCILIATION, BULK = 1, 2, 3, 4

#: Places of each lane while all of them have something to do, in proportion to each other. What a
#: lane does not use the others get.
SHARES = {LIVE: 8, RENEWAL: 4, RECONCILIATION: 2, BULK: 1}

#: What is done in bulk has at most this part of a dispatcher's places, so that what is live finds
#: one: what it does with a vendor's places is bounded where they are (connectors/governor.py).
BULK_PART = 4


def fairness_key(tenant: str, lane: int) -> str:
    """As the engine's queues tell whose turn it is; 64 bytes at most, a tenant 63."""
    return f"{lane}{tenant}"


def is_bulk(key: str | None) -> bool:
    """Whether this is the fairness key of what is done in bulk."""
    return key is not None and key.startswith(str(BULK))


#: By (lane, tenant).
Places = Mapping[tuple[int, str], int]


@dataclass(slots=True)
class Turns:
    """What one dispatcher keeps in mind from claim to claim. `reserved` places are kept for tenants
    that have nothing at work: one with a long queue then never keeps another waiting."""

    dispatcher: str
    reserved: int = 0
    #: Places that what is done in bulk may have at a time; None for all.
    bulk_most: int | None = None
    #: The tenant that was served last, by lane.
    served: dict[int, str] = field(default_factory=dict)
    #: What each lane has got so far, in shares.
    _got: dict[int, float] = field(default_factory=lambda: dict.fromkeys(SHARES, 0.0))
    #: The lanes that had something ready the last time.
    _busy: set[int] = field(default_factory=set)

    def give(
        self, free: int, most: int, places: Places, ready: Places
    ) -> dict[tuple[int, str], int]:
        """At most `most` of the `free` places for what is `ready`, which comes in the order of the
        tenants' turns. `places` are those that are taken."""
        of_lane: Counter[int] = Counter()
        of_tenant: Counter[str] = Counter()
        for (lane, tenant), count in places.items():
            of_lane[lane] += count
            of_tenant[tenant] += count
        left = Counter({key: count for key, count in ready.items() if count > 0})
        self._catch_up({lane for lane, _ in left})
        given: Counter[tuple[int, str]] = Counter()
        while left and free > 0 and given.total() < most:
            full = self.bulk_most is not None and of_lane[BULK] >= self.bulk_most
            choice = [
                key
                for key in left
                if (free > self.reserved or not of_tenant[key[1]]) and not (full and key[0] == BULK)
            ]
            if not choice:
                break
            lane = min(
                {lane for lane, _ in choice},
                key=lambda lane: (of_lane[lane] / SHARES[lane], self._got[lane], lane),
            )
            chosen = min(
                (key for key in choice if key[0] == lane), key=lambda key: of_tenant[key[1]]
            )
            given[chosen] += 1
            free -= 1
            of_lane[lane] += 1
            of_tenant[chosen[1]] += 1
            self._got[lane] += 1 / SHARES[lane]
            self.served[lane] = chosen[1]
            left[chosen] -= 1
            if not left[chosen]:
                del left[chosen]
        return dict(given)

    def _catch_up(self, busy: set[int]) -> None:
        """A lane that had nothing to do for a while has not saved anything up."""
        going_on = [self._got[lane] for lane in busy & self._busy]
        least = min(going_on) if going_on else max(self._got.values())
        for lane in busy - self._busy:
            self._got[lane] = max(self._got[lane], least)
        self._busy = busy
