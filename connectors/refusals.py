"""What an answer other than the expected one means.

A vendor's table is data: read from the top, and then the rules that hold for everyone, without a
default. What no rule names is ContractDrift: an answer that nobody has thought about is never
retried. Messages of vendors are not read, they change and may hold personal data; what a rule may
ask for are the vendor's own names for what is wrong.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum, auto
from typing import assert_never

from pydantic import ValidationError

from canonical_models.failures import (
    ContractDrift,
    CredentialsRefused,
    Failure,
    Rejection,
    RejectionCode,
    TransientFailure,
    UncertainWrite,
)
from connectors.misfits import being_read, misfit_of
from connectors.ports import UnfitEvent
from connectors.secrecy import without_secrets


class Meaning(Enum):
    CREDENTIALS = auto()
    #: The vendor did nothing and will later.
    LATER = auto()
    #: The vendor failed while it worked: a read is repeated, a write may have happened.
    BROKE = auto()
    #: A person has to mend something first.
    REFUSED = auto()
    #: The request went to something that is not this interface.
    ELSEWHERE = auto()


@dataclass(frozen=True)
class RequestContext:
    """What a request was for, as people say it; `subject` is the business object to mend, and
    `refused` the code where a rule of the vendor's says no and the table names none."""

    words: str
    connection: str
    subject: str | None = None
    writes: bool = False
    refused: RejectionCode | None = None


@dataclass(frozen=True)
class Rule:
    """Matches statuses and, where given, names that the vendor has for it, and that it says when
    to come again. `advice` is what to do about it, with `{it}` for the request's context."""

    statuses: int | range
    meaning: Meaning
    needs: frozenset[str] = frozenset()
    delayed: bool = False
    code: RejectionCode | None = None
    advice: str = ""
    raised: type[Rejection] = Rejection

    def matches(self, status: int, names: Collection[str], delay: float | None) -> bool:
        statuses = self.statuses
        return (
            (status == statuses if isinstance(statuses, int) else status in statuses)
            and self.needs.issubset(names)
            and (not self.delayed or delay is not None)
        )


#: Among the names of an answer: it is not the vendor's own. Something before it has answered.
FOREIGN = "foreign"
#: A gateway that finds no way to the vendor says nothing of the vendor's objects. It goes first.
_GATEWAYS = (Rule(404, Meaning.BROKE, frozenset({FOREIGN})),)
#: RFC 9110, 15: an unknown code of a class is to be read as the class. Gateways have codes of their
#: own (408, 520 to 529) that say no more than the others. One whose connection broke answers 503
#: without a delay, and the vendor may have acted; who names a delay turned it away at the door.
EVERYONE = (
    Rule(408, Meaning.BROKE),
    Rule(429, Meaning.LATER),
    Rule(503, Meaning.LATER, delayed=True),
    Rule(range(500, 600), Meaning.BROKE),
)


@dataclass(frozen=True)
class Refusals:
    """Those of one vendor. `unforeseen` is what to do about an answer that no rule names."""

    system: str
    table: tuple[Rule, ...]
    unforeseen: str

    def rule(
        self, status: int, names: Collection[str] = (), delay: float | None = None
    ) -> Rule | None:
        for rule in (*_GATEWAYS, *self.table, *EVERYONE):
            if rule.matches(status, names, delay):
                return rule
        return None

    def failure(
        self,
        status: int,
        said: str,
        context: RequestContext,
        *,
        names: Collection[str] = (),
        delay: float | None = None,
        path: str = "$",
    ) -> Failure:
        """The failure that an answer stands for. `said` tells of it in a clause; `delay` is when to
        come again, in seconds; `path` where in the answer it is."""
        rule, said = self.rule(status, names, delay), without_secrets(said)
        if rule is None:
            return self._drift(said, self.unforeseen, context, path)
        advice = rule.advice.format(it=context)
        if FOREIGN in names:
            said = f"{said} - if it goes on, see what answers at the connection's base address -"
        match rule.meaning:
            case Meaning.CREDENTIALS:
                return CredentialsRefused(f"{said}: {advice}", system=self.system)
            case Meaning.LATER:
                return TransientFailure(
                    f"{said}: nothing was changed, it is tried again",
                    system=self.system,
                    retry_after=delay,
                )
            case Meaning.BROKE if context.writes:
                return UncertainWrite(
                    f"{said}: the write may have happened and is looked up before the next try",
                    system=self.system,
                )
            case Meaning.BROKE:
                return TransientFailure(
                    f"{said}: it is tried again", system=self.system, retry_after=delay
                )
            case Meaning.REFUSED:
                code = rule.code or context.refused
                if code is None:
                    raise AssertionError(f"{self.system} refuses {status} without a code")
                return rule.raised(
                    code, f"{said}: {advice}", system=self.system, subject=context.subject
                )
            case Meaning.ELSEWHERE:
                return self._drift(said, rule.advice, context, path)
        assert_never(rule.meaning)

    def _drift(self, said: str, advice: str, context: RequestContext, path: str) -> ContractDrift:
        return ContractDrift(
            f"{said}, which its contract does not foresee: {advice.format(it=context)}",
            system=self.system,
            payload_path=path,
            operation=being_read(),
            change=f"is an answer that no rule foresees: {said}",
        )


def fault_of(error: ValidationError) -> tuple[str, str]:
    """(JSON path, reason) of the first member that does not fit; never the value itself."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"])
    return f"${path}", first["msg"]


def unfit(error: ValidationError) -> UnfitEvent:
    """What an authentic body is that does not fit the model that reads it."""
    (path, reason), found = fault_of(error), misfit_of(error)
    return UnfitEvent(f"{path}: {reason}", path=found.path, change=found.change)


@contextmanager
def contract(whose: str, system: str, words: str, remedy: str) -> Iterator[None]:
    """What does not fit the model that reads it in the block is ContractDrift: `whose` answer it
    is, what was asked, in `words`, and what to do about it."""
    try:
        yield
    except ValidationError as error:
        raise drifted(error, whose, system, words, remedy) from None


def drifted(
    error: ValidationError, whose: str, system: str, words: str, remedy: str
) -> ContractDrift:
    """The failure that an answer is which does not fit its model; see `contract`."""
    found, operation = misfit_of(error), being_read()
    where = f"{operation}: " if operation else ""
    return ContractDrift(
        f"{whose} does not fit its contract at {found.path} ({where}{found.change}) when asked to "
        f"{words}: {remedy}",
        system=system,
        payload_path=found.path,
        operation=operation,
        change=found.change,
    )
