"""Whose turn it is in the engine's queues: the same shares as of the dispatcher's places."""

from temporalio.common import Priority

from canonical_models.process import ProcessKind
from persistence.turns import BULK, RECONCILIATION, SHARES, fairness_key
from workflows.names import bulk_queue


def of_process(kind: ProcessKind) -> int:
    """The lane of what a process does."""
    return BULK if kind is ProcessKind.BATCH else RECONCILIATION


def queue(task_queue: str, lane: int) -> str:
    """Where what this lane starts is carried out."""
    return bulk_queue(task_queue) if lane == BULK else task_queue


def priority(tenant: str, lane: int) -> Priority:
    """Shares and not ranks: by rank a renewal waits in the ERP's queue for as long as any live
    change comes by."""
    return Priority(fairness_key=fairness_key(tenant, lane), fairness_weight=float(SHARES[lane]))
