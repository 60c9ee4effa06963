"""What is brought about once more in bulk: of which customers, and what was found before."""

from enum import StrEnum

from pydantic import Field

from canonical_models.base import Canonical, Identifier, Instant


class BackfillSubject(StrEnum):
    #: Subscriptions and accounts are synchronised again, with all that billing has issued.
    HISTORY = "history"
    #: What a mapping is about is planned again, as it holds now.
    MAPPING = "mapping"
    #: Entitlement targets and support are told again.
    PUBLISH = "publish"


class Selection(Canonical):
    """What a backfill is of. `customers` are billing's, none for all. Of a history `since` and
    `until` leave what has moved in between, as far as it is known here; without them billing is
    asked who there is. Of a mapping `item` is its key, or it is the one of the only customer.
    `target` is a connection's name or `support`, None for every one."""

    subject: BackfillSubject
    customers: tuple[Identifier, ...] = Field(default=(), max_length=5000)
    since: Instant | None = None
    until: Instant | None = None
    item: Identifier | None = None
    target: Identifier | None = None


class Backfilling(Canonical):
    """What a backfill was begun with. A `rehearsal` writes nothing; `rehearsed` is the one whose
    list it carries out, None where it was to go without."""

    selection: Selection
    rehearsal: bool
    rehearsed: Identifier | None = None
    reason: str = ""
