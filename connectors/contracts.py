"""What of a vendor's contract does not hold now, as one connection of one process has met it.

A call of a port that raises ContractDrift has met a drift; the same call for the same object, when
it is answered in a form that is known, ends it. So it is seen whether an answer fits again, by the
very work that waits for it, and a customer whose answers never were otherwise ends nobody else's.
Words that nobody knows and nothing depends on (connectors/words.py) are kept beside, as are
webhooks that cannot be read: nothing waits for them. What workers share of it is in
dispatch/drifting.py.
"""

import inspect
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Protocol, TypeVar, cast

from prometheus_client import Counter
from pydantic import BaseModel

from canonical_models.failures import ContractDrift, Rejection
from connectors.noting import Noted, noting

DRIFTS = Counter(
    "trueup_contract_drifts",
    "Answers that did not fit the vendor's contract, by the operation that was asked for.",
    ("connection", "operation"),
)
NOTED = Counter(
    "trueup_contract_noted",
    "What vendors say otherwise and nothing waits for: words of their lists that are not known "
    "here, and webhooks that cannot be read; by the operation that was asked for.",
    ("connection", "operation"),
)

#: So many are kept; of a change that meets everyone more would say nothing new.
MOST_KEPT = 200
_LONGEST = 500
#: What names the object that a call is for, where its argument is a whole model.
_NAMES = ("external_id", "document_id", "subscription_id", "customer_id", "reference")


class Recorder(Protocol):
    """As connectors/recording.py keeps what is asked and answered. Contracts are known where no
    HTTP client may be, so that it is no more than this here."""

    recording: str
    waiting: list[bytes]
    left_out: int

    def call(
        self, name: str, args: Sequence[Any], named: Mapping[str, Any], *, reads: bool
    ) -> AbstractContextManager[None]: ...

    def take(self) -> list[bytes]: ...


@dataclass(frozen=True)
class Asked:
    """A call of a port for one object, without the object's name."""

    call: str
    digest: str


@dataclass
class Met:
    """What a call has met, how often since it was told last, and when it was met last (seconds of
    this process's clock)."""

    asked: Asked
    operation: str
    path: str
    change: str
    message: str
    times: int
    at: float


@dataclass
class Contract:
    """Of one connection in one process. `standing` is what anybody has met, as it was shared last;
    `met`, `fits` and `noted` what is still to be told."""

    connection: str
    now: Callable[[], float] = time.monotonic
    standing: frozenset[Asked] = frozenset()
    met: dict[Asked, Met] = field(default_factory=dict)
    #: When a call that had met a drift was answered as it should be.
    fits: dict[Asked, float] = field(default_factory=dict)
    #: How often each was met that nothing waits for.
    noted: dict[Noted, int] = field(default_factory=dict)
    #: Keeps what is asked and answered, as long as somebody records it.
    recorder: Recorder | None = None
    #: When a call of this name was last answered as it should be, for whatever object.
    answered: dict[str, float] = field(default_factory=dict)

    @property
    def has_news(self) -> bool:
        told = self.met or self.fits or self.noted
        return bool(told or (self.recorder and self.recorder.waiting))

    @contextmanager
    def call(self, name: str, args: Sequence[Any], named: Mapping[str, Any]) -> Iterator[None]:
        """Around a call of a port."""
        try:
            with self.reading():
                yield
        except ContractDrift as drift:
            self._drifted(asked_of(name, args, named), drift)
            raise
        except Rejection:
            # It was understood, whatever it says.
            self._fitted(name, args, named)
            raise
        self._fitted(name, args, named)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Around whatever reads what the vendor says: what is noted there is kept."""
        with noting() as found:
            try:
                yield
            finally:
                self._note(found)

    def take(self) -> tuple[list[Met], dict[Asked, float], dict[Noted, int]]:
        """What is to be told, which is told by whoever takes it."""
        taken = list(self.met.values()), self.fits, self.noted
        self.met, self.fits, self.noted = {}, {}, {}
        return taken

    def _note(self, found: Sequence[Noted]) -> None:
        for one in found:
            NOTED.labels(self.connection, one.operation).inc()
            if one in self.noted or len(self.noted) < MOST_KEPT:
                self.noted[one] = self.noted.get(one, 0) + 1

    def _drifted(self, asked: Asked, drift: ContractDrift) -> None:
        operation = drift.operation or asked.call
        DRIFTS.labels(self.connection, operation).inc()
        self.fits.pop(asked, None)
        known = self.met.get(asked)
        if known is None and len(self.met) >= MOST_KEPT:
            return
        self.met[asked] = Met(
            asked,
            operation=operation[:_LONGEST],
            path=(drift.payload_path or "$")[:_LONGEST],
            change=(drift.change or drift.message)[:_LONGEST],
            message=drift.message[:_LONGEST],
            times=1 + (known.times if known else 0),
            at=self.now(),
        )

    def _fitted(self, name: str, args: Sequence[Any], named: Mapping[str, Any]) -> None:
        self.answered[name] = self.now()
        if not (self.standing or self.met):
            return
        asked = asked_of(name, args, named)
        if asked in self.standing or asked in self.met:
            # What was met and never told is told as well, so that it is counted.
            self.fits[asked] = self.now()


def asked_of(name: str, args: Sequence[Any], named: Mapping[str, Any]) -> Asked:
    """The same for each try of the same work, whatever else has changed meanwhile."""
    first = args[0] if args else next(iter(named.values()), "")
    about = sha256(f"{name}\0{_named(first)}".encode()).hexdigest()[:24]
    return Asked(name, about)


def _named(given: Any) -> str:
    if isinstance(given, BaseModel):
        name = next((value for key in _NAMES if (value := getattr(given, key, None))), None)
        return str(name) if name is not None else given.model_dump_json()
    if isinstance(given, str):
        return given
    if isinstance(given, bytes):
        return given.decode("latin-1")
    return "\0".join(sorted(map(str, given))) if isinstance(given, Sequence) else str(given)


class _Closing(Protocol):
    async def close(self) -> None: ...


Port = TypeVar("Port", bound=_Closing)


class _Watched:
    def __init__(self, port: object, contract: Contract, reads: frozenset[str]) -> None:
        self._port, self._contract, self._reads = port, contract, reads

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if name.startswith("_") or name == "close" or not inspect.iscoroutinefunction(found):
            return found

        async def watched(*args: Any, **named: Any) -> Any:
            recorder = self._contract.recorder
            with self._contract.call(name, args, named):
                if recorder is None:
                    return await found(*args, **named)
                with recorder.call(name, args, named, reads=name in self._reads):
                    return await found(*args, **named)

        return watched


def watched(port: Port, contract: Contract, reads: frozenset[str] = frozenset()) -> Port:
    """The same port, whose answers that do not fit are noted in `contract`, and recorded where
    somebody wants that. `reads` are its methods that change nothing."""
    return cast("Port", _Watched(port, contract, reads))
