"""Any sequence of changes in a period: what is billed is what was used, to the minor unit."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox.simulators.stripe import catalog, clock, customers, invoice_items, subscriptions
from sandbox.simulators.stripe.context import Context
from sandbox.simulators.stripe.fields import Handler
from sandbox.simulators.stripe.forms import Params, nest
from sandbox.simulators.stripe.store import Store
from tests.simulators.stripe.stripe_sim import Json, at

START, END = at(2026, 11, 1), at(2026, 12, 1)
PRICES = {"basic": 1099, "pro": 2999}


@pytest.fixture
def ctx(tmp_path: Path) -> Iterator[Context]:
    store = Store(tmp_path / "state.sqlite")
    yield Context(store)
    store.close()


def call(ctx: Context, handler: Handler, form: dict[str, object], key: str = "") -> Json:
    """One operation in a transaction, without the wire; `key` is the id in its path."""
    params = Params(nest((name, str(value)) for name, value in form.items()))
    with ctx.store.transaction():
        answer = handler(ctx, params, {"id": key})
        params.finish()
    return answer


def subscribe(ctx: Context, mode: str) -> tuple[Json, dict[str, str], str]:
    """A subscription of one basic seat in simulated time; the prices; the clock."""
    frozen = call(ctx, clock.create, {"frozen_time": START})["id"]
    customer = call(ctx, customers.create, {"test_clock": frozen})["id"]
    product = call(ctx, catalog.create_product, {"name": "Seat"})["id"]
    prices: dict[str, str] = {}
    for name, amount in PRICES.items():
        form = {
            "product": product,
            "currency": "eur",
            "unit_amount": amount,
            "recurring[interval]": "month",
        }
        prices[name] = call(ctx, catalog.create_price, form)["id"]
    subscription = call(
        ctx,
        subscriptions.create,
        {"customer": customer, "items[0][price]": prices["basic"], "billing_mode[type]": mode},
    )
    return subscription, prices, frozen


def change(ctx: Context, subscription: Json, **form: object) -> None:
    """Change the only item (`price`, `quantity`), or what else is given."""
    item = {"id": subscription["items"]["data"][0]["id"]}
    item |= {name: form.pop(name) for name in ("price", "quantity") if name in form}
    bracketed = {f"items[0][{name}]": value for name, value in item.items()}
    call(ctx, subscriptions.change, {**bracketed, **form}, subscription["id"])


def advance(ctx: Context, frozen: str, to: int) -> None:
    call(ctx, clock.advance, {"frozen_time": to}, frozen)


def billed(ctx: Context, customer: str) -> list[Json]:
    """All lines of all invoices, and what is still pending."""
    lines = [line for i in ctx.store.find("invoice", customer=customer) for line in i["lines"]]
    pending = [
        entry
        for entry in ctx.store.find("invoiceitem", customer=customer)
        if entry["invoice"] is None
    ]
    return lines + pending


changes = st.lists(
    st.tuples(
        st.integers(0, END - START - 1),
        st.sampled_from(sorted(PRICES)),
        st.integers(1, 50),
        st.sampled_from(["create_prorations", "always_invoice"]),
    ),
    max_size=6,
)


@pytest.mark.parametrize("mode", ["classic", "flexible"])
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=changes)
def test_what_is_billed_is_what_was_used(
    ctx: Context, mode: str, steps: list[tuple[int, str, int, str]]
) -> None:
    subscription, prices, frozen = subscribe(ctx, mode)
    used, rate, since = Fraction(0), PRICES["basic"], 0
    for offset, price, quantity, behaviour in sorted(steps, key=lambda step: step[0]):
        if START + offset > ctx.now(subscription["customer"]):
            advance(ctx, frozen, START + offset)
        change(
            ctx,
            subscription,
            price=prices[price],
            quantity=quantity,
            proration_behavior=behaviour,
        )
        used += Fraction(rate * (offset - since), END - START)
        rate, since = PRICES[price] * quantity, offset
    used += Fraction(rate * (END - START - since), END - START)
    total = sum(line["amount"] for line in billed(ctx, subscription["customer"]))
    assert abs(total - used) <= Fraction(3, 2) * len(steps)


@pytest.mark.parametrize("mode", ["classic", "flexible"])
def test_up_and_down_in_the_same_second_is_nothing(ctx: Context, mode: str) -> None:
    subscription, prices, frozen = subscribe(ctx, mode)
    advance(ctx, frozen, START + 1_234_567)
    for price in ("pro", "basic"):
        change(ctx, subscription, price=prices[price])
    pending = list(ctx.store.find("invoiceitem", customer=subscription["customer"]))
    assert len(pending) == 4
    assert sum(entry["amount"] for entry in pending) == 0


@pytest.mark.parametrize(("mode", "credit"), [("classic", -1500), ("flexible", -550)])
def test_after_a_change_without_proration_the_modes_differ(
    ctx: Context, mode: str, credit: int
) -> None:
    """Classic credits the present price; flexible what was really debited."""
    subscription, prices, frozen = subscribe(ctx, mode)
    change(ctx, subscription, price=prices["pro"], proration_behavior="none")
    advance(ctx, frozen, at(2026, 11, 16))
    call(ctx, subscriptions.cancel, {"prorate": "true"}, subscription["id"])
    [entry] = ctx.store.find("invoiceitem", customer=subscription["customer"])
    assert entry["amount"] == credit


def test_pending_items_go_with_an_immediate_cancellation(ctx: Context) -> None:
    subscription, _, frozen = subscribe(ctx, "flexible")
    advance(ctx, frozen, at(2026, 11, 16))
    change(ctx, subscription, quantity=4)
    assert call(ctx, invoice_items.listing, {"pending": "true"})["data"]
    call(ctx, subscriptions.cancel, {}, subscription["id"])
    assert not call(ctx, invoice_items.listing, {"pending": "true"})["data"]
