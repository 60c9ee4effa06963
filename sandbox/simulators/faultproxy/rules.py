"""Fault rules: what to match, what to do, how often."""

import random
import re
import time
from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

Action = Literal["drop_before", "drop_after", "status", "delay", "late", "garbage", "reset", "drip"]

GARBAGE = "\ufffd<<garbage: this is no reply of the upstream>>"


class Rule(BaseModel):
    """One fault. Unset conditions match everything.

    `skip` matches pass untouched first, then `times` matches are hit (None: all of them), none of
    them more than `seconds` after the rule was set (None: whenever they come). With a `chance`
    below 1 the proxy's seed decides which.
    `forward` says whether the upstream sees the request under `status`, `garbage` and `reset`;
    unset, only `garbage` forwards. `delay_ms` is waited before any action, but with `late`, which
    waits once the upstream has answered, and `drip`, which gives its answer a byte at a time and
    waits between them.
    """

    model_config = ConfigDict(extra="forbid")

    method: str | None = None
    path_regex: str = ""
    body_contains: str | None = None
    #: Names of headers in lower case, with the whole value of each.
    carrying: dict[str, str] = Field(default_factory=dict)
    action: Action
    status: int = Field(default=503, ge=200, le=599)
    body: str | None = None
    headers: dict[str, str] = Field(default_factory=dict)
    delay_ms: int = Field(default=0, ge=0, le=600_000)
    times: int | None = Field(default=1, ge=1)
    seconds: float | None = Field(default=None, gt=0)
    skip: int = Field(default=0, ge=0)
    chance: float = Field(default=1, gt=0, le=1)
    forward: bool | None = None

    @field_validator("path_regex")
    @classmethod
    def _compiles(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as broken:
            raise ValueError(f"path_regex is not a regular expression: {broken}") from broken
        return value

    @property
    def forwards(self) -> bool:
        """Whether the upstream gets to see a request this rule hits."""
        match self.action:
            case "drop_before":
                return False
            case "drop_after" | "delay" | "late" | "drip":
                return True
            case "garbage":
                return self.forward is not False
            case "status" | "reset":
                return self.forward is True

    def matches(self, method: str, target: str, body: bytes, headers: Mapping[str, str]) -> bool:
        """`target` is the path with its query string, as sent."""
        return (
            (self.method is None or self.method.upper() == method)
            and re.search(self.path_regex, target) is not None
            and (self.body_contains is None or self.body_contains.encode() in body)
            and all(headers.get(name) == value for name, value in self.carrying.items())
        )


class ArmedRule:
    """A rule with its counters. `seen` counts matches, `fired` counts faults injected. Of the same
    seed, number and matches the same are hit."""

    def __init__(self, number: int, rule: Rule, seed: int = 0) -> None:
        self.number = number
        self.rule = rule
        self._dice = random.Random(f"{seed}/{number}")  # noqa: S311 - a repeatable choice
        self.seen = 0
        self.fired = 0
        self._ends = None if rule.seconds is None else time.monotonic() + rule.seconds

    def take(self, method: str, target: str, body: bytes, headers: Mapping[str, str]) -> bool:
        """True when this rule hits the request; counts it either way."""
        if self.rule.times is not None and self.fired >= self.rule.times:
            return False
        if self._ends is not None and time.monotonic() > self._ends:
            return False
        if not self.rule.matches(method, target, body, headers):
            return False
        self.seen += 1
        if self.seen <= self.rule.skip:
            return False
        if self.rule.chance < 1 and self._dice.random() >= self.rule.chance:
            return False
        self.fired += 1
        return True

    def as_json(self) -> dict[str, object]:
        """The rule as set, with `id`, `seen` and `fired`."""
        counters = {"id": self.number, "seen": self.seen, "fired": self.fired}
        return {**counters, **self.rule.model_dump()}
