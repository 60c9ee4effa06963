"""Temporal's store was lost, or restored from a copy: what must be there is in PostgreSQL."""

from datetime import timedelta

from temporalio.client import Client

from canonical_models.base import Canonical
from dispatch.belonging import require_same_namespace
from dispatch.checking import ProcessWatch
from dispatch.signalling import Signaller
from dispatch.watching import SagaWatch
from persistence.database import Database
from runtime.schedules import put_schedules
from runtime.settings import Settings
from runtime.temporal import TemporalNotReady, prepare

#: A saga that has closed has settled its change long before this.
_SETTLED_WITHIN = timedelta(seconds=5)


class Recovered(Canonical):
    """What Temporal did not have any more, and has again: `changes` are queued anew, and begin when
    a worker takes them."""

    processes: int
    changes: int
    schedules: int


async def refill(database: Database, client: Client, settings: Settings) -> int:
    """What is neither a process nor a change: search attributes and schedules; how many of these
    were missing. The database belongs to this store from now on. Raises RPCError, RuntimeError."""
    try:
        await prepare(client)
    except TemporalNotReady as fault:
        raise RuntimeError(f"Temporal cannot be filled again: {fault}") from fault
    await require_same_namespace(database, client, moved=True)
    missing = [await put_schedules(client, settings, tenant) for tenant in settings.tenants]
    return sum(missing)


async def recover(database: Database, client: Client, settings: Settings) -> Recovered:
    """Everything at once, which workers otherwise find out by and by. May be repeated; where
    nothing was lost it changes nothing. Raises RPCError, RuntimeError."""
    schedules = await refill(database, client, settings)
    processes = await ProcessWatch(database, client).look_at_all()
    await Signaller(database, client, settings.temporal.task_queue).tell()
    watch = SagaWatch(database, client, settled_within=_SETTLED_WITHIN)
    return Recovered(
        processes=processes, changes=await watch.requeue_all_lost(), schedules=schedules
    )
