"""/v1/…/search: a query language over what there is.

https://docs.stripe.com/search. Stripe's results lag a minute behind; here they do not.
"""

import re
from collections.abc import Callable
from functools import partial

from sandbox.simulators.stripe.context import Context
from sandbox.simulators.stripe.errors import Json, StripeError
from sandbox.simulators.stripe.fields import Handler, Routes
from sandbox.simulators.stripe.forms import Params

Test = Callable[[Json], bool]

_KINDS = {
    "charges": "charge",
    "customers": "customer",
    "invoices": "invoice",
    "payment_intents": "payment_intent",
    "prices": "price",
    "products": "product",
    "subscriptions": "subscription",
}
_CLAUSE = re.compile(
    r"""(?P<not>-)?(?P<field>[a-z_.]+)(\[["'](?P<key>[^"']+)["']\])?"""
    r"""(?P<op>:|~|>=|<=|>|<)(?P<value>"[^"]*"|'[^']*'|[\w.-]+)"""
)
_BETWEEN = re.compile(r"\s+(AND|OR)\s+|\s+")


def search(ctx: Context, p: Params, _path: dict[str, str], *, folder: str) -> Json:
    """A page of what fits the query, the newest first."""
    query = p.need("query")
    fits = _query(query)
    limit = p.integer("limit", 1, 100) or 10
    before = p.text("page") or None
    found = [
        obj
        for obj in ctx.store.find(_KINDS[folder], before=before)
        if not obj.get("_deleted") and fits(ctx.view(obj))
    ]
    rows, more = found[:limit], len(found) > limit
    return {
        "object": "search_result",
        "data": [ctx.view(obj) for obj in rows],
        "has_more": more,
        "next_page": rows[-1]["id"] if more else None,
        "url": f"/v1/{folder}/search",
    }


def _query(text: str) -> Test:
    tests: list[Test] = []
    words: set[str] = set()
    at = 0
    while True:
        found = _CLAUSE.match(text, at)
        if found is None:
            raise _unclear(text)
        tests.append(_clause(found, text))
        at = found.end()
        if at == len(text):
            break
        between = _BETWEEN.match(text, at)
        if between is None:
            raise _unclear(text)
        words.add(between[1] or "AND")
        at = between.end()
    if len(words) > 1:
        raise StripeError("A query has AND or OR, and not both of them.", param="query")
    together = any if words == {"OR"} else all
    return lambda shown: together(test(shown) for test in tests)


def _clause(found: re.Match[str], text: str) -> Test:
    path = [*found["field"].split("."), *([found["key"]] if found["key"] else [])]
    value = found["value"].strip("\"'")
    null = found["value"] == "null"

    def holds(shown: Json) -> bool:
        held: object = shown
        for name in path:
            held = held.get(name) if isinstance(held, dict) else None
        match found["op"]:
            case ":" if null:
                return held is None
            case ":":
                return held is not None and _text(held) == value.lower()
            case "~":
                return held is not None and value.lower() in _text(held)
            case ordered:
                return isinstance(held, int) and _ordered(held, ordered, value, text)

    return (lambda shown: not holds(shown)) if found["not"] else holds


def _text(held: object) -> str:
    return str(held).lower()


def _ordered(held: int, op: str, value: str, text: str) -> bool:
    if not value.lstrip("-").isdigit():
        raise _unclear(text)
    wanted = int(value)
    match op:
        case ">":
            return held > wanted
        case ">=":
            return held >= wanted
        case "<":
            return held < wanted
        case _:
            return held <= wanted


def _unclear(text: str) -> StripeError:
    return StripeError(f"We were unable to parse your search query: {text[:80]}", param="query")


def _of(folder: str) -> Handler:
    return partial(search, folder=folder)


ROUTES: Routes = [("GET", f"/v1/{folder}/search", _of(folder)) for folder in _KINDS]
