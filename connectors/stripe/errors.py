"""What each of Stripe's refusals means to us: one table, read from the top, without a default.

Source: https://docs.stripe.com/api/errors and https://docs.stripe.com/error-low-level. What the
table does not name is ContractDrift: an answer that nobody has thought about is never retried.
Messages are not read, they change and may hold personal data.
"""

from dataclasses import dataclass
from enum import Enum, StrEnum, auto
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
from connectors.stripe import SYSTEM
from connectors.stripe.wire import ErrorBody, ErrorEnvelope


class Meaning(Enum):
    CREDENTIALS = auto()
    #: Stripe did nothing and will later.
    LATER = auto()
    #: Stripe failed while it worked: a read is repeated, a write may have happened.
    BROKE = auto()
    UNKNOWN = auto()
    REFUSED = auto()


class Kind(StrEnum):
    """What a request is about, in people's words."""

    SUBSCRIPTION = "subscription"
    CUSTOMER = "customer"
    INVOICE = "invoice"
    CREDIT_NOTE = "credit note"
    PAYMENT = "payment"
    PRICE = "price"
    TAX_RATE = "tax rate"
    CLOCK = "test clock"

    @property
    def article(self) -> str:
        return f"an {self}" if self is Kind.INVOICE else f"a {self}"


@dataclass(frozen=True)
class Rule:
    """Matches a status and, where given, members of the error body."""

    status: int
    meaning: Meaning
    type: str | None = None
    code: str | None = None
    param: str | None = None

    def matches(self, status: int, body: ErrorBody | None) -> bool:
        if self.status != status:
            return False
        wanted = {"type": self.type, "code": self.code, "param": self.param}
        named = {name: value for name, value in wanted.items() if value is not None}
        if not named:
            return True
        return body is not None and all(getattr(body, name) == named[name] for name in named)


_INVALID = "invalid_request_error"

TABLE: tuple[Rule, ...] = (
    Rule(400, Meaning.UNKNOWN, _INVALID, "resource_missing", "subscription"),
    Rule(400, Meaning.UNKNOWN, _INVALID, "resource_missing", "customer"),
    Rule(400, Meaning.REFUSED, _INVALID),
    Rule(400, Meaning.REFUSED, "idempotency_error"),
    Rule(400, Meaning.REFUSED, "card_error"),
    Rule(401, Meaning.CREDENTIALS),
    Rule(402, Meaning.REFUSED),
    Rule(403, Meaning.CREDENTIALS),
    Rule(404, Meaning.UNKNOWN, _INVALID, "resource_missing"),
    # Another request holds the same idempotency key, or the object's lock.
    Rule(409, Meaning.LATER),
    Rule(424, Meaning.BROKE),
    Rule(429, Meaning.LATER),
    Rule(500, Meaning.BROKE),
    Rule(502, Meaning.BROKE),
    Rule(503, Meaning.BROKE),
    Rule(504, Meaning.BROKE),
)


@dataclass(frozen=True)
class Errand:
    """What a request was for, as people say it; `subject` is the object to mend."""

    words: str
    subject: str
    connection: str
    writes: bool = False
    kind: Kind = Kind.SUBSCRIPTION


class UnknownObject(Rejection):
    """What was asked for is not there, or no longer: what is read beside it may do without."""


def unknown(message: str, subject: str, kind: Kind) -> UnknownObject:
    """The failure for an object that this account does not have."""
    reason = (
        RejectionCode.SUBSCRIPTION_UNKNOWN
        if kind is Kind.SUBSCRIPTION
        else RejectionCode.BILLING_REFUSED
    )
    return UnknownObject(reason, message, system=SYSTEM, subject=subject)


def failure(answer: httpx.Response, errand: Errand) -> Failure:
    """The failure that an answer other than 200 stands for."""
    body = _body(answer)
    for rule in TABLE:
        if rule.matches(answer.status_code, body):
            return _failure(rule.meaning, answer, body, errand)
    return ContractDrift(
        f"Stripe answered {_said(answer, body)} when asked to {errand.words}, which its contract "
        "does not foresee: compare the API version of the account, then retry",
        system=SYSTEM,
        payload_path="$.error" if body else "$",
    )


def _failure(
    meaning: Meaning, answer: httpx.Response, body: ErrorBody | None, errand: Errand
) -> Failure:
    said = f"Stripe answered {_said(answer, body)} when asked to {errand.words}"
    match meaning:
        case Meaning.CREDENTIALS:
            return CredentialsRefused(
                f"{said}: the secret `api_key` of the connection {errand.connection!r} is refused "
                "or lacks a permission; renew it or give it read access to customers, prices, tax "
                "rates, charges, payment intents and disputes and write access to subscriptions, "
                "invoices and credit notes",
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
        case Meaning.UNKNOWN:
            return unknown(
                f"{said}: this account has no {errand.kind} {errand.subject}; check that the "
                f"connection {errand.connection!r} is of the right account and mode, or abort",
                errand.subject,
                errand.kind,
            )
        case Meaning.REFUSED:
            return Rejection(
                RejectionCode.BILLING_REFUSED,
                f"{said}: look at {errand.kind} {errand.subject} and this request in Stripe's "
                "request log, mend the cause, then retry",
                system=SYSTEM,
                subject=errand.subject,
            )
    assert_never(meaning)


def _body(answer: httpx.Response) -> ErrorBody | None:
    """The error envelope; None where something before Stripe answered, such as a gateway."""
    try:
        return ErrorEnvelope.model_validate(orjson.loads(answer.content)).error
    except (orjson.JSONDecodeError, ValidationError):
        return None


def _said(answer: httpx.Response, body: ErrorBody | None) -> str:
    """`404 invalid_request_error/resource_missing (request req_…)`, made of Stripe's own codes."""
    words = [str(answer.status_code)]
    if body:
        names = (body.type, body.code, body.param)
        words.append("/".join(_bounded(name) for name in names if name))
    if request := answer.headers.get("request-id"):
        words.append(f"(request {_bounded(request)})")
    return " ".join(words)


def _bounded(word: str) -> str:
    return "".join(letter for letter in word[:64] if letter.isascii() and letter.isprintable())
