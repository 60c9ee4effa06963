"""The simulator as a real child process, driven by the official SDK."""

import json
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import stripe

Json = dict[str, Any]


TIMES = "\N{MULTIPLICATION SIGN}"


def at(year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0) -> int:
    """Unix seconds of a UTC date and time."""
    return int(datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp())


@dataclass
class Child:
    """A running simulator."""

    process: subprocess.Popen[str]
    url: str
    state: Path

    def client(self, *, retries: int = 0) -> stripe.StripeClient:
        return stripe.StripeClient(
            "sk_test_anything", base_addresses={"api": self.url}, max_network_retries=retries
        )

    def control(self, method: str, path: str, body: Json | None = None) -> Json:
        answer = httpx.request(method, f"{self.url}/_sim{path}", json=body, trust_env=False)
        answer.raise_for_status()
        found: Json = answer.json()
        return found

    def stop(self) -> int:
        """End it, however it is; the exit code."""
        self.process.terminate()
        try:
            return self.process.wait(10)
        finally:
            self.process.kill()
            for pipe in (self.process.stdin, self.process.stdout):
                if pipe is not None:
                    pipe.close()


def start(state: Path, *extra: str) -> Child:
    arguments = ["--port", "0", "--state", str(state), "--exit-with-stdin", *extra]
    process = subprocess.Popen(
        [sys.executable, "-m", "sandbox.simulators.stripe", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    ready = json.loads(process.stdout.readline())
    assert ready["ready"] is True
    return Child(process, ready["url"], state)


@dataclass
class Receiver:
    """A webhook endpoint that keeps what it gets and answers as told."""

    url: str = ""
    got: list[tuple[bytes, str]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    arrived: threading.Condition = field(default_factory=threading.Condition)

    def wait(self, count: int, seconds: float = 10) -> list[tuple[bytes, str]]:
        """The first `count` deliveries; fails when they do not come in time."""
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.got) >= count, seconds), (
                f"{len(self.got)} of {count} deliveries came"
            )
            return list(self.got[:count])

    def events(self, count: int) -> list[Json]:
        return [json.loads(body) for body, _ in self.wait(count)]


@dataclass
class Shop:
    """A product with two monthly prices and one yearly, in one currency."""

    product: str
    basic: str
    pro: str
    yearly: str


def make_shop(api: stripe.StripeClient, currency: str = "eur", scale: int = 1) -> Shop:
    product = api.v1.products.create({"name": "Pro"}).id

    def price(amount: int, interval: str) -> str:
        made = api.v1.prices.create(
            {
                "product": product,
                "currency": currency,
                "unit_amount": amount,
                "recurring": {"interval": interval},
            }
        )
        return made.id

    return Shop(
        product,
        price(1000 * scale, "month"),
        price(2500 * scale, "month"),
        price(9000 * scale, "year"),
    )


@dataclass
class Timeline:
    """A customer in simulated time."""

    api: stripe.StripeClient
    clock: str
    customer: str

    def advance(self, to: int) -> None:
        self.api.v1.test_helpers.test_clocks.advance(self.clock, {"frozen_time": to})


def make_timeline(api: stripe.StripeClient, at: int) -> Timeline:
    clock = api.v1.test_helpers.test_clocks.create({"frozen_time": at})
    customer = api.v1.customers.create({"name": "Ada", "test_clock": clock.id})
    return Timeline(api, clock.id, customer.id)


def plain(obj: stripe.StripeObject) -> Json:
    """An SDK object as plain JSON."""
    found: Json = json.loads(str(obj))
    return found


def event_types(api: stripe.StripeClient, since: str) -> list[str]:
    """Types of all events after the event `since`, the oldest first."""
    found = api.v1.events.list({"ending_before": since, "limit": 100})
    assert not found.has_more, "more events than one page holds"
    return [event.type for event in reversed(found.data)]


def last_event(api: stripe.StripeClient, *types: str) -> Json:
    """The newest event, of `types` if any are given."""
    wanted: Any = {"limit": 1, **({"types": list(types)} if types else {})}
    return plain(api.v1.events.list(wanted).data[0])


def draft_invoice(api: stripe.StripeClient, owner: str, *amounts: int, **more: Any) -> str:
    """A draft that is to be sent, with one item an amount; `more` are members of its form."""
    form: Any = {
        "customer": owner,
        "collection_method": "send_invoice",
        "days_until_due": 30,
        "currency": "eur",
        **more,
    }
    draft = api.v1.invoices.create(form)
    for amount in amounts:
        api.v1.invoice_items.create(
            {
                "customer": owner,
                "invoice": draft.id,
                "amount": amount,
                "currency": form["currency"],
                "description": f"Item of {amount}",
            }
        )
    return draft.id


def sent_invoice(
    api: stripe.StripeClient, owner: str, *amounts: int, **more: Any
) -> stripe.Invoice:
    """An open invoice that collects nothing by itself."""
    return api.v1.invoices.finalize_invoice(draft_invoice(api, owner, *amounts, **more))


def new_rate(api: stripe.StripeClient, percentage: float = 19, *, inclusive: bool = False) -> str:
    """A tax rate, by default German VAT on top of the price."""
    return api.v1.tax_rates.create(
        {"display_name": "VAT", "percentage": percentage, "inclusive": inclusive}
    ).id


def refusal(send: Any, *args: Any) -> stripe.InvalidRequestError:
    """The error that a call of the SDK must end with."""
    with pytest.raises(stripe.InvalidRequestError) as refused:
        send(*args)
    return refused.value


def percent(api: stripe.StripeClient, value: float, duration: str = "forever", **more: Any) -> str:
    """A new coupon of a percentage; `more` are members of its form."""
    form: Any = {"percent_off": value, "duration": duration, **more}
    return api.v1.coupons.create(form).id


def euros(api: stripe.StripeClient, amount: int, duration: str = "forever", **more: Any) -> str:
    """A new coupon of a fixed amount of cents."""
    form: Any = {"amount_off": amount, "currency": "eur", "duration": duration, **more}
    return api.v1.coupons.create(form).id
