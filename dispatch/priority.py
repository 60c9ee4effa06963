"""Whose turn it is in the engine's queues: the same shares as of the dispatcher's places."""

from temporalio.common import Priority

from persistence.turns import RECONCILIATION, SHARES

#: Of what a process does.
OF_PROCESSES = RECONCILIATION


def priority(tenant: str, lane: int) -> Priority:
    """Shares and not ranks: by rank a renewal waits in the ERP's queue for as long as any live
    change comes by. The key has 64 bytes at most, a tenant 63."""
    return Priority(fairness_key=f"{lane}{tenant}", fairness_weight=float(SHARES[lane]))
