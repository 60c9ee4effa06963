"""Testing a connection: one reading of a real simulator, told as what it was."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from connectors.config import ConnectionConfig
from connectors.stripe.adapter import StripeBilling
from connectors.zendesk.adapter import ZendeskTicketing
from operations import numbers
from operations.context import AppContext
from operations.numbers import Number
from persistence.database import Database
from runtime.settings import ConnectionSettings, TenantSettings
from sandbox.simulators.child import Child
from tests.api.seeding import seeded
from tests.api.seeding_books import BOOKS_FROM
from tests.console.office import at_desk, console_of, fills


@pytest.fixture
def tenant_settings() -> TenantSettings:
    def at(vendor: str) -> ConnectionSettings:
        day = BOOKS_FROM.date()
        return ConnectionSettings(vendor=vendor, base_url="http://127.0.0.1:9", books_from=day)

    return TenantSettings(
        billing="stripe",
        erp="tryton",
        support="zendesk",
        targets=("app",),
        connections={
            "stripe": at("stripe"),
            "tryton": at("tryton"),
            "zendesk": at("zendesk"),
            "app": at("signed_http"),
        },
    )


def stripe_at(url: str) -> StripeBilling:
    return StripeBilling.connect(
        ConnectionConfig(
            name="stripe",
            vendor="stripe",
            base_url=url,
            secrets={"api_key": SecretStr("sk_test_trueup")},
        )
    )


def zendesk_at(url: str, token: str) -> ZendeskTicketing:
    return ZendeskTicketing.connect(
        ConnectionConfig(
            name="zendesk",
            vendor="zendesk",
            base_url=url,
            secrets={"token": SecretStr(token)},
            options={"email": "sync@example.com"},
        )
    )


async def test_a_connection_that_answers_is_away_or_refuses_our_key(
    context: AppContext, start_child: Callable[..., Awaitable[Child]], tmp_path: Path
) -> None:
    stripe = await start_child("sandbox.simulators.stripe", "--state", str(tmp_path / "stripe"))
    zendesk = await start_child(
        "sandbox.simulators.zendesk", "--state", str(tmp_path / "zendesk"), "--token", "t0ken"
    )
    tokens = iter(("t0ken", "another"))
    working = replace(
        context,
        billing=lambda _tenant: stripe_at(stripe.url),
        support=lambda _tenant: zendesk_at(zendesk.url, next(tokens)),
    )
    async with at_desk(console_of(working), "olu") as olu:
        for name in ("stripe", "zendesk"):
            told = await fills(olu, "/acme/connections", f"/{name}/test")
            assert f"{name} answers, within" in told.text
        refused = await fills(olu, "/acme/connections", "/zendesk/test")
        assert "the key is refused" in refused.text
        assert "another" not in refused.text
        page = (await olu.get("/acme/connections")).text
        assert "/app/test" not in page
        assert "no worker has looked yet" in page
    nobody = replace(context, billing=lambda _tenant: stripe_at("http://127.0.0.1:9"))
    async with at_desk(console_of(nobody), "olu") as olu:
        away = await fills(olu, "/acme/connections", "/stripe/test")
        assert "stripe does not work" in away.text


async def test_the_days_of_a_number_add_up_to_its_month(
    context: AppContext, database: Database
) -> None:
    await seeded(database, "acme")
    month = {each.number: each.measures[0] for each in (await numbers.look(context, "acme")).items}
    counted = 0
    for number in Number:
        told = await numbers.history(context, "acme", number, days=30)
        assert sum(day.cases for day in told.days) == month[number].cases, number
        assert sum(day.missed for day in told.days) == month[number].missed, number
        assert told.used == month[number].burn, number
        assert min(day.cases for day in told.days) >= 0
        counted += month[number].cases
    assert counted > 0
