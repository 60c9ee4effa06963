"""Stripe's answers where no real dialogue gives them."""

from typing import Any

import httpx

Json = dict[str, Any]


def empty() -> Json:
    return {"data": [], "has_more": False}


def listing(*found: Json) -> Json:
    return {"data": list(found), "has_more": False}


def answering(body: Any) -> httpx.Response:
    return body if isinstance(body, httpx.Response) else httpx.Response(200, json=body)


def serving(**pages: Any) -> httpx.MockTransport:
    """Answers by the second part of the path; empty lists where none is given."""

    def respond(request: httpx.Request) -> httpx.Response:
        return answering(pages.get(request.url.path.split("/")[2], empty()))

    return httpx.MockTransport(respond)


def subscription(**changes: Any) -> Json:
    plain: Json = {
        "id": "sub_1",
        "customer": {"id": "cus_1"},
        "status": "active",
        "currency": "eur",
        "items": empty(),
        "start_date": 1,
        "cancel_at": None,
        "cancel_at_period_end": False,
        "ended_at": None,
        "metadata": {},
        "automatic_tax": {"enabled": False},
        "latest_invoice": None,
    }
    return plain | changes


def line(**changes: Any) -> Json:
    plain: Json = {
        "id": "il_1",
        "amount": 1000,
        "currency": "eur",
        "description": None,
        "parent": None,
        "period": {"start": 1, "end": 2},
        "pricing": None,
        "quantity": 1,
        "taxes": [],
    }
    return plain | changes


def invoice(**changes: Any) -> Json:
    plain: Json = {
        "id": "in_1",
        "currency": "eur",
        "status": "open",
        "created": 1,
        "status_transitions": {},
        "collection_method": "charge_automatically",
        "attempted": False,
        "total": 1000,
        "amount_remaining": 1000,
        "customer": "cus_1",
        "lines": listing(line()),
        "payments": empty(),
    }
    return plain | changes


def share(key: str = "inpay_1", **changes: Any) -> Json:
    plain: Json = {
        "id": key,
        "amount_paid": 1000,
        "created": 1,
        "currency": "eur",
        "invoice": "in_1",
        "is_default": True,
        "payment": {"payment_intent": "pi_1"},
        "status": "paid",
        "status_transitions": {"paid_at": 2},
    }
    return plain | changes


def note(**changes: Any) -> Json:
    plain: Json = {
        "id": "cn_1",
        "created": 1,
        "currency": "eur",
        "invoice": invoice(),
        "lines": empty(),
        "status": "void",
        "total": 0,
        "pre_payment_amount": 0,
    }
    return plain | changes


def missing(param: str, status: int = 404) -> httpx.Response:
    error = {"type": "invalid_request_error", "code": "resource_missing", "param": param}
    return httpx.Response(status, json={"error": error})
