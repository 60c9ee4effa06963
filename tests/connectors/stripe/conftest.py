"""One simulator process for all tests of the folder; every test has customers of its own."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import pytest
import requests
import stripe
from pydantic import SecretStr

from connectors.config import ConnectionConfig
from connectors.ports import BillingPort
from connectors.stripe.adapter import StripeBilling
from sandbox.simulators.child import running_child

KEY = "sk_test_trueup"
APRIL = 1775001600


@pytest.fixture(scope="session")
async def stripe_url(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    state = tmp_path_factory.mktemp("stripe") / "state.sqlite"
    async with running_child("sandbox.simulators.stripe", "--state", str(state)) as child:
        yield child.url


@pytest.fixture(scope="session")
def sdk(stripe_url: str) -> Iterator[stripe.StripeClient]:
    """Stripe's own library, which plays the people who change subscriptions."""
    with requests.Session() as session:
        session.trust_env = False
        yield stripe.StripeClient(
            KEY,
            base_addresses={"api": stripe_url},
            http_client=stripe.RequestsClient(session=session),
            max_network_retries=0,
        )


@pytest.fixture(scope="session")
def stripe_config(stripe_url: str) -> ConnectionConfig:
    return ConnectionConfig(
        name="billing",
        vendor="stripe",
        base_url=stripe_url,
        secrets={"api_key": SecretStr(KEY)},
        timeout_seconds=5,
    )


@pytest.fixture(scope="session")
async def billing(stripe_config: ConnectionConfig) -> AsyncIterator[BillingPort]:
    async with StripeBilling.connect(stripe_config) as connected:
        yield connected


@pytest.fixture
def fault(stripe_url: str) -> Iterator[Callable[..., None]]:
    """Arm a fault of the simulator; none outlives the test."""

    def arm(**rule: Any) -> None:
        httpx.post(f"{stripe_url}/_sim/faults", json=rule, trust_env=False).raise_for_status()

    yield arm
    httpx.delete(f"{stripe_url}/_sim/faults", trust_env=False).raise_for_status()


@pytest.fixture(scope="session")
def control(stripe_url: str) -> Callable[..., dict[str, Any]]:
    """What only the simulator does: `control("invoices/in_1/partial_payment", amount=100)`."""

    def ask(path: str, **data: Any) -> dict[str, Any]:
        answer = httpx.post(f"{stripe_url}/_sim/{path}", json=data, trust_env=False)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    return ask


@pytest.fixture(scope="session")
def prices(sdk: stripe.StripeClient) -> dict[str, stripe.Price]:
    """Monthly prices in euro, each of a product of its own."""
    amounts = {"basic": 1000, "pro": 2500, "addon": 700}
    return {
        name: sdk.v1.prices.create(
            {
                "product": sdk.v1.products.create({"name": name.title()}).id,
                "currency": "eur",
                "unit_amount": amount,
                "recurring": {"interval": "month"},
            }
        )
        for name, amount in amounts.items()
    }


@pytest.fixture(scope="session")
def subscribe(
    sdk: stripe.StripeClient, prices: dict[str, stripe.Price]
) -> Callable[..., stripe.Subscription]:
    """A subscription to `basic` of a German customer, made on 1 April 2026 on its own clock."""

    def make(**changes: Any) -> stripe.Subscription:
        clock = sdk.v1.test_helpers.test_clocks.create({"frozen_time": APRIL})
        customer = sdk.v1.customers.create(
            {"name": "Ada GmbH", "address": {"country": "DE"}, "test_clock": clock.id}
        )
        wanted: Any = {"customer": customer.id, "items": [{"price": prices["basic"].id}]}
        return sdk.v1.subscriptions.create(wanted | changes)

    return make


@pytest.fixture(scope="session")
def move(sdk: stripe.StripeClient) -> Callable[[stripe.Subscription, int], None]:
    """Advance a subscription's clock to a time in Unix seconds."""

    def advance(of: stripe.Subscription, to: int) -> None:
        sdk.v1.test_helpers.test_clocks.advance(str(of.test_clock), {"frozen_time": to})

    return advance
