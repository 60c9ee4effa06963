"""Every status that Stripe documents, and those it does not, to a failure of the taxonomy."""

from collections.abc import Mapping

import httpx
import orjson
import pytest
import stripe

from canonical_models.failures import (
    ContractDrift,
    CredentialsRefused,
    Failure,
    Rejection,
    RejectionCode,
    TransientFailure,
    UncertainWrite,
)
from connectors.stripe import API_VERSION
from connectors.stripe.errors import REFUSALS, Kind, StripeRequest, UnknownObject, failure

READ = StripeRequest("read the subscription sub_1", "billing", "sub_1")
WRITE = StripeRequest(
    "note the synchronisation on the subscription sub_1", "billing", "sub_1", writes=True
)
PRIVATE = "No such customer: jane.doe@example.com"


def answer(
    status: int,
    kind: str | None = "invalid_request_error",
    code: str | None = None,
    param: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> httpx.Response:
    error = {"type": kind, "code": code, "param": param, "message": PRIVATE}
    content = b"<html>" if kind is None else orjson.dumps({"error": error})
    return httpx.Response(status, content=content, headers=dict(headers or {}))


KINDS = ("invalid_request_error", "idempotency_error", "card_error", "api_error", "novel", None)
CODES = ("resource_missing", "rate_limit", "lock_timeout", "idempotency_key_in_use", None)
PARAMS = ("subscription", "id", "customer", "ending_before", None)


def expected(
    status: int, kind: str | None, code: str | None, param: str | None, writes: bool
) -> type[Failure] | RejectionCode:
    """The table once more, as the brief says it."""
    if status in (401, 403):
        return CredentialsRefused
    if status in (409, 429):
        return TransientFailure
    if status in (408, 424) or (status == 404 and kind is None) or 500 <= status <= 599:
        return UncertainWrite if writes else TransientFailure
    if status == 402:
        return RejectionCode.BILLING_REFUSED
    missing = (kind, code) == ("invalid_request_error", "resource_missing")
    if status == 404 and missing:
        return RejectionCode.SUBSCRIPTION_UNKNOWN
    if status == 400 and kind in ("invalid_request_error", "idempotency_error", "card_error"):
        named = missing and param in ("subscription", "customer", "ending_before")
        return RejectionCode.SUBSCRIPTION_UNKNOWN if named else RejectionCode.BILLING_REFUSED
    return ContractDrift


@pytest.mark.parametrize("context", [READ, WRITE], ids=["read", "write"])
@pytest.mark.parametrize("status", [201, 204, 302, *range(400, 432), 451, *range(500, 530), 599])
def test_every_status_with_every_body(status: int, context: StripeRequest) -> None:
    for kind in KINDS:
        for code in CODES:
            for param in PARAMS:
                found = failure(answer(status, kind, code, param), context)
                wanted = expected(status, kind, code, param, context.writes)
                if isinstance(wanted, RejectionCode):
                    assert isinstance(found, Rejection), (status, kind, code, param)
                    assert (found.reason, found.subject) == (wanted, "sub_1")
                else:
                    assert type(found) is wanted, (status, kind, code, param)
                assert "sub_1" in found.message
                assert "jane" not in found.message
                assert found.system == "stripe"


@pytest.mark.parametrize("kind", sorted(set(Kind) - {Kind.SUBSCRIPTION}))
def test_what_is_no_subscription_is_refused_where_it_is_unknown(kind: Kind) -> None:
    context = StripeRequest(f"read the {kind} x_1", "billing", "x_1", kind=kind)
    found = failure(answer(404, code="resource_missing", param="id"), context)
    assert isinstance(found, UnknownObject)
    assert (found.reason, found.subject) == (RejectionCode.BILLING_REFUSED, "x_1")
    assert f"has no {kind} x_1" in found.message


def test_no_rule_is_hidden_by_an_earlier_one() -> None:
    for rule in REFUSALS.table:
        status = rule.statuses if isinstance(rule.statuses, int) else rule.statuses[-1]
        assert REFUSALS.rule(status, rule.needs) is rule


@pytest.mark.parametrize(
    ("status", "again", "reading", "writing"),
    [
        (400, "true", TransientFailure, UncertainWrite),
        (401, "true", TransientFailure, UncertainWrite),
        (402, "true", TransientFailure, UncertainWrite),
        (404, "true", TransientFailure, UncertainWrite),
        (409, "true", TransientFailure, UncertainWrite),
        (429, "true", TransientFailure, TransientFailure),
        (500, "true", TransientFailure, UncertainWrite),
        (409, "false", Rejection, Rejection),
        # A limit of calls is over in a moment, and nothing was done.
        (429, "false", TransientFailure, TransientFailure),
        # Whether the write happened Stripe does not say: it is looked up.
        (408, "false", Rejection, UncertainWrite),
        (424, "false", Rejection, UncertainWrite),
        (500, "false", Rejection, UncertainWrite),
        (503, "false", Rejection, UncertainWrite),
        (529, "false", Rejection, UncertainWrite),
    ],
)
def test_stripes_word_on_a_repetition_goes_before_the_class(
    status: int, again: str, reading: type[Failure], writing: type[Failure]
) -> None:
    said = answer(status, headers={"Stripe-Should-Retry": again})
    assert type(failure(said, READ)) is reading
    assert type(failure(said, WRITE)) is writing


@pytest.mark.parametrize("status", [409, 429, 503])
def test_stripes_own_delay_is_kept(status: int) -> None:
    found = failure(answer(status, headers={"Retry-After": "7"}), READ)
    assert isinstance(found, TransientFailure)
    assert found.retry_after == 7


def test_the_text_leads_to_the_request() -> None:
    found = failure(
        answer(400, code="parameter_unknown", param="metadata", headers={"Request-Id": "req_9"}),
        WRITE,
    )
    assert "400 invalid_request_error/parameter_unknown/metadata (request req_9)" in found.message


def test_what_stripe_names_is_bounded_and_printable() -> None:
    found = failure(answer(400, code="x" * 500 + "\n", param="\n\x1b[31mred"), READ)
    assert found.message.isprintable()
    assert len(found.message) < 500


def test_the_version_we_pin_is_the_one_the_shapes_were_read_from() -> None:
    assert stripe.api_version == API_VERSION
