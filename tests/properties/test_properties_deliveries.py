"""Any order, duplication and delay of deliveries ends in the same state of all systems."""

import time
from collections.abc import AsyncIterator
from itertools import pairwise
from random import Random

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from temporalio.testing import WorkflowEnvironment

from canonical_models.views import ChangeView
from tests.harness.e2e_deliveries import GIVES, TIERS, Event, Flow, flow
from tests.harness.e2e_seller import Sale, Step

DAY = 86400

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

steps = st.lists(
    st.builds(
        Step,
        verb=st.sampled_from(
            ["quantity", "price", "add", "remove", "end_at_period", "reinstate", "cancel"]
        ),
        at=st.integers(0, 27 * DAY),
        which=st.integers(0, 3),
        price=st.integers(0, 5),
        quantity=st.integers(0, 50),
        behaviour=st.sampled_from(["create_prorations", "always_invoice"]),
    ),
    min_size=2,
    max_size=5,
)


@pytest.fixture(scope="module")
async def running(
    module_dsn: str, temporal: WorkflowEnvironment, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Flow]:
    async with flow(module_dsn, temporal.client, tmp_path_factory.mktemp("flow")) as at_work:
        yield at_work


# An example takes seconds, so a failure is reported as it was found.
@settings(
    max_examples=12,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),
)
@given(changes=steps, renewed=st.booleans(), seed=st.integers(0, 2**32 - 1))
async def test_any_order_ends_in_the_state_that_billing_is_in(
    running: Flow, changes: list[Step], renewed: bool, seed: int
) -> None:
    # Not drawn by hypothesis: how many events there are by when depends on how fast we are.
    chance = Random(seed)
    begun = int(time.time()) - 10 * DAY
    sale = await Sale.begin(running.stripe, running.shelf, begun, 3)
    await running.map_account(sale.customer)
    told: list[Event] = []
    held = await running.new_events(sale.customer)
    for step in sorted(changes, key=lambda step: step.at):
        await sale.apply(step)
        held += await running.new_events(sale.customer)
        held = await _deliver_some(running, held, told, chance)
    if renewed:
        await _renew(running, sale)
    held += await running.new_events(sale.customer)
    chance.shuffle(held)
    for event in held:
        await running.deliver(event)
        if chance.random() < 0.3:
            await running.deliver(chance.choice([*told, *held]))
    await running.settled(sale.subscription, sale.customer)
    # What our own sync metadata made billing tell.
    for event in await running.new_events(sale.customer):
        await running.deliver(event)
    settled = await running.settled(sale.subscription, sale.customer)
    await _same_everywhere(running, sale, settled)


async def _deliver_some(
    running: Flow, held: list[Event], told: list[Event], chance: Random
) -> list[Event]:
    """Some of what is held, in any order, some of it twice; the rest stays held."""
    chance.shuffle(held)
    now = held[: chance.randint(0, len(held))]
    for event in now:
        for _ in range(chance.choice([1, 1, 2])):
            await running.deliver(event)
    told += now
    return held[len(now) :]


async def _renew(running: Flow, sale: Sale) -> None:
    """Past the end of the period; a subscription that ends with it has ended then."""
    ends = await _period_end(running, sale)
    await sale.move_to(ends + 2 * 3600)
    if sale.ends and not sale.ended:
        sale.ended, sale.items = True, {}


async def _period_end(running: Flow, sale: Sale) -> int:
    sold = await running.stripe.read(f"subscriptions/{sale.subscription}")
    return int(sold["items"]["data"][0]["current_period_end"])


async def _same_everywhere(running: Flow, sale: Sale, settled: list[ChangeView]) -> None:
    """What the sale and billing's own records say, held against every other system."""
    assert {change.outcome for change in settled} <= {"completed", "no_change"}
    await _same_books(running, sale)

    end = None if sale.ended else await _period_end(running, sale)
    held = await running.grants(sale.subscription)
    assert sorted((g.source_id, g.feature, g.quantity) for g in held) == _granted(running, sale)
    assert {g.ends_at and int(g.ends_at.timestamp()) for g in held} <= {end if sale.ends else None}
    shown = running.support.shown[sale.customer]
    assert (shown.tier, shown.contract_end and int(shown.contract_end.timestamp())) == (
        _tier(running, sale),
        end,
    )
    assert set(shown.features) == {g.feature for g in held}

    sold = await running.stripe.read(f"subscriptions/{sale.subscription}")
    # What a change has taken in it has carried out in its own run.
    ran = [change for change in settled if change.run_id and change.taken_in_by is None]
    last = [change for change in ran if change.outcome == "completed"][-1]
    assert sold["metadata"]["trueup_change"] == last.change_id
    assert sold["metadata"]["trueup_state"] == "synchronised"

    runs = await running.runs(sale.subscription, len(ran))
    assert runs == [change.run_id for change in ran]
    for before, after in pairwise(ran):
        assert before.settled_at is not None
        assert after.started_at is not None
        assert before.settled_at <= after.started_at


async def _same_books(running: Flow, sale: Sale) -> None:
    """Each document of billing once and whole; what is not billed yet as one that is unposted."""
    invoices = await running.stripe.all("invoices", subscription=sale.subscription)
    final = {i["id"]: i for i in invoices if i["status"] != "draft"}
    assert {i["status"] for i in final.values()} <= {"open", "paid"}
    theirs = {key: await _lines(running, key) for key in final}
    drafts = [d for d in running.erp.drafts if d.external_id in final]
    ours = {d.external_id: {line.line_id: line.net.minor for line in d.lines} for d in drafts}
    assert ours == theirs
    assert len(drafts) == len(final)
    open_ = {key: [d.open.minor for d in await running.erp.find(key, "LE-DE")] for key in final}
    assert open_ == {key: [invoice["amount_remaining"]] for key, invoice in final.items()}

    pending = await running.stripe.all("invoiceitems", customer=sale.customer, pending="true")
    waiting = [item["amount"] for item in pending]
    for invoice in invoices:
        if invoice["status"] == "draft":
            waiting += (await _lines(running, invoice["id"])).values()
    shown = running.erp.unbilled.get(f"LE-DE/{sale.subscription}/unbilled")
    assert sum(waiting) == (shown.net.minor if shown else 0)


async def _lines(running: Flow, invoice: str) -> dict[str, int]:
    """Net by line; tax that is within an amount is no part of it."""
    return {
        line["id"]: line["amount"]
        - sum(tax["amount"] for tax in line["taxes"] if tax["tax_behavior"] == "inclusive")
        for line in await running.stripe.all(f"invoices/{invoice}/lines")
    }


def _granted(running: Flow, sale: Sale) -> list[tuple[str, str, int]]:
    found = []
    for item, name, quantity in _sold(running, sale):
        per_unit, included, _ = GIVES[name]
        found += [(item, feature, quantity) for feature in per_unit]
        found += [(item, feature, 1) for feature in included]
    return sorted(found)


def _tier(running: Flow, sale: Sale) -> str | None:
    tiers = [GIVES[name][2] for _, name, _ in _sold(running, sale)]
    return max((tier for tier in tiers if tier), key=TIERS.index, default=None)


def _sold(running: Flow, sale: Sale) -> list[tuple[str, str, int]]:
    """(item, product name, quantity) of what is sold now; nothing of what is sold zero times."""
    names = {key: name for name, key in running.shelf.products.items()}
    products = dict(running.shelf.prices)
    return [
        (item, names[products[price]], quantity)
        for item, (price, quantity) in sale.items.items()
        if quantity
    ]
