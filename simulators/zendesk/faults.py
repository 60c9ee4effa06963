"""Faults asked for through the control API, and the rate limit."""

import math
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from simulators.zendesk.store import Store
from simulators.zendesk.wire import ApiError

DEFAULT_PER_MINUTE = 100_000
WINDOW_S = 60


class Fault(BaseModel):
    """One fault: either a `status` instead of the effect, a `drop` of the connection before or
    after the effect, or just a delay. `times` None means for good."""

    model_config = ConfigDict(extra="forbid")

    method: str | None = None
    path_prefix: str = "/"
    status: Annotated[int, Field(ge=400, le=599)] | None = None
    drop: Literal["before", "after"] | None = None
    times: Annotated[int, Field(ge=1)] | None = 1
    delay_ms: Annotated[int, Field(ge=0, le=600_000)] = 0
    retry_after: Annotated[int, Field(ge=0)] | None = None

    def matches(self, method: str, path: str) -> bool:
        """Whether it is meant for this request."""
        wanted = self.method is None or self.method.upper() == method
        return wanted and path.startswith(self.path_prefix)

    def refusal(self) -> ApiError | None:
        """The answer in place of the effect, if the fault is of that sort."""
        if self.status is None:
            return None
        headers = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        error = "APIRateLimitExceeded" if self.status == 429 else "SimulatedFault"
        description = f"The simulator was told to answer {self.status}"
        return ApiError(self.status, {"error": error, "description": description}, headers)


class Faults:
    """Faults in the order they were set; the first that matches is used."""

    def __init__(self) -> None:
        self._armed: list[Fault] = []

    def arm(self, faults: list[Fault]) -> None:
        """Add faults behind those already there."""
        self._armed.extend(fault.model_copy() for fault in faults)

    def clear(self) -> None:
        """Forget all."""
        self._armed.clear()

    def listed(self) -> list[Fault]:
        """What is still armed, with the times left."""
        return self._armed

    def take(self, method: str, path: str) -> Fault | None:
        """The fault for this request; used up when its times are."""
        for fault in self._armed:
            if fault.matches(method, path):
                if fault.times is not None:
                    fault.times -= 1
                    if fault.times == 0:
                        self._armed.remove(fault)
                return fault
        return None


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
