"""What reading a whole tenant costs its vendors: the adapters ask, and pages are made up."""

import base64
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import httpx
import orjson
from pydantic import SecretStr

from canonical_models.reconciliation import Facts
from connectors.config import ConnectionConfig
from connectors.stripe import API_VERSION
from connectors.stripe.adapter import StripeBilling
from connectors.tryton.adapter import TrytonErp
from connectors.zendesk.adapter import ZendeskTicketing

Json = dict[str, Any]
_AT = 1_790_000_000
_EXPORTED = 1000


Requests = dict[str, int]


async def requests_of(count: int, *, changed: int) -> tuple[Requests, Requests, Requests]:
    """Requests by system of a first reading of so many subscriptions, each with a customer, an
    invoice and an organisation; of one after which so many have changed; and of one after which
    nothing has."""
    first: Requests = {}
    later: Requests = {}
    idle: Requests = {}
    billing, erp, support = _Stripe(count), _Tryton(count), _Zendesk(count)
    async with StripeBilling.connect(_config("stripe"), transport=billing.transport) as port:
        first["billing"], after = await _read(billing, lambda at: port.facts(after=at), None)
        idle["billing"], _ = await _read(billing, lambda at: port.facts(after=at), after)
        billing.changes = changed
        later["billing"], _ = await _read(billing, lambda at: port.facts(after=at), after)
    books = TrytonErp.connect(_config("tryton"), transport=erp.transport)
    first["erp"], after = await _read(erp, lambda at: books.facts("LE-DE", after=at), None)
    erp.count = erp.booked = 0
    idle["erp"], _ = await _read(erp, lambda at: books.facts("LE-DE", after=at), after)
    erp.count = erp.booked = changed
    later["erp"], _ = await _read(erp, lambda at: books.facts("LE-DE", after=at), after)
    await books.close()
    async with ZendeskTicketing.connect(_config("zendesk"), transport=support.transport) as desk:
        first["support"], after = await _read(support, lambda at: desk.facts(after=at), None)
        idle["support"], _ = await _read(support, lambda at: desk.facts(after=at), after)
        support.count = count + changed
        later["support"], _ = await _read(support, lambda at: desk.facts(after=at), after)
    return first, later, idle


async def _read(
    vendor: "_Vendor", page_at: Callable[[str | None], Any], after: str | None
) -> tuple[int, str | None]:
    vendor.asked = 0
    while True:
        page: Facts = await page_at(after)
        after = page.next
        if not page.more:
            return vendor.asked, after


class _Vendor(ABC):
    def __init__(self, count: int) -> None:
        self.count, self.asked = count, 0
        self.transport = httpx.MockTransport(self._respond)

    def _respond(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        return httpx.Response(200, json=self.answer(request))

    @abstractmethod
    def answer(self, request: httpx.Request) -> Any:
        """The body of the answer."""


class _Stripe(_Vendor):
    """Lists are by number, downwards; each change is two events, as of an invoice that is paid."""

    changes = 0

    def answer(self, request: httpx.Request) -> Json:
        given = request.url.params
        kind = request.url.path.rpartition("/")[2]
        if kind == "events":
            return self._events(given)
        if kind == "credit_notes":
            return {"data": [], "has_more": False}
        size, last = int(given["limit"]), given.get("starting_after")
        start = self.count if last is None else int(last.rpartition("_")[2])
        numbers = range(start - 1, max(start - 1 - size, -1), -1)
        made = _MADE[kind]
        return {"data": [made(number) for number in numbers], "has_more": start > size}

    def _events(self, given: httpx.QueryParams) -> Json:
        size, last = int(given["limit"]), given.get("ending_before")
        if last is None:
            return {"data": [_event(0)], "has_more": False}
        start = int(last.rpartition("_")[2]) + 1
        numbers = range(start, min(start + size, 2 * self.changes + 1))
        more = start + size < 2 * self.changes + 1
        return {"data": [_event(number) for number in reversed(numbers)], "has_more": more}


_TIME = {
    "__class__": "datetime",
    "year": 2026,
    "month": 12,
    "day": 1,
    "hour": 0,
    "minute": 0,
    "second": 0,
    "microsecond": 0,
}
_LAST_DAY = {"__class__": "date", "year": 2027, "month": 12, "day": 31}
_MASTER: dict[str, Json] = {
    "company.company": {"id": 1, "currency": {"code": "EUR"}},
    "account.configuration": {
        "id": 1,
        "deferred_account_revenue": 7,
        "default_category_account_revenue": 8,
    },
    "product.category": {"id": 1, "account_revenue": 8},
    "account.period": {"id": 1, "end_date": _LAST_DAY},
    "account.move": {"id": 1},
}


class _Tryton(_Vendor):
    """By id, upwards. Each document has a schedule, and one in ten is open."""

    def __init__(self, count: int) -> None:
        super().__init__(count)
        #: Lines of the books that are listed.
        self.booked = count // 10

    def answer(self, request: httpx.Request) -> Any:
        if request.method == "POST":
            body = orjson.loads(request.content)
            names: Json = {"external_id": {}, "defer_from": {}}
            if body.get("method", "").endswith("fields_get"):
                return {"id": body.get("id"), "result": names}
            return {"id": body.get("id"), "result": [1, "session"]}
        model = request.url.path.rpartition("/")[2]
        given = request.url.params
        domain = orjson.loads(base64.urlsafe_b64decode(given["d"]))
        if model in _MASTER:
            return [_MASTER[model] | ({given["f"]: _TIME} if model == "account.move" else {})]
        match model:
            case "account.invoice":
                return self._listed(domain, given, self.count, _booked)
            case "account.move.line" if domain[0][0] == "id":
                return self._listed(domain, given, self.booked, _open_line)
            case "account.invoice.deferred" if domain[0][0] == "id":
                return self._listed(domain, given, 0, _schedule)
            case "account.invoice.deferred":
                return [_schedule(number) for number in domain[0][2]]
            case "account.invoice.line":
                return [_line(number) for number in domain[0][2]]
            case _:
                return [_moved(number) for number in domain[0][1][2]]

    def _listed(
        self, domain: list[Any], given: httpx.QueryParams, count: int, made: Callable[[int], Json]
    ) -> list[Json]:
        after = next(term[2] for term in domain if term[0] == "id")
        last = min(after + int(given["s"]), count)
        return [made(number) for number in range(after + 1, last + 1)]


class _Zendesk(_Vendor):
    """By the second of the last change."""

    def answer(self, request: httpx.Request) -> Json:
        start = max(int(request.url.params["start_time"]) - _AT, 0)
        last = min(start + _EXPORTED, self.count)
        return {
            "organizations": [_organization(number) for number in range(start, last)],
            "end_time": _AT + last if last > start else None,
            "end_of_stream": last == self.count,
        }


def _invoice(number: int) -> Json:
    return {
        "id": f"in_{number}",
        "object": "invoice",
        "currency": "eur",
        "status": "paid",
        "number": f"A-{number}",
        "created": _AT,
        "status_transitions": {"finalized_at": _AT},
        "total": 11900,
        "total_excluding_tax": 10000,
        "amount_remaining": 0,
        "customer": f"cus_{number}",
    }


def _subscription(number: int) -> Json:
    item = {"price": {"product": "pro"}, "quantity": 5}
    return {
        "id": f"sub_{number}",
        "object": "subscription",
        "status": "active",
        "customer": f"cus_{number}",
        "currency": "eur",
        "items": {"data": [item], "has_more": False},
    }


def _customer(number: int) -> Json:
    return {"id": f"cus_{number}", "object": "customer", "currency": "eur", "balance": 0}


_MADE: dict[str, Callable[[int], Json]] = {
    "invoices": _invoice,
    "subscriptions": _subscription,
    "customers": _customer,
}


def _event(number: int) -> Json:
    held = {"object": _invoice(number // 2)}
    return {"id": f"evt_{number}", "api_version": API_VERSION, "data": held}


def _booked(number: int) -> Json:
    return {
        "id": number,
        "number": f"ERP-{number}",
        "reference": f"A-{number}",
        "external_id": f"in_{number}",
        "state": "paid",
        "sequence_type_cache": "invoice",
        "invoice_date": None,
        "party": {"code": f"C-{number}"},
        "currency": {"code": "EUR"},
        "comment": None,
        "untaxed_amount": {"__class__": "Decimal", "decimal": "100.00"},
        "tax_amount": {"__class__": "Decimal", "decimal": "19.00"},
        "amount_to_pay": {"__class__": "Decimal", "decimal": "0"},
        "create_uid": None,
        "move": number,
    }


_DAY = {"__class__": "date", "year": 2026, "month": 11, "day": 16}
_HUNDRED = {"__class__": "Decimal", "decimal": "100.00"}
_NOTHING = {"__class__": "Decimal", "decimal": "0"}


def _schedule(number: int) -> Json:
    line = {"id": number, "invoice": number}
    return {"id": number, "invoice_line": line, "start_date": _DAY, "end_date": _DAY}


def _line(number: int) -> Json:
    return {
        "id": number,
        "invoice": {"id": number, "currency": {"code": "EUR"}},
        "amount": _HUNDRED,
        "account": 8,
        "product": {"type": "service"},
        "origin": None,
    }


def _moved(number: int) -> Json:
    move = {"id": number, "origin": None, "description": None}
    sides = {"debit": _NOTHING, "credit": _HUNDRED}
    return {"id": number, **sides, "date": _DAY, "account": 8, "move": move}


def _open_line(number: int) -> Json:
    return {
        "id": number,
        "debit": _HUNDRED,
        "credit": _NOTHING,
        "amount_second_currency": None,
        "second_currency": None,
        "reconciliation": None,
        "account": {"id": 9, "type": {"receivable": True}},
        "date": _DAY,
        "party": {"code": f"C-{number}"},
        "invoice_payment": None,
        "move": {"number": str(number), "origin": None, "create_uid": None},
    }


def _organization(number: int) -> Json:
    return {"id": number + 1, "external_id": f"org_{number}", "tags": [], "organization_fields": {}}


def _config(vendor: str) -> ConnectionConfig:
    options = {
        "stripe": {},
        "tryton": {"database": "books", "login": "trueup"},
        "zendesk": {"email": "sync@example.com"},
    }[vendor]
    return ConnectionConfig(
        name=vendor,
        vendor=vendor,
        base_url="http://127.0.0.1:1",
        secrets={name: SecretStr("x") for name in ("api_key", "password", "token")},
        options=options,
        timeout_seconds=5,
    )
