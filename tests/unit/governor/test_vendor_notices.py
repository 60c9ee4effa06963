"""What a vendor says of its interface is counted, and warned of once with its day."""

from collections.abc import Mapping

import httpx
import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from connectors import notices
from connectors.http import VendorHttp


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notices, "_warned", set())


def counted(kind: str) -> float:
    told = {"system": "billing", "kind": kind}
    return REGISTRY.get_sample_value("trueup_vendor_notices_total", told) or 0


async def asked(times: int = 1, **said: str) -> list[Mapping[str, object]]:
    """The warnings of so many requests for different objects."""
    headers = {name.replace("_", "-"): value for name, value in said.items()}

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers=headers, request=request)

    async with VendorHttp(
        "billing",
        "http://billing",
        headers={"Stripe-Version": "2026-01-01"},
        transport=httpx.MockTransport(answer),
    ) as vendor:
        with capture_logs() as logs:
            for number in range(times):
                await vendor.send("GET", f"/v1/invoices/in_{number}")
    return [each for each in logs if each["log_level"] == "warning"]


async def test_an_end_is_counted_and_warned_of_once_with_its_day() -> None:
    before = counted("sunset"), counted("deprecation")
    warnings = await asked(3, deprecation="@1798761600", sunset="Thu, 01 Jul 2027 00:00:00 GMT")
    assert [(each["kind"], each["said"]) for each in warnings] == [
        ("deprecation", "2027-01-01"),
        ("sunset", "2027-07-01"),
    ]
    assert {each["operation"] for each in warnings} == {"GET /v1/invoices/*"}
    assert (counted("sunset"), counted("deprecation")) == (before[0] + 3, before[1] + 3)
    # Another day is news.
    (moved,) = await asked(sunset="Fri, 01 Oct 2027 00:00:00 GMT")
    assert moved["said"] == "2027-10-01"


async def test_another_version_than_was_asked_for_is_told() -> None:
    assert await asked(stripe_version="2026-01-01") == []
    (warned,) = await asked(stripe_version="2026-06-01")
    assert warned["said"] == "stripe-version 2026-06-01 in place of 2026-01-01"


async def test_what_is_no_day_is_told_in_its_own_words() -> None:
    (warned,) = await asked(deprecation="true")
    assert warned["said"] == "true"
    assert await asked() == []
