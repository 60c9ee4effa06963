"""What each of Zendesk's refusals means to us: one table, read from the top, without a default.

Source: https://developer.zendesk.com/api-reference/introduction/requests/#response-format and
.../rate-limits/. What the table does not name is ContractDrift: an answer that nobody has thought
about is never retried. Descriptions are not read, they change and may hold personal data.
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
from connectors.zendesk import SYSTEM
from connectors.zendesk.wire import ErrorAnswer, ErrorTitle


class Meaning(Enum):
    CREDENTIALS = auto()
    #: Zendesk did nothing and will later.
    LATER = auto()
    #: Zendesk failed while it worked: a read is repeated, a write may have happened.
    BROKE = auto()
    ORGANIZATION_UNKNOWN = auto()
    #: Another organisation has the name that this one was to get.
    NAME_TAKEN = auto()
    REFUSED = auto()
    #: The request went to something that is not this API.
    ELSEWHERE = auto()


@dataclass(frozen=True)
class Rule:
    """Matches the statuses and, where given, the error's name, a member whose value another
    record has, and a Retry-After header."""

    statuses: range
    meaning: Meaning
    name: str | None = None
    taken: str | None = None
    when_delayed: bool = False

    def matches(
        self, answer: httpx.Response, name: str | None, taken: frozenset[str] = frozenset()
    ) -> bool:
        return (
            answer.status_code in self.statuses
            and (self.name is None or self.name == name)
            and (self.taken is None or self.taken in taken)
            and (not self.when_delayed or retry_after(answer) is not None)
        )


def _only(status: int) -> range:
    return range(status, status + 1)


TABLE: tuple[Rule, ...] = (
    Rule(_only(401), Meaning.CREDENTIALS),
    Rule(_only(403), Meaning.CREDENTIALS),
    Rule(_only(404), Meaning.ELSEWHERE, name="InvalidEndpoint"),
    Rule(_only(404), Meaning.ORGANIZATION_UNKNOWN),
    # Another request changes the same record.
    Rule(_only(409), Meaning.LATER),
    # Made by another request since it was looked up: the next look-up finds it. It comes first,
    # because the other request will have taken the name as well.
    Rule(_only(422), Meaning.LATER, taken="external_id"),
    Rule(_only(422), Meaning.NAME_TAKEN, taken="name"),
    Rule(_only(422), Meaning.REFUSED),
    Rule(_only(429), Meaning.LATER),
    # Overloaded, and it says until when: Zendesk turned the request away at the door.
    Rule(_only(503), Meaning.LATER, when_delayed=True),
    # RFC 9110, 15: an unknown code of a class is to be read as the class. The network before
    # Zendesk adds codes of its own (520 to 527) that say no more than the others.
    Rule(range(500, 600), Meaning.BROKE),
)


@dataclass(frozen=True)
class Errand:
    """What a request was for, as people say it; `organization` is the external id to mend."""

    words: str
    connection: str
    organization: str | None = None
    writes: bool = False


def failure(answer: httpx.Response, errand: Errand) -> Failure:
    """The failure that an answer other than the expected one stands for."""
    body = _body(answer)
    name, taken = _name(body), _taken(body)
    for rule in TABLE:
        if rule.matches(answer, name, taken):
            return _failure(rule.meaning, answer, body, errand)
    return _drift(
        answer, body, errand, "compare Zendesk's changelog for this API and tell the maintainers"
    )


def _failure(
    meaning: Meaning, answer: httpx.Response, body: ErrorAnswer | None, errand: Errand
) -> Failure:
    said = f"Zendesk answered {_said(answer, body)} when asked to {errand.words}"
    match meaning:
        case Meaning.CREDENTIALS:
            return CredentialsRefused(
                f"{said}: the secret `token` or the option `email` of the connection "
                f"{errand.connection!r} is refused or lacks a permission; renew the token or let "
                "its owner edit organisations",
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
        case Meaning.ORGANIZATION_UNKNOWN if errand.organization is not None:
            return Rejection(
                RejectionCode.ORGANIZATION_UNKNOWN,
                f"{said}: the organisation was deleted or the connection {errand.connection!r} is "
                "of another account; give the customer's organisation this external id or correct "
                "the account mapping, then retry",
                system=SYSTEM,
                subject=errand.organization,
            )
        case Meaning.NAME_TAKEN if errand.organization is not None:
            return Rejection(
                RejectionCode.ACCOUNT_AMBIGUOUS,
                f"{said}: another organisation has this customer's name; look for it by name in "
                f"Zendesk and give it the external id {errand.organization!r} if it is the "
                "customer's, or rename it if not, then retry",
                system=SYSTEM,
                subject=errand.organization,
            )
        case Meaning.REFUSED | Meaning.NAME_TAKEN:
            return Rejection(
                RejectionCode.SUPPORT_REFUSED,
                f"{said}: open the record in Zendesk, mend what its rules demand, then retry",
                system=SYSTEM,
                subject=errand.organization,
            )
        case Meaning.ORGANIZATION_UNKNOWN | Meaning.ELSEWHERE:
            where = f"check that the base address of {errand.connection!r} is the account's own"
            return _drift(answer, body, errand, f"{where}, without a path")
    assert_never(meaning)


def _drift(
    answer: httpx.Response, body: ErrorAnswer | None, errand: Errand, advice: str
) -> ContractDrift:
    return ContractDrift(
        f"Zendesk answered {_said(answer, body)} when asked to {errand.words}, which its contract "
        f"does not foresee: {advice}, then retry",
        system=SYSTEM,
        payload_path="$.error" if body else "$",
    )


def _body(answer: httpx.Response) -> ErrorAnswer | None:
    """The error; None where something before Zendesk answered, such as a gateway."""
    try:
        return ErrorAnswer.model_validate(orjson.loads(answer.content))
    except (orjson.JSONDecodeError, ValidationError):
        return None


def _name(body: ErrorAnswer | None) -> str | None:
    """Zendesk's name of the error, where it is a name and not a sentence."""
    if body is None:
        return None
    given = body.error.title if isinstance(body.error, ErrorTitle) else body.error
    if given is None and body.errors:
        given = body.errors[0].code
    return given if given is not None and _is_name(given) else None


def _taken(body: ErrorAnswer | None) -> frozenset[str]:
    """Members of the record whose value another record has, as Zendesk names them."""
    details = body.details if body is not None else None
    return frozenset(
        field
        for field, errors in (details or {}).items()
        if any(one.error == "DuplicateValue" for one in errors)
    )


def _said(answer: httpx.Response, body: ErrorAnswer | None) -> str:
    """`422 RecordInvalid (name: DuplicateValue) (request …)`, made of Zendesk's own names."""
    words = [str(answer.status_code)]
    if name := _name(body):
        words.append(name)
    if body is not None and body.details:
        named = [
            f"{field}: {one.error}"
            for field, errors in body.details.items()
            for one in errors
            if one.error and _is_name(field) and _is_name(one.error)
        ]
        if named:
            words.append(f"({', '.join(named[:3])})")
    request = answer.headers.get("x-request-id")
    if request and re.fullmatch(r"[0-9A-Za-z-]{1,64}", request):
        words.append(f"(request {request})")
    return " ".join(words)


def _is_name(text: str) -> bool:
    """One word cannot tell a person's name or address as a sentence does."""
    return re.fullmatch(r"[A-Za-z_]{1,64}", text) is not None
