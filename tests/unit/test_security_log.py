"""The security log is bounded, and hides nothing but lines."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from runtime.security import Reason, Refusal, SecurityLog


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def written(refusals: int, log: SecurityLog, reason: Reason = Reason.UNKNOWN_KEY) -> list[Any]:
    with capture_logs() as lines:
        for number in range(refusals):
            log.refused(Refusal(reason, "it is not known", address=f"192.0.2.{number % 200}"))
    return list(lines)


def test_a_flood_is_counted_and_summed_up() -> None:
    clock = Clock()
    log = SecurityLog(clock)
    assert [line["event"] for line in written(5000, log)] == ["refused"] * 20
    clock.now = 10.0
    summed, first = written(1, log)
    assert summed == {
        "event": "refused more",
        "log_level": "warning",
        "reason": "unknown_key",
        "count": 4980,
        "addresses": 200,
        "seconds": 10.0,
    }
    assert first["event"] == "refused"


def test_one_reason_hides_no_other() -> None:
    log = SecurityLog(Clock())
    written(5000, log)
    (line,) = written(1, log, Reason.NOT_ALLOWED)
    assert (line["event"], line["reason"]) == ("refused", "not_allowed")


async def test_a_flood_that_has_ended_is_summed_up(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, later = Clock(), []
    log = SecurityLog(clock)

    class Loop:
        def call_later(self, seconds: float, call: Any, reason: Reason) -> None:
            later.append((seconds, call, reason))

    monkeypatch.setattr("runtime.security.asyncio.get_running_loop", Loop)
    written(21, log)
    ((seconds, call, reason),) = later
    with capture_logs() as lines:
        call(reason)
        clock.now = seconds
        call(reason)
        call(reason)
    assert [line["event"] for line in lines] == ["refused more"]


def test_what_is_said_is_short_and_what_is_not_known_is_left_out() -> None:
    with capture_logs() as lines:
        SecurityLog().refused(Refusal(Reason.CUT_OFF, "x" * 9000, who=None, route=""))
    assert lines == [
        {"event": "refused", "log_level": "warning", "reason": "cut_off", "detail": "x" * 200}
    ]
