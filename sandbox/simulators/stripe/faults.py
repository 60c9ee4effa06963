"""Faults on request: slow answers, error answers, connections cut before or after the effect."""

from dataclasses import dataclass
from typing import Literal

from sandbox.simulators.stripe.errors import Json, StripeError

_STATUS_TYPES = {429: "rate_limit_error", 401: "authentication_error", 402: "card_error"}


@dataclass
class Fault:
    """One rule; `times` counts down, and the rule is gone at zero."""

    method: str | None
    path_prefix: str
    status: int | None
    drop: Literal["before", "after"] | None
    times: int
    delay_ms: int
    retry_after: int | None

    def matches(self, method: str, path: str) -> bool:
        """Whether the rule is meant for this request."""
        return self.method in (None, method) and path.startswith(self.path_prefix)


class Faults:
    """The rules in force, the oldest first. They do not outlive the process."""

    def __init__(self) -> None:
        self._rules: list[Fault] = []

    def add(self, data: Json) -> None:
        """A rule from the control API. Raises `StripeError` for one that makes no sense."""
        known = {"method", "path_prefix", "status", "drop", "times", "delay_ms", "retry_after"}
        if unknown := set(data) - known:
            raise StripeError(f"unknown fault member: {', '.join(sorted(unknown))}")
        rule = Fault(
            method=data.get("method"),
            path_prefix=str(data.get("path_prefix", "/v1/")),
            status=data.get("status"),
            drop=data.get("drop"),
            times=int(data.get("times", 1)),
            delay_ms=int(data.get("delay_ms", 0)),
            retry_after=data.get("retry_after"),
        )
        if rule.drop not in (None, "before", "after"):
            raise StripeError("drop is 'before' or 'after'")
        if rule.status is not None and not 400 <= int(rule.status) <= 599:
            raise StripeError("status is an HTTP error status")
        self._rules.append(rule)

    def take(self, method: str, path: str) -> Fault | None:
        """The first rule that matches, used up by one."""
        for rule in self._rules:
            if rule.matches(method, path):
                rule.times -= 1
                if rule.times <= 0:
                    self._rules.remove(rule)
                return rule
        return None

    def clear(self) -> None:
        """No more faults."""
        self._rules.clear()

    def shown(self) -> list[Json]:
        """The rules as the control API shows them."""
        return [dict(vars(rule)) for rule in self._rules]


def injected(status: int) -> StripeError:
    """The error a rule with a `status` answers."""
    kind = _STATUS_TYPES.get(status, "api_error" if status >= 500 else "invalid_request_error")
    code = "rate_limit" if status == 429 else None
    return StripeError("An injected fault.", status=status, kind=kind, code=code)
