"""What looks at a connection: it changes nothing, tells what is wrong, and shows no secret."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from canonical_models.checks import Expected, Finding, Verdict
from connectors.config import ConnectionConfig
from tests.connectors.conformance.answers import HTML
from tests.connectors.conformance.cases import systems
from tests.connectors.conformance.checks import wired
from tests.connectors.conformance.conftest import Start
from tests.connectors.conformance.describing import PRIVATE, System
from tests.connectors.conformance.wire import Wire, answering, raising, telling

EXPECTED = Expected(webhook_path="/webhooks/acme/vendor", public_url="https://trueup.example.com")


async def findings(
    system: System, wire: Wire | None = None, config: ConnectionConfig | None = None
) -> tuple[Finding, ...]:
    connection = system.connection(config or system.config(), wire)
    try:
        found = await connection.check(EXPECTED)
    finally:
        await connection.close()
    assert found
    for each in found:
        text = f"{each.meaning} {each.next_step}"
        assert not any(secret in text for secret in system.secrets)
        assert PRIVATE not in text
        assert each.next_step or each.verdict is Verdict.RIGHT, each
    return found


def any_request(_request: httpx.Request) -> bool:
    return True


@systems()
async def test_looking_changes_nothing(start: Start, name: str) -> None:
    system = await start(name)
    async with wired() as wire:
        found = await findings(system, wire)
        assert wire.answered
        for request, status in wire.answered:
            assert not system.writes(request) or status >= 400, (request.url.path, status)
        assert any(each.verdict is Verdict.RIGHT for each in found)
        again = await findings(system, wire)
    assert [each.looked_at for each in again] == [each.looked_at for each in found]


@systems()
async def test_who_is_away_is_the_only_finding(start: Start, name: str) -> None:
    system = await start(name)
    wire = Wire()
    wire.arm(raising(httpx.ConnectError("refused")), any_request, lasting=True)
    (away,) = await findings(system, wire)
    assert (away.looked_at, away.verdict) == ("reachable", Verdict.WRONG)


@systems()
async def test_a_secret_that_is_refused_is_wrong(start: Start, name: str) -> None:
    system = await start(name)
    found = await findings(system, config=system.with_wrong_secret())
    assert any(each.verdict is Verdict.WRONG for each in found), found


RUBBISH = [
    *((status, HTML) for status in (200, 404, 500, 429)),
    *((200, body) for body in (b"", b"{}", b"[]", b"null", b'"words"', b"[1]")),
]


@systems()
async def test_rubbish_is_never_taken_for_right(start: Start, name: str) -> None:
    """Something else answers at the address."""
    system = await start(name)
    for status, body in RUBBISH:
        wire = Wire()
        wire.arm(answering(status, body), any_request, lasting=True)
        found = await findings(system, wire)
        about = {each.looked_at for each in found if each.verdict is Verdict.RIGHT}
        assert about <= {"reachable", "announcements", *system.by_itself}, (status, body, found)


@pytest.mark.parametrize(
    ("ahead", "verdict"), [(0, Verdict.RIGHT), (600, Verdict.WRONG), (-600, Verdict.WRONG)]
)
@systems()
async def test_the_clock_is_compared(start: Start, name: str, ahead: int, verdict: Verdict) -> None:
    system = await start(name)
    async with wired() as wire:
        there = datetime.now(UTC) + timedelta(seconds=ahead)
        said = format_datetime(there, usegmt=True)
        wire.arm(telling({"date": said}), any_request, lasting=True)
        found = {each.looked_at: each.verdict for each in await findings(system, wire)}
    assert found["clock"] is verdict


@systems()
async def test_what_a_vendor_announces_is_told(start: Start, name: str) -> None:
    system = await start(name)
    async with wired() as wire:
        sunset = {"sunset": "Wed, 11 Nov 2026 11:11:11 GMT"}
        wire.arm(telling(sunset), any_request, lasting=True)
        found = {each.looked_at: each for each in await findings(system, wire)}
    assert "11 Nov 2026" in found["announcements"].meaning
