"""How many requests it takes to bring about what a rehearsal has found, and how long that lasts, by
what each vendor allows: as it documents, and as was found out by calling it."""

import math
from collections.abc import Collection, Mapping

from canonical_models.base import Canonical
from canonical_models.writes import OURS
from connectors import quotas
from connectors.governor import BULK_TURN
from operations.context import AppContext
from persistence.backfills import WriteTotal
from persistence.breakers import ConnectionView

#: What is planned from is read once more to prove what came of it.
_READ = 2


class ConnectionEstimate(Canonical):
    """`documented` is what the vendor allows a second, `learned` what it was found to answer: as
    many calls at once as it takes, by the time of an answer. None where that is not known.
    `seconds` is how long the requests take if nobody else calls it."""

    connection: str
    requests: int
    documented: float | None
    learned: float | None
    seconds: int | None


class Estimate(Canonical):
    """`items` are those to be brought about. `seconds_alone` is by the slowest connection, or by
    the rate that was asked for, while nothing else is done; `seconds_beside` the same beside as
    many live changes as the vendors take; None as long as no connection has a known rate."""

    items: int
    connections: tuple[ConnectionEstimate, ...]
    seconds_alone: int | None
    seconds_beside: int | None


def estimate(
    context: AppContext,
    tenant: str,
    requests: Mapping[str, int],
    found: Collection[ConnectionView],
    *,
    items: int,
    rate: int | None,
) -> Estimate:
    """Of what a rehearsal has found to be brought about: its requests by connection, and what was
    found out by calling each of these."""
    views = {view.connection: view for view in found}
    connections = []
    for name, many in sorted(requests.items()):
        view = views.get(name)
        learned = None
        if view is not None and view.limit_seen and view.answer_ms:
            learned = round(view.limit_seen * 1000 / view.answer_ms, 1)
        documented = _documented(context, tenant, name)
        known = [each for each in (documented, learned) if each is not None]
        connections.append(
            ConnectionEstimate(
                connection=name,
                requests=many,
                documented=documented,
                learned=learned,
                seconds=math.ceil(many / min(known)) if known else None,
            )
        )
    slowest = max((each.seconds for each in connections if each.seconds is not None), default=None)
    paced = math.ceil(items * 60 / rate) if rate else None
    return Estimate(
        items=items,
        connections=tuple(connections),
        seconds_alone=_longest(slowest, paced),
        seconds_beside=_longest(None if slowest is None else slowest * BULK_TURN, paced),
    )


def requests_of(
    context: AppContext, tenant: str, reads: Mapping[str, int], writes: Collection[WriteTotal]
) -> dict[str, int]:
    """By connection, how often it is asked: as the rehearsal has read, and for all that is to be
    written."""
    found = {name: _READ * count for name, count in reads.items()}
    settings = context.tenants.get(tenant)
    if settings is None:
        return found
    for write in writes:
        if write.system == OURS or write.system not in settings.parts:
            continue
        name = settings.parts[write.system]
        each = quotas.requests_of_a_write(settings.connections[name].vendor)
        found[name] = found.get(name, 0) + each * write.count
    return found


def _documented(context: AppContext, tenant: str, name: str) -> float | None:
    settings = context.tenants.get(tenant)
    if settings is None or name not in settings.connections:
        return None
    connection = settings.connections[name]
    found = connection.requests_per_second or quotas.quota(connection.vendor)
    return None if found is None else round(found, 1)


def _longest(*seconds: int | None) -> int | None:
    return max((each for each in seconds if each is not None), default=None)
