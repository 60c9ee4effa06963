"""Looking at a connection: one request at a time, what its answers say besides, and failures as
findings. What is asked changes nothing at the vendor."""

import contextlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from canonical_models.checks import Finding, right, unknown, wrong
from canonical_models.failures import (
    ContractDrift,
    CredentialsRefused,
    Failure,
    Rejection,
    TransientFailure,
)
from connectors.http import Closing, VendorHttp
from connectors.secrecy import without_secrets

#: Seconds that two clocks may be apart; signatures are refused from 300 on.
_APART = 60


class Looking(Closing):
    """Requests of a check. `findings` gathers what they show."""

    def __init__(self, http: VendorHttp) -> None:
        self.http = http
        self.findings: list[Finding] = []
        self._skew: float | None = None
        self._announced: dict[str, None] = {}

    async def get(
        self, path: str, *, headers: Mapping[str, str] | None = None, params: Any = None
    ) -> httpx.Response:
        return await self.ask("GET", path, headers=headers, params=params)

    async def ask(self, method: str, path: str, **request: Any) -> httpx.Response:
        """The vendor's answer, whatever its status. Raises TransientFailure where there is none."""
        answer = await self.http.send(method, path, **request)
        self.heard(answer)
        return answer

    def heard(self, answer: httpx.Response) -> None:
        """What an answer says beside its body: the vendor's clock, and what it announces."""
        if (said := answer.headers.get("date")) is not None and self._skew is None:
            with contextlib.suppress(ValueError):
                there = parsedate_to_datetime(said)
                self._skew = (there - datetime.now(UTC)).total_seconds()
        for name in ("deprecation", "sunset"):
            if (said := answer.headers.get(name)) is not None:
                path = answer.request.url.path
                self._announced[f"{name} of {path}: {_plain(said)}"] = None

    def add(self, *found: Finding) -> None:
        self.findings += found

    @contextlib.contextmanager
    def about(self, looked_at: str) -> Iterator[None]:
        """A failure in the block is a finding of `looked_at`."""
        try:
            yield
        except Failure as failure:
            self.add(of_failure(looked_at, failure))

    def besides(self, vendor: str) -> tuple[Finding, ...]:
        """The clock, and what the vendor announces of what was called."""
        return (_clock(vendor, self._skew), _announced(vendor, tuple(self._announced)))

    async def close(self) -> None:
        await self.http.close()


def of_failure(looked_at: str, failure: Failure) -> Finding:
    """What is refused is wrong; what gave no answer, or one that nobody foresees, is unknown."""
    said, _, step = failure.message.rpartition(": ")
    match failure:
        case CredentialsRefused() | Rejection():
            return wrong(looked_at, said or failure.message, step)
        case TransientFailure() | ContractDrift():
            return unknown(looked_at, said or failure.message, step)
        case _:
            return unknown(looked_at, failure.message, "look at it again")


def unreachable(failure: Failure) -> Finding:
    """Nothing else can be seen then."""
    return wrong(
        "reachable",
        failure.message,
        "mend the connection's base_url, the network or the vendor's status, then look again: "
        "nothing else could be looked at",
    )


def _clock(vendor: str, skew: float | None) -> Finding:
    if skew is None:
        return unknown(
            "clock",
            f"{vendor} does not say what time it is there",
            "see that this machine's clock is kept by NTP: signatures are refused from 300 seconds "
            "on",
        )
    apart = f"{abs(skew):.0f} seconds {'ahead of' if skew > 0 else 'behind'} ours"
    if abs(skew) > _APART:
        return wrong(
            "clock",
            f"{vendor}'s clock is {apart}: webhooks whose signature is 300 seconds off are refused",
            "set this machine's clock by NTP",
        )
    return right("clock", f"{vendor}'s clock is {apart}")


def _announced(vendor: str, said: tuple[str, ...]) -> Finding:
    if not said:
        return right("announcements", f"{vendor} announces the end of nothing that was called")
    return right(
        "announcements",
        f"{vendor} announces an end: {'; '.join(said[:5])}",
        "read the vendor's notes, and move on before that day",
    )


def _plain(said: str) -> str:
    told = without_secrets(said)
    return "".join(letter for letter in told[:60] if letter.isascii() and letter.isprintable())
