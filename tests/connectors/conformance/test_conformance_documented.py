"""Every error that a vendor documents has a class: walked over the vendors' own lists, not ours.

Stripe's codes are those of its library, its types and Zendesk's statuses those of their OpenAPI
files where they are at hand, and Tryton's those that the installed Tryton itself would answer.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any, get_args

import httpx
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
from connectors.refusals import RequestContext
from connectors.stripe.errors import StripeRequest
from connectors.stripe.errors import failure as stripe_failure
from connectors.tryton.errors import refusal, rpc_refusal
from connectors.zendesk.errors import failure as zendesk_failure
from sandbox.erp.server import DEFAULT_VENV

ROOT = Path(__file__).resolve().parents[3]
CONTRACTS = ROOT / os.environ.get("TRUEUP_CONTRACTS", "../shared/contracts")
WRITE = StripeRequest("change the subscription sub_1", "billing", "sub_1", writes=True)
READ = StripeRequest("read the subscription sub_1", "billing", "sub_1")
ORGANIZATION = RequestContext("change the organisation cus_1", "support", "cus_1", writes=True)

#: https://docs.stripe.com/api/errors, "HTTP status code summary".
STRIPE_STATUSES = (400, 401, 402, 403, 404, 409, 424, 429, 500, 502, 503, 504)
#: https://developer.zendesk.com/api-reference/introduction/requests/#response-format and
#: .../rate-limits/.
ZENDESK_STATUSES = (401, 403, 404, 409, 422, 429, 500, 503)


def contract(name: str) -> dict[str, Any]:
    file = CONTRACTS / name
    if not file.is_file():
        pytest.skip(f"{name} is not in the folder that TRUEUP_CONTRACTS names")
    found: dict[str, Any] = json.loads(file.read_text())
    return found


def has_a_class(found: Failure, what: object) -> None:
    assert isinstance(found, (CredentialsRefused, Rejection, TransientFailure, UncertainWrite)), (
        what
    )
    assert not isinstance(found, ContractDrift)


def stripe_answer(status: int, kind: str, code: str | None) -> httpx.Response:
    error = {"type": kind, "code": code, "message": "No such thing"}
    return httpx.Response(status, json={"error": error})


def stripe_codes() -> list[str]:
    """By Stripe's own library."""
    codes = _literals(stripe.Invoice.LastFinalizationError.__annotations__["code"])
    assert len(codes) > 100
    return codes


def _literals(hint: Any) -> list[str]:
    found: list[str] = []
    for part in get_args(hint):
        found += [part] if isinstance(part, str) else _literals(part)
    return found


def test_every_code_of_stripe_has_a_class() -> None:
    for code in stripe_codes():
        for status in (400, 402, 429):
            kind = "card_error" if status == 402 else "invalid_request_error"
            for context in (READ, WRITE):
                found = stripe_failure(stripe_answer(status, kind, code), context)
                has_a_class(found, (status, code))
                assert "sub_1" in found.message


def test_every_type_and_status_of_stripe_has_a_class() -> None:
    document = contract("stripe-subset-noprose.json")
    kinds = document["components"]["schemas"]["api_errors"]["properties"]["type"]["enum"]
    assert len(kinds) >= 4
    #: Stripe answers these with these statuses alone.
    apart = {"api_error": {400, 404}, "card_error": {404}, "idempotency_error": {404}}
    for kind in kinds:
        for status in STRIPE_STATUSES:
            if status in apart.get(kind, ()):
                continue
            code = "resource_missing" if status == 404 else None
            has_a_class(stripe_failure(stripe_answer(status, kind, code), WRITE), (kind, status))


def test_every_status_of_zendesk_has_a_class() -> None:
    document = contract("zendesk-subset-noprose.json")
    documented = {
        int(status)
        for path in document["paths"].values()
        for operation in path.values()
        if isinstance(operation, dict)
        for status in operation.get("responses", ())
        if status.isdecimal() and int(status) >= 400
    }
    assert documented
    for status in {*documented, *ZENDESK_STATUSES}:
        answer = httpx.Response(status, json={"error": "Named", "description": "words"})
        has_a_class(zendesk_failure(answer, ORGANIZATION), status)


#: Asks Tryton itself: by exception its name, what REST answers, and what JSON-RPC holds.
_ASKED = """
import json
from trytond import exceptions
from trytond.protocols.jsonrpc import JSONProtocol

class Request:
    parsed_data = {}
    accept_encodings = ()

def below(kind):
    for each in kind.__subclasses__():
        yield each
        yield from below(each)

GIVEN = {"UserError": ("No", "Why", None), "UserWarning": ("key.name", "No", "Why"),
         "LoginException": ("password", "Who"), "ConcurrencyException": ("Again",)}
found = []
for kind in below(exceptions.TrytonException):
    name = kind.__name__
    if name == "MissingDependenciesException":
        continue
    raised = kind(*GIVEN.get(name, (name, [name])))
    found.append([name, JSONProtocol.response(raised, Request()).code, raised.args])
print(json.dumps(found))
"""


@pytest.mark.erp
def test_every_exception_of_tryton_has_a_class_by_both_of_its_ways() -> None:
    python = DEFAULT_VENV / "bin" / "python"
    if not python.exists():
        pytest.skip(f"the ERP environment {DEFAULT_VENV} is not installed")
    told = subprocess.run([python, "-c", _ASKED], check=True, capture_output=True, text=True)
    known = json.loads(told.stdout)
    assert {name for name, *_ in known} >= {"UserError", "TimeOutException", "RateLimitException"}
    for name, status, (kind, *rest) in known:
        found = refusal(httpx.Response(status), "document in_1", writes=True, refused=REFUSED)
        has_a_class(found, (name, status))
        first = rest[0] if rest else []
        details = first if isinstance(first, list) else [first]
        has_a_class(rpc_refusal(kind, details, "document in_1", refused=REFUSED), name)


REFUSED = RejectionCode.DOCUMENT_REFUSED
