"""What two versions make of one recorded call, laid side by side."""

from collections.abc import Iterator
from typing import Any

import orjson

from canonical_models.base import Canonical
from canonical_models.money import Money
from connectors.replaying import Read

_NAMES = ("document_id", "subscription_id", "customer_id", "external_id")


class Otherwise(Canonical):
    """One thing that would be read otherwise than it was: `where` in what the call makes of the
    answers, or in the answer itself where it does not fit any more (`drift`)."""

    call: str
    about: str
    where: str
    was: str
    now: str


def compared(was: Read, now: Read, money: dict[str, int]) -> Iterator[Otherwise]:
    """What the call would read otherwise; by how much is added to `money`, by currency."""

    def otherwise(where: str, before: Any, after: Any, about: str = "") -> Otherwise:
        return Otherwise(
            call=was.call,
            about=about or was.about,
            where=where,
            was=_short(before),
            now=_short(after),
        )

    if was.refused or now.refused:
        before, after = (
            (one.refused, one.path, one.change) if one.refused else "read" for one in (was, now)
        )
        if before != after:
            for total in _totals(was.result):
                money[total["currency"]] = money.get(total["currency"], 0) + abs(total["minor"])
            where = now.path or was.path or "$"
            said = now.change or now.refused or "read"
            yield otherwise(where, was.change or was.refused or "read", said)
        return
    told = set[str]()
    for where, before, after, about, amount in _differences(was.result, now.result, "$", ""):
        if amount is not None:
            currency, minor = amount
            money[currency] = money.get(currency, 0) + minor
        if where not in told:
            told.add(where)
            yield otherwise(where, before, after, about)


def _differences(
    was: Any, now: Any, where: str, about: str, *, inside: bool = False
) -> Iterator[tuple[str, Any, Any, str, tuple[str, int] | None]]:
    """(where, was, now, the object that it is of, by how much money). Of a document (`inside`) its
    gross alone is money: the parts are in it."""
    if was == now:
        return
    counts = not inside or where.endswith(".gross")
    if _is_money(was) and _is_money(now) and was["currency"] == now["currency"]:
        amount = was["currency"], abs(was["minor"] - now["minor"])
        yield where, was, now, about, amount if counts else None
    elif isinstance(was, dict) and isinstance(now, dict) and not _is_money(was):
        of = next((str(was[name]) for name in _NAMES if was.get(name)), about)
        within = inside or "document_id" in was
        for name in dict.fromkeys((*was, *now)):
            yield from _differences(
                was.get(name), now.get(name), f"{where}.{name}", of, inside=within
            )
    elif isinstance(was, list) and isinstance(now, list) and len(was) == len(now):
        for index, pair in enumerate(zip(was, now, strict=True)):
            yield from _differences(*pair, f"{where}[{index}]", about, inside=inside)
    else:
        yield where, was, now, about, None
        # A document, or an amount, that is not there any more, or is new.
        for total in (*_totals(was), *_totals(now)):
            yield where, was, now, about, (total["currency"], abs(total["minor"]))


def _is_money(value: Any) -> bool:
    return isinstance(value, dict) and set(value) == {"minor", "currency"}


def _totals(result: Any) -> Iterator[dict[str, Any]]:
    """Of the documents in it, or the amount that it is."""
    if _is_money(result):
        yield result
    elif isinstance(result, list):
        for each in result:
            yield from _totals(each)
    elif isinstance(result, dict):
        if "document_id" in result and _is_money(result.get("gross")):
            yield result["gross"]
            return
        for each in result.values():
            yield from _totals(each)


def subscriptions_of(read: Read) -> Iterator[str]:
    """Those that the call was about."""
    if read.about.startswith("sub_"):
        yield read.about
    yield from _named(read.result)


def _named(result: Any) -> Iterator[str]:
    if isinstance(result, list):
        for each in result:
            yield from _named(each)
    elif isinstance(result, dict):
        if isinstance(name := result.get("subscription_id"), str):
            yield name
        for each in result.values():
            yield from _named(each)


def _short(value: Any) -> str:
    if _is_money(value):
        return str(Money.model_validate(value, strict=False))
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return text if len(text) <= 120 else text[:117] + "..."
