"""Lists, their cursors, and `expand[]` (https://docs.stripe.com/api/pagination, …/expand)."""

from collections.abc import Callable, Iterator
from itertools import islice

from sandbox.simulators.stripe.context import Context
from sandbox.simulators.stripe.errors import Json, StripeError
from sandbox.simulators.stripe.fields import deleted
from sandbox.simulators.stripe.forms import Params
from sandbox.simulators.stripe.includables import included, is_includable

_MAX_EXPAND_DEPTH = 4


def page(
    ctx: Context,
    p: Params,
    kind: str,
    url: str,
    *,
    customer: str | None = None,
    subscription: str | None = None,
    keep: Callable[[Json], bool] = lambda _obj: True,
) -> Json:
    """One page of stored objects, newest first."""
    limit = _limit(p)
    created = range_filter(p, "created")
    after, before = p.text("starting_after"), p.text("ending_before")
    _one_cursor(after, before)
    found = ctx.store.find(
        kind,
        customer=customer,
        subscription=subscription,
        before=after,
        after=before,
        oldest_first=bool(before),
    )
    rows = _take(found, limit, lambda obj: keep(obj) and created(obj.get("created", 0)))
    return _list_object(ctx, rows, limit, url, backwards=bool(before))


def page_of(p: Params, data: list[Json], url: str) -> Json:
    """One page of a list that lives inside an object, in its own order."""
    limit = _limit(p)
    after, before = p.text("starting_after"), p.text("ending_before")
    _one_cursor(after, before)
    ids = [entry["id"] for entry in data]
    for cursor in (after, before):
        if cursor and cursor not in ids:
            raise StripeError(f"No such line: '{cursor[:80]}'", code="resource_missing")
    if before:
        head = data[: ids.index(before)]
        chosen, more = head[-limit:], len(head) > limit
    else:
        tail = data[ids.index(after) + 1 :] if after else data
        chosen, more = tail[:limit], len(tail) > limit
    return {"object": "list", "data": chosen, "has_more": more, "url": url}


def range_filter(p: Params, key: str) -> Callable[[int], bool]:
    """Stripe's `created=…` or `created[gte]=…&created[lt]=…`."""
    tests: list[Callable[[int], bool]] = []
    if p.is_leaf(key):
        exact = p.integer(key)
        tests.append(lambda at: at == exact)
    elif bounds := p.sub(key):
        gt, gte = bounds.integer("gt"), bounds.integer("gte")
        lt, lte = bounds.integer("lt"), bounds.integer("lte")
        tests.append(lambda at: gt is None or at > gt)
        tests.append(lambda at: gte is None or at >= gte)
        tests.append(lambda at: lt is None or at < lt)
        tests.append(lambda at: lte is None or at <= lte)
    return lambda at: all(test(at) for test in tests)


def expand(ctx: Context, body: Json, paths: list[str]) -> None:
    """Replace ids by objects in place, for paths such as `latest_invoice` or `data.customer`."""
    for path in paths:
        parts = path.split(".")
        if body.get("object") == "list" and parts[0] != "data":
            raise StripeError(
                f"This property cannot be expanded ({path[:80]}). You may want to try expanding"
                f" 'data.{path[:80]}' instead."
            )
        if len([part for part in parts if part != "data"]) > _MAX_EXPAND_DEPTH:
            raise StripeError("You cannot expand more than 4 levels of a property.")
        _expand(ctx, body, parts, path)


def _expand(ctx: Context, here: object, parts: list[str], path: str) -> None:
    if not parts:
        return
    if isinstance(here, list):
        for entry in here:
            _expand(ctx, entry, parts, path)
        return
    if not isinstance(here, dict):
        raise _cannot(path)
    value = here.get(parts[0])
    if isinstance(value, str):
        here[parts[0]] = value = _fetched(ctx, value, path)
    elif isinstance(value, list) and value and all(isinstance(key, str) for key in value):
        here[parts[0]] = value = [_fetched(ctx, key, path) for key in value]
    elif value is None and is_includable(here, parts[0]):
        here[parts[0]] = value = included(ctx, here, parts[0])
    elif parts[0] not in here:
        raise _cannot(path)
    if value is not None:
        _expand(ctx, value, parts[1:], path)


def _fetched(ctx: Context, key: str, path: str) -> Json:
    found = ctx.store.get(key)
    if found is None:
        raise _cannot(path)
    # A deleted coupon is still shown by the discounts that were made of it.
    gone = found["object"] == "customer" and found.get("_deleted")
    return deleted(found) if gone else ctx.view(found)


def _cannot(path: str) -> StripeError:
    return StripeError(f"This property cannot be expanded ({path[:80]}).")


def _limit(p: Params) -> int:
    limit = p.integer("limit")
    if limit is None:
        return 10
    if not 1 <= limit <= 100:
        raise StripeError(
            "Invalid integer: limit must be between 1 and 100",
            code="parameter_invalid_integer",
            param="limit",
        )
    return limit


def _one_cursor(after: str | None, before: str | None) -> None:
    if after and before:
        raise StripeError(
            "You may only specify one of these parameters: starting_after, ending_before."
        )


def _take(found: Iterator[Json], limit: int, keep: Callable[[Json], bool]) -> list[Json]:
    return list(islice((obj for obj in found if keep(obj)), limit + 1))


def _list_object(ctx: Context, rows: list[Json], limit: int, url: str, *, backwards: bool) -> Json:
    chosen = rows[:limit]
    if backwards:
        chosen.reverse()
    return {
        "object": "list",
        "data": [ctx.view(obj) for obj in chosen],
        "has_more": len(rows) > limit,
        "url": url,
    }
