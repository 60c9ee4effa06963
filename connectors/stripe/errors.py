"""What each of Stripe's refusals means to us: see connectors/refusals.py.

Source: https://docs.stripe.com/api/errors and https://docs.stripe.com/error-low-level.
"""

from dataclasses import dataclass
from enum import StrEnum

import httpx
import orjson
from pydantic import ValidationError

from canonical_models.failures import Failure, Rejection, RejectionCode
from connectors.http import retry_after
from connectors.refusals import FOREIGN, Meaning, Refusals, RequestContext, Rule
from connectors.stripe import SYSTEM
from connectors.stripe.wire import ErrorBody, ErrorEnvelope


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
    EVENT = "event"
    PAYOUT = "payout"

    @property
    def article(self) -> str:
        return f"an {self}" if self in (Kind.INVOICE, Kind.EVENT) else f"a {self}"


@dataclass(frozen=True)
class StripeRequest(RequestContext):
    kind: Kind = Kind.SUBSCRIPTION


class UnknownObject(Rejection):
    """What was asked for is not there, or no longer: what is read beside it may do without."""


class NothingUpcoming(Rejection):
    """There is nothing to preview: nothing would be billed, now or later."""


_INVALID, _MISSING = "type invalid_request_error", "code resource_missing"
#: Stripe-Should-Retry: its own word on whether the same request may end otherwise, which goes
#: before the class of the status. https://docs.stripe.com/error-low-level#stripe-should-retry.
#: It is no word on whether a write has happened, so that one is looked up as ever.
_AGAIN, _NOT_AGAIN = "retry true", "retry false"
_READING = "a read"

_KEY = (
    "the secret `api_key` of the connection {it.connection!r} is refused or lacks a permission; "
    "renew it or give it read access to customers, prices, tax rates, charges, payment intents, "
    "disputes, payouts and the balance and write access to subscriptions, invoices and credit notes"
)


def _refused(status: int, *names: str) -> Rule:
    return Rule(
        status,
        Meaning.REFUSED,
        frozenset(names),
        code=RejectionCode.BILLING_REFUSED,
        advice="look at {it.kind} {it.subject} and this request in Stripe's request log, mend the "
        "cause, then retry",
    )


def _not_again(status: int | range) -> Rule:
    """Of a read that Stripe says will end so again: the engine would ask for ever."""
    return Rule(
        status,
        Meaning.REFUSED,
        frozenset({_NOT_AGAIN, _READING}),
        code=RejectionCode.BILLING_REFUSED,
        advice="Stripe says that the same request ends so again: look at {it.kind} {it.subject} "
        "and this request in Stripe's request log, ask Stripe's support, then retry",
    )


def _missing(status: int, *names: str) -> tuple[Rule, ...]:
    return tuple(
        Rule(
            status,
            Meaning.REFUSED,
            frozenset({_INVALID, _MISSING, *names, *about}),
            code=code,
            advice="this account has no {it.kind} {it.subject}; check that the connection "
            "{it.connection!r} is of the right account and mode, or abort",
            raised=UnknownObject,
        )
        for about, code in (
            ((f"about {Kind.SUBSCRIPTION}",), RejectionCode.SUBSCRIPTION_UNKNOWN),
            ((), RejectionCode.BILLING_REFUSED),
        )
    )


REFUSALS = Refusals(
    SYSTEM,
    (
        Rule(429, Meaning.LATER, frozenset({_AGAIN})),
        Rule(range(400, 600), Meaning.BROKE, frozenset({_AGAIN})),
        _not_again(range(500, 600)),
        _not_again(424),
        _not_again(408),
        Rule(401, Meaning.CREDENTIALS, advice=_KEY),
        Rule(403, Meaning.CREDENTIALS, advice=_KEY),
        *(
            Rule(
                status,
                Meaning.REFUSED,
                frozenset({_INVALID, "code invoice_upcoming_none"}),
                code=RejectionCode.BILLING_REFUSED,
                advice="{it.kind} {it.subject} would bill nothing",
                raised=NothingUpcoming,
            )
            for status in (400, 404)
        ),
        *_missing(400, "param subscription"),
        *_missing(400, "param customer"),
        # Where a list goes on, and what it went on from is not kept any more.
        *_missing(400, "param ending_before"),
        _refused(400, _INVALID),
        _refused(400, "type idempotency_error"),
        _refused(400, "type card_error"),
        _refused(402),
        *_missing(404),
        # It does not say so of another request that holds the key, or the object's lock.
        _refused(409, _NOT_AGAIN),
        Rule(409, Meaning.LATER),
        Rule(424, Meaning.BROKE),
    ),
    unforeseen="compare the API version of the account, then retry",
)


def unknown(message: str, subject: str, kind: Kind) -> UnknownObject:
    """The failure for an object that this account does not have."""
    reason = (
        RejectionCode.SUBSCRIPTION_UNKNOWN
        if kind is Kind.SUBSCRIPTION
        else RejectionCode.BILLING_REFUSED
    )
    return UnknownObject(reason, message, system=SYSTEM, subject=subject)


def failure(answer: httpx.Response, context: StripeRequest) -> Failure:
    """The failure that an answer other than 200 stands for."""
    body = body_of(answer)
    names = {f"about {context.kind}", f"retry {answer.headers.get('stripe-should-retry')}"}
    if not context.writes:
        names.add(_READING)
    if body is None:
        names.add(FOREIGN)
    else:
        names |= {f"type {body.type}", f"code {body.code}", f"param {body.param}"}
    return REFUSALS.failure(
        answer.status_code,
        f"Stripe answered {_said(answer, body)} when asked to {context.words}",
        context,
        names=names,
        delay=retry_after(answer),
        path="$.error" if body else "$",
    )


def body_of(answer: httpx.Response) -> ErrorBody | None:
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
