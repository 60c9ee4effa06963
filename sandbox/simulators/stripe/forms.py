"""Stripe's bracketed forms, read strictly: a parameter nobody reads is refused, never ignored."""

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal, InvalidOperation
from typing import Union
from urllib.parse import parse_qsl

from sandbox.simulators.stripe.errors import StripeError

Node = Union[str, "Tree"]
Tree = dict[str, Node]

_PART = re.compile(r"[^\[\]]+|(?<=\[)(?=\])")
_MAX_DEPTH = 8
MOST_QUANTITY = 10**6
_INTEGER = re.compile(r"-?[0-9]{1,18}")
# Bounds that keep every sum of a document within 64 bits and every date within the calendar.
_MOST = 10**12
_LAST_SECOND = 4_102_444_800


def parse_pairs(*encoded: str) -> list[tuple[str, str]]:
    """Name and value pairs of query strings and form bodies, in order."""
    return [pair for text in encoded for pair in parse_qsl(text, keep_blank_values=True)]


def nest(pairs: Iterable[tuple[str, str]]) -> Tree:
    """`items[0][price]=p&expand[]=x` → `{"items": {"0": {"price": "p"}}, "expand": {"0": "x"}}`."""
    root: Tree = {}
    for key, value in pairs:
        parts = _PART.findall(key)
        if not parts or len(parts) > _MAX_DEPTH:
            raise StripeError(f"Invalid parameter name: {key[:80]}", code="parameter_unknown")
        here = root
        for part in parts[:-1]:
            step = here.setdefault(part or str(len(here)), {})
            if isinstance(step, str):
                raise StripeError(f"Invalid hash: {key[:80]}", param=key[:80])
            here = step
        here[parts[-1] or str(len(here))] = value
    return root


class Params:
    """Typed access to one level of a form; remembers what was read.

    Every getter returns None for an absent parameter and raises `StripeError` (400) that names
    the bracketed parameter when the value has the wrong type.
    """

    def __init__(self, tree: Tree, prefix: str = "") -> None:
        self._tree = tree
        self._prefix = prefix
        self._read: set[str] = set()
        self._children: list[Params] = []

    def name(self, key: str) -> str:
        """The parameter as the caller spelt it, such as `items[0][price]`."""
        return f"{self._prefix}[{key}]" if self._prefix else key

    def has(self, key: str) -> bool:
        """Whether the parameter was sent, be it empty."""
        return key in self._tree

    def keys(self) -> list[str]:
        """Names of what was sent on this level."""
        return list(self._tree)

    def is_leaf(self, key: str) -> bool:
        """Whether the parameter is a plain value and not a hash."""
        return isinstance(self._tree.get(key), str)

    def _leaf(self, key: str) -> str | None:
        self._read.add(key)
        value = self._tree.get(key)
        if isinstance(value, dict):
            raise StripeError(f"Invalid string: {self.name(key)} is a hash", param=self.name(key))
        return value

    def text(self, key: str) -> str | None:
        """A string; `""` is kept, since Stripe uses it to unset."""
        return self._leaf(key)

    def need(self, key: str) -> str:
        """A string that must be there and not empty."""
        value = self._leaf(key)
        if not value:
            raise StripeError(
                f"Missing required param: {self.name(key)}.",
                code="parameter_missing",
                param=self.name(key),
            )
        return value

    def choice(self, key: str, allowed: Sequence[str]) -> str | None:
        """One of the named values."""
        value = self._leaf(key)
        if value is not None and value not in allowed:
            raise StripeError(
                f"Invalid {self.name(key)}: must be one of {', '.join(allowed)}",
                param=self.name(key),
            )
        return value

    def integer(self, key: str, least: int = -_MOST, most: int = _MOST) -> int | None:
        """A whole number within bounds."""
        value = self._leaf(key)
        if value is None or value == "":
            return None
        number = int(value) if _INTEGER.fullmatch(value) else None
        if number is None or not least <= number <= most:
            raise StripeError(
                f"Invalid integer: {value[:40]}",
                code="parameter_invalid_integer",
                param=self.name(key),
            )
        return number

    def time(self, key: str) -> int | None:
        """Unix seconds, up to the year 2100."""
        return self.integer(key, 0, _LAST_SECOND)

    def need_time(self, key: str) -> int:
        """Unix seconds that must be there."""
        self.need(key)
        return self.time(key) or 0

    def boolean(self, key: str) -> bool | None:
        """`true` or `false`."""
        value = self._leaf(key)
        if value is None:
            return None
        if value not in ("true", "false"):
            raise StripeError(f"Invalid boolean: {value[:40]}", param=self.name(key))
        return value == "true"

    def decimal(self, key: str) -> Decimal | None:
        """A decimal string, at most twelve places."""
        value = self._leaf(key)
        if value is None:
            return None
        try:
            number = Decimal(value)
        except InvalidOperation:
            number = Decimal("NaN")
        if not number.is_finite() or abs(number) > _MOST or number != round(number, 12):
            raise StripeError(f"Invalid decimal: {value[:40]}", param=self.name(key))
        return number

    def sub(self, key: str) -> "Params | None":
        """A nested hash."""
        self._read.add(key)
        value = self._tree.get(key)
        if value is None:
            return None
        if isinstance(value, str):
            raise StripeError(f"Invalid object: {self.name(key)}", param=self.name(key))
        child = Params(value, self.name(key))
        self._children.append(child)
        return child

    def need_sub(self, key: str) -> "Params":
        """A nested hash that must be there."""
        child = self.sub(key)
        if child is None:
            raise StripeError(
                f"Missing required param: {self.name(key)}.",
                code="parameter_missing",
                param=self.name(key),
            )
        return child

    def subs(self, key: str) -> list["Params"] | None:
        """A list of hashes, in index order; `""` is the empty list."""
        if self._tree.get(key) == "":
            self._read.add(key)
            return []
        outer = self.sub(key)
        if outer is None:
            return None
        found = [outer.sub(index) for index in sorted(outer._tree, key=_index)]
        return [child for child in found if child is not None]

    def strings(self, key: str) -> list[str] | None:
        """A list of strings; `""` is the empty list."""
        if self._tree.get(key) == "":
            self._read.add(key)
            return []
        outer = self.sub(key)
        if outer is None:
            return None
        return [outer.need(index) for index in sorted(outer._tree, key=_index)]

    def mapping(self, key: str) -> dict[str, str] | None:
        """A hash of strings, such as `metadata`; `""` reads as None with `cleared()` true."""
        if self._tree.get(key) == "":
            self._read.add(key)
            return None
        outer = self.sub(key)
        return None if outer is None else {name: outer.text(name) or "" for name in outer._tree}

    def cleared(self, key: str) -> bool:
        """Whether the parameter was sent empty, Stripe's way to unset it."""
        return self._tree.get(key) == ""

    def unread(self) -> list[str]:
        """Bracketed names of all parameters that no getter asked for."""
        own = [self.name(key) for key in self._tree if key not in self._read]
        return own + [name for child in self._children for name in child.unread()]

    def finish(self) -> None:
        """Refuse what was sent and not read, with Stripe's `parameter_unknown`."""
        if unknown := self.unread():
            names = ", ".join(name[:80] for name in unknown[:5])
            raise StripeError(
                f"Received unknown parameter: {names}",
                code="parameter_unknown",
                param=unknown[0][:80],
            )


def _index(key: str) -> int:
    if not key.isdigit():
        raise StripeError(f"Invalid array index: {key[:40]}")
    return int(key)
