"""What is done in bulk: a list that was looked at and frozen, carried out one by one."""

from enum import StrEnum
from typing import Any

from pydantic import Field

from canonical_models.base import Canonical, Identifier, Instant
from canonical_models.process import Process, ProcessKind


class BatchKind(StrEnum):
    #: Customers that billing had before us are taken over, or it is rehearsed.
    ADOPT = "adopt"
    #: Webhooks are read again, in the order in which they came.
    REPLAY = "replay"
    #: What each open case of a cause would come to, with a mend laid over; nothing is done.
    PREVIEW = "preview"
    #: Open cases of a cause go on, once it is mended and as they were foreseen.
    RELEASE = "release"
    #: What is missing or has changed is brought about once more, or it is rehearsed.
    BACKFILL = "backfill"
    #: What changes would come to under another policy or mapping, beside what holds; nothing is
    #: done.
    TRIAL = "trial"
    #: What a release has posted is taken back, and what held before its mend holds again.
    UNDO = "undo"


class BatchState(StrEnum):
    """PAUSED waits to be resumed, STOPPED is at its end with what is done, ENDED has nothing left
    to hand over and nothing at work."""

    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"
    ENDED = "ended"


class ItemOutcome(StrEnum):
    """Where an item of a batch stands. Each is in exactly one of these, so that they add up."""

    NOT_BEGUN = "not_begun"
    #: Asked for, and nobody has begun with it.
    HANDED_OVER = "handed_over"
    AT_WORK = "at_work"
    #: Read back in every system, or found to agree already.
    DONE = "done"
    NEEDS_APPROVAL = "needs_approval"
    #: For something else than what the batch mends.
    WAITS = "waits"
    #: No longer what was looked at; nothing was done.
    SET_ASIDE = "set_aside"
    FAILED = "failed"


#: What becomes of these is still to be seen.
UNDER_WAY = (ItemOutcome.HANDED_OVER, ItemOutcome.AT_WORK)


class BatchItem(Canonical):
    """`key` is what it is about, as its kind names things: a customer, a receipt. `reason` says why
    it stands where it does; `change_id` is the change that carries it out; `found` is what its
    kind keeps of it. `at` is when it came to stand there."""

    number: int
    key: Identifier
    outcome: ItemOutcome = ItemOutcome.NOT_BEGUN
    reason: str | None = Field(default=None, max_length=2000)
    change_id: Identifier | None = None
    found: dict[str, Any] | None = None
    at: Instant


class Batch(Canonical):
    """`given` is what its kind was begun with. `counts` add up to `total`; those that are 0 are
    left out. `rate` is how many a minute are handed over once the first waves are through, None
    where there is no limit but the vendors'; `trial` is whether it pauses after the first one;
    `listed` whether its list is whole. `why` is what paused or stopped it."""

    batch_id: Identifier
    kind: BatchKind
    given: dict[str, Any]
    state: BatchState
    counts: dict[ItemOutcome, int] = Field(default_factory=dict)
    rate: int | None = None
    trial: bool = False
    listed: bool = True
    why: str | None = None
    begun_by: str
    begun_at: Instant
    ended_at: Instant | None = None

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    def count(self, *outcomes: ItemOutcome) -> int:
        return sum(self.counts.get(outcome, 0) for outcome in outcomes)


def batch_process(tenant: str, batch_id: str) -> Process:
    """What carries the batch out."""
    return Process(kind=ProcessKind.BATCH, tenant=tenant, key=batch_id)
