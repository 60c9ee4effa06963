"""What the audit trail says: what was done, by whom, to what; whether it is as it was written."""

from typing import Any

from canonical_models.base import Canonical, Instant


class AuditEntry(Canonical):
    """One sealed row. `who` is a person, a key, a vendor's connection or `trueup`; `origin` where
    it came from: the door and address of a decision, the change of an effect. `before`, `after` and
    `reason` are None where there is none, or where it was dropped or erased: then `erased` is True.
    `digest` and `link` are in hex."""

    number: int
    at: Instant
    sealed_at: Instant
    source: str
    who: str
    origin: str | None
    action: str
    object: str
    objects: tuple[str, ...]
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    reason: str | None
    erased: bool
    digest: str
    link: str


class Break(Canonical):
    """What does not hold: `number` is of the seal, None for a row that has none and gets none."""

    number: int | None
    source: str
    place: str
    object: str
    at: Instant | None
    what: str


class Waiting(Canonical):
    """Rows of a source that wait for their seal, and when the oldest of them was written."""

    source: str
    rows: int
    oldest: Instant | None


class Verification(Canonical):
    """A tenant's chain as it was recomputed. It holds where nothing is `broken`; `first` is then
    None. `erased` rows have lost what the retention policy drops or a person had erased, and are
    proved by its digest; `superseded` ones were written again since. `head` is the last link, to be
    noted elsewhere."""

    tenant: str
    sealed: int
    head: str
    erased: int
    superseded: int
    unsealed: tuple[Waiting, ...]
    broken: int
    first: Break | None
