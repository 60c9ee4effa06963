"""Whose turn it is in the engine's queues: the same shares as of the dispatcher's places."""

from temporalio.common import Priority

from canonical_models.process import ProcessKind
from persistence.turns import BULK, RECONCILIATION, SHARES


def of_process(kind: ProcessKind) -> int:
    """The lane of what a process does."""
    return BULK if kind is ProcessKind.BATCH else RECONCILIATION


def priority(tenant: str, lane: int) -> Priority:
    """Shares and not ranks: by rank a renewal waits in the ERP's queue for as long as any live
    change comes by. The key has 64 bytes at most, a tenant 63."""
    return Priority(fairness_key=f"{lane}{tenant}", fairness_weight=float(SHARES[lane]))
