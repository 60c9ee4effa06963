"""Faults asked for through the control API, and the rate limit."""

import math
from typing import Annotated

from pydantic import Field

from sandbox.simulators import faults
from sandbox.simulators.zendesk.store import Store
from sandbox.simulators.zendesk.wire import ApiError

DEFAULT_PER_MINUTE = 100_000
WINDOW_S = 60


class Fault(faults.Fault):
    """By the path it begins with."""

    path_prefix: str = "/"
    status: Annotated[int, Field(ge=400, le=599)] | None = None

    def matches(self, method: str, where: str) -> bool:
        wanted = self.method is None or self.method.upper() == method
        return wanted and where.startswith(self.path_prefix)

    def refusal(self) -> ApiError | None:
        """The answer in place of the effect, if the fault is of that sort."""
        if self.status is None:
            return None
        headers = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        error = "APIRateLimitExceeded" if self.status == 429 else "SimulatedFault"
        description = f"The simulator was told to answer {self.status}"
        return ApiError(self.status, {"error": error, "description": description}, headers)


class Faults(faults.Faults[Fault]):
    """Of Zendesk."""


class RateLimit:
    """Requests in a fixed window of a minute, which the first request opens."""

    def __init__(self, store: Store, per_minute: int) -> None:
        self._store = store
        self._default = per_minute
        self._opened = store.now().timestamp()
        self._used = 0
        self.per_minute = per_minute

    def set_limit(self, per_minute: int | None) -> None:
        """None restores the limit given at the start. A new window opens."""
        self.per_minute = self._default if per_minute is None else per_minute
        self._used = 0

    def admit(self, method: str, path: str) -> ApiError | None:
        """Count a request; the 429 to answer when it is one too many."""
        now = self._store.now().timestamp()
        if self._used == 0 or now >= self._opened + WINDOW_S:
            self._opened, self._used = now, 0
        self._used += 1
        if self._used <= self.per_minute:
            return None
        headers = {"Retry-After": str(self._reset_s())}
        if method == "PUT" and path.startswith("/api/v2/organizations/"):
            # Organization updates have a limit, and so a form of error, of their own.
            body = {
                "errors": [
                    {
                        "code": "TooManyRequests",
                        "title": "Too Many Requests",
                        "detail": "You have exceeded the rate limit for this endpoint",
                    }
                ]
            }
            return ApiError(429, body, headers)
        description = "Number of allowed API requests per minute exceeded"
        return ApiError(429, {"error": "APIRateLimitExceeded", "description": description}, headers)

    def headers(self) -> dict[str, str]:
        """The rate limit headers every answer carries."""
        remaining = str(max(self.per_minute - self._used, 0))
        return {
            "X-Rate-Limit": str(self.per_minute),
            "X-Rate-Limit-Remaining": remaining,
            "ratelimit-limit": str(self.per_minute),
            "ratelimit-remaining": remaining,
            "ratelimit-reset": str(self._reset_s()),
        }

    def _reset_s(self) -> int:
        return max(math.ceil(self._opened + WINDOW_S - self._store.now().timestamp()), 1)
