"""Why a change is made that no event of billing asks for. The same occasion makes one change: it is
queued under the occasion's text, from which it can be read again."""

from dataclasses import astuple, dataclass, fields
from datetime import datetime
from typing import ClassVar, get_args


@dataclass(frozen=True, slots=True)
class _Occasion:
    """Its text is its name and its fields, with the one last that may hold anything."""

    name: ClassVar[str]

    def __str__(self) -> str:
        return "/".join((self.name, *astuple(self)))


@dataclass(frozen=True, slots=True)
class SyncAsked(_Occasion):
    """A person has it looked at; `asking` is new each time."""

    name: ClassVar[str] = "sync"
    asking: str


@dataclass(frozen=True, slots=True)
class DocumentDecided(_Occasion):
    """A person has decided about a document; `asking` is of the idempotency key, or new each time,
    `digest` of all that was decided."""

    name: ClassVar[str] = "decision"
    asking: str
    decision: str
    digest: str
    document_id: str

    @property
    def of_asking(self) -> str:
        """How all begin that the same key has asked for."""
        return f"{self.name}/{self.asking}/"


@dataclass(frozen=True, slots=True)
class DunningMoved(_Occasion):
    """What the dunning of an invoice came to. `at` tells those apart that may come again."""

    name: ClassVar[str] = "dunning"
    became: str
    at: str
    invoice_id: str


@dataclass(frozen=True, slots=True)
class RenewalMissed(_Occasion):
    """A renewal was due and billing has told nothing of it; `asked_at` is when we asked."""

    name: ClassVar[str] = "renewal"
    due: str
    asked_at: str
    subscription_id: str


@dataclass(frozen=True, slots=True)
class DocumentSeen(_Occasion):
    """A change of another subject has read the document, of this content and open amount."""

    name: ClassVar[str] = "document"
    content: str
    remaining: str
    document_id: str


@dataclass(frozen=True, slots=True)
class TakenOver(_Occasion):
    """The subject was taken over, and `digest` is of what had moved since the cutover."""

    name: ClassVar[str] = "adoption"
    digest: str
    subject: str


@dataclass(frozen=True, slots=True)
class Backfilled(_Occasion):
    """The subject is on the list of a backfill."""

    name: ClassVar[str] = "backfill"
    batch_id: str
    subject: str


Occasion = (
    SyncAsked
    | DocumentDecided
    | DunningMoved
    | RenewalMissed
    | DocumentSeen
    | TakenOver
    | Backfilled
)

_BY_NAME: dict[str, type[Occasion]] = {kind.name: kind for kind in get_args(Occasion)}


def stamp(at: datetime) -> str:
    """A moment as an occasion holds it, to the microsecond."""
    return f"{at:%Y%m%dT%H%M%S%f}"


def occasion(text: str) -> Occasion:
    """What a change was queued under. Raises ValueError for anything else."""
    name, _, rest = text.partition("/")
    kind = _BY_NAME.get(name)
    if kind is None:
        raise ValueError(f"{text!r} is no occasion of ours")
    given = rest.split("/", len(fields(kind)) - 1)
    if len(given) != len(fields(kind)):
        raise ValueError(f"{text!r} is no whole occasion")
    return kind(*given)
