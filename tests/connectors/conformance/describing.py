"""What the suite has to know of a system, and of what a port does with it.

A description (a `System`) says how the system is started, how a subject of its own is made for each
test, and how the system's own books are read: by anything but the adapter that is tested. An `Act`
is one write of a port, told by a description. All else is the suite's.
"""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import httpx

from canonical_models.failures import Failure, RejectionCode
from connectors.config import ConnectionConfig
from connectors.ports import ConnectionPort

#: What nobody is to read in our failures and logs: whatever a person is called.
PRIVATE = "jane.doe@example.com"

#: An object with that, in a list of which something else was asked for.
ROW = b'[{"id": "%b", "name": "%b"}]' % (PRIVATE.encode(), PRIVATE.encode())

#: A class of failure, or of a Rejection its code.
Outcome = type[Failure] | RejectionCode


@dataclass(frozen=True)
class Refusal:
    """An answer that the vendor documents, and what it has to mean to a read and to a write."""

    words: str
    status: int
    body: bytes
    read: Outcome
    write: Outcome
    headers: tuple[tuple[str, str], ...] = ()


class System(ABC):
    """One system behind a port. `system` is what its failures call it."""

    system: ClassVar[str]
    #: Whether a person reads the vendor's own words for why something was refused.
    shows_words: ClassVar[bool] = False
    #: Statuses below 500 that its table gives a meaning, besides 401, 403, 408 and 429.
    foreseen: ClassVar[frozenset[int]] = frozenset()
    #: Statuses that mean nothing where the answer is not the vendor's own, as a firewall's page.
    walls: ClassVar[frozenset[int]] = frozenset()
    #: Seconds in which it answers a read, on a busy machine too.
    prompt: ClassVar[float] = 1.0
    #: Whether an adapter begins with a session that takes time: it is kept between refusals.
    sessions: ClassVar[bool] = False
    #: What its check finds right without asking anybody, such as the kind of its credentials.
    by_itself: ClassVar[frozenset[str]] = frozenset()
    #: Answers of status 200 that are JSON and not what was asked for.
    senseless: ClassVar[tuple[bytes, ...]] = (b"[]", b"[1]", b'"words"', b"{}", b"null", ROW)

    @abstractmethod
    def config(self) -> ConnectionConfig:
        """Of a connection that works."""

    @abstractmethod
    def connect(
        self, config: ConnectionConfig, transport: httpx.AsyncBaseTransport | None = None
    ) -> Any:
        """The adapter, as the registry makes it."""

    @abstractmethod
    def connection(
        self, config: ConnectionConfig, transport: httpx.AsyncBaseTransport | None = None
    ) -> ConnectionPort:
        """What looks at the connection."""

    @abstractmethod
    def with_wrong_secret(self) -> ConnectionConfig:
        """As `config`, with a secret that fits in form and is refused."""

    @property
    @abstractmethod
    def refusals(self) -> tuple[Refusal, ...]:
        """What the vendor's documentation says of its errors."""

    @property
    def secrets(self) -> tuple[str, ...]:
        """Texts that nothing may show."""
        return tuple(each.get_secret_value() for each in self.config().secrets.values())

    def writes(self, request: httpx.Request) -> bool:
        """Whether a request changes something there; where a vendor reads by POST, say so."""
        return request.method not in ("GET", "HEAD", "OPTIONS")


@dataclass(frozen=True)
class Act:
    """A write of a port.

    `subject` makes what it is about, of which nothing is done yet. `done` counts in the system's
    own books how often it was done: 0, 1, or more where it was doubled.
    """

    name: str
    subject: Callable[[Any], Awaitable[Any]]
    do: Callable[[Any, Any], Awaitable[Any]]
    done: Callable[[Any, Any], Awaitable[int]]


@dataclass(frozen=True)
class Look:
    """A read of a port, of something that is there."""

    name: str
    subject: Callable[[Any], Awaitable[Any]]
    do: Callable[[Any, Any], Awaitable[Any]]


@dataclass(frozen=True)
class Port:
    """What a port does, for the tests that are the same for all of them."""

    acts: tuple[Act, ...]
    look: Look
