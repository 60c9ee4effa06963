"""What each of a target's refusals means to us: one table, read from the top, without a default.

The statuses are used as RFC 9110 has them. What the table does not name is ContractDrift: an
answer that nobody has thought about is never retried.
"""

import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import assert_never

import httpx
import orjson
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
from connectors.http import retry_after
from connectors.signed_http import SYSTEM
from connectors.signed_http.wire import ErrorAnswer


class Meaning(Enum):
    CREDENTIALS = auto()
    #: The target did nothing and will later.
    LATER = auto()
    #: The target failed while it worked: a read is repeated, a write may have happened.
    BROKE = auto()
    REFUSED = auto()


@dataclass(frozen=True)
class Rule:
    """Matches the statuses and, where asked for, a Retry-After header."""

    statuses: range
    meaning: Meaning
    when_delayed: bool = False

    def matches(self, answer: httpx.Response) -> bool:
        return answer.status_code in self.statuses and (
            not self.when_delayed or retry_after(answer) is not None
        )


def _only(status: int) -> range:
    return range(status, status + 1)


TABLE: tuple[Rule, ...] = (
    Rule(_only(400), Meaning.REFUSED),
    Rule(_only(401), Meaning.CREDENTIALS),
    Rule(_only(403), Meaning.CREDENTIALS),
    Rule(_only(422), Meaning.REFUSED),
    Rule(_only(429), Meaning.LATER),
    # It says until when, so it turned the request away at the door. A gateway whose connection
    # broke answers 503 without one, and the target may have acted.
    Rule(_only(503), Meaning.LATER, when_delayed=True),
    # RFC 9110, 15: an unknown code of a class is to be read as the class.
    Rule(range(500, 600), Meaning.BROKE),
)


@dataclass(frozen=True)
class Errand:
    """What a request was for, as people say it, and of which customer."""

    words: str
    customer_id: str
    connection: str
    writes: bool = False


def failure(answer: httpx.Response, errand: Errand) -> Failure:
    """The failure that an answer other than the expected ones stands for."""
    said = (
        f"the target {errand.connection!r} answered {_said(answer)} when asked to {errand.words} "
        f"{errand.customer_id}"
    )
    for rule in TABLE:
        if rule.matches(answer):
            return _failure(rule.meaning, answer, said, errand)
    return ContractDrift(
        f"{said}, which its contract does not foresee: check that the connection's base address "
        "is where the target takes entitlements, then retry",
        system=SYSTEM,
        payload_path="$",
    )


def _failure(meaning: Meaning, answer: httpx.Response, said: str, errand: Errand) -> Failure:
    match meaning:
        case Meaning.CREDENTIALS:
            return CredentialsRefused(
                f"{said}: it does not accept the signature; see that the secret `signing_secret` "
                f"of the connection {errand.connection!r} is the target's, and that both clocks "
                "are right",
                system=SYSTEM,
            )
        case Meaning.LATER:
            return TransientFailure(
                f"{said}: nothing was changed, it is tried again",
                system=SYSTEM,
                retry_after=retry_after(answer),
            )
        case Meaning.BROKE if errand.writes:
            return UncertainWrite(
                f"{said}: the write may have happened and is looked up before the next try",
                system=SYSTEM,
            )
        case Meaning.BROKE:
            return TransientFailure(
                f"{said}: it is tried again", system=SYSTEM, retry_after=retry_after(answer)
            )
        case Meaning.REFUSED:
            return Rejection(
                RejectionCode.TARGET_REFUSED,
                f"{said}: look for the reason in the target's own log, mend it there, then retry",
                system=SYSTEM,
                subject=errand.customer_id,
            )
    assert_never(meaning)


def _said(answer: httpx.Response) -> str:
    """`422 unknown_feature`: the status and, where the target gives one, its word for it."""
    try:
        word = ErrorAnswer.model_validate(orjson.loads(answer.content)).error
    except (orjson.JSONDecodeError, ValidationError):
        return str(answer.status_code)
    # One word cannot tell a person's name or address as a sentence does.
    named = re.fullmatch(r"[A-Za-z_]{1,64}", word)
    return f"{answer.status_code} {word}" if named else str(answer.status_code)
