"""Our own balance at Stripe: its movements, and payouts that are proven by them to the cent."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
import stripe

from canonical_models.cash import CashKind, PayoutStatus
from canonical_models.failures import ContractDrift, Rejection
from canonical_models.money import Money
from canonical_models.policy import CashPolicy
from connectors.stripe import cash
from connectors.stripe.adapter import StripeBilling
from connectors.stripe.webhooks import StripeWebhooks
from connectors.stripe.wire_cash import BalanceTransaction
from planning.cash import deposit_of

Subscribe = Callable[..., stripe.Subscription]
Control = Callable[..., dict[str, Any]]
POLICY = CashPolicy(legal_entity="LE-DE", clearing="1.1.5", bank="1.1.1", fees="5.2.4")
EPOCH = datetime.fromtimestamp(1, UTC)


def eur(minor: int) -> Money:
    return Money(minor=minor, currency="EUR")


@pytest.fixture
def taxed(control: Control) -> Iterator[None]:
    control("cash", fee_tax_percent="20", balance_currency="eur", rates={"usd": "0.9"})
    yield
    control("cash", fee_tax_percent="0", balance_currency=None, rates={})


@pytest.fixture
def emptied(control: Control, sdk: stripe.StripeClient) -> None:
    """What other tests have left on the balance is paid out."""
    for held in sdk.v1.balance.retrieve().available:
        if held.amount > 0:
            control("payouts", currency=held.currency)


@pytest.mark.usefixtures("taxed", "emptied")
async def test_a_payout_is_proven_by_what_it_pays_out(
    billing: StripeBilling, sdk: stripe.StripeClient, subscribe: Subscribe, control: Control
) -> None:
    before = await _newest(billing)
    kept, given_back, disputed = subscribe(), subscribe(), subscribe()
    back, fought = (
        sdk.v1.charges.list({"customer": str(of.customer)}).data[0] for of in (given_back, disputed)
    )
    refund = sdk.v1.refunds.create({"charge": back.id, "amount": 400})
    dispute = control(f"charges/{fought.id}/dispute", amount=300)
    control(f"disputes/{dispute['id']}/close", status="won")
    control("balance", category="fee", amount=-5, currency="eur")
    price = sdk.v1.prices.create(
        {
            "product_data": {"name": "Abroad"},
            "currency": "usd",
            "unit_amount": 2000,
            "recurring": {"interval": "month"},
        }
    )
    abroad = subscribe(items=[{"price": price.id}])

    moved = await billing.cash_movements(since=EPOCH, after=before)
    # Fees are 1.5 % and 25 cents of each charge and a fifth of tax, 15.00 of a dispute.
    told = [(each.kind, each.amount.minor, each.fee.minor, each.fee_tax.minor) for each in moved]
    charge = (CashKind.CHARGE, 1000, 40, 8)
    assert told == [
        charge,
        charge,
        charge,
        (CashKind.REFUND, -400, 0, 0),
        (CashKind.DISPUTE, -300, 1500, 0),
        (CashKind.DISPUTE, 300, 0, 0),
        (CashKind.FEE, 0, 5, 0),
        (CashKind.CHARGE, 1800, 52, 10),
    ]
    (paid,) = sdk.v1.payment_intents.list({"customer": str(abroad.customer)}).data
    assert (moved[-1].source_id, moved[-1].taken) == (paid.id, Money(minor=2000, currency="USD"))
    assert [each.source_id for each in moved[3:6]] == [
        refund.id,
        dispute["id"],
        f"{dispute['id']}/won",
    ]
    net = sum(each.net.minor for each in moved)
    assert eur(net) in (await billing.cash_balance()).amounts

    made = control("payouts", currency="eur")
    found = await billing.payout(made["id"])
    assert (found.amount, found.status, found.automatic) == (
        eur(net),
        PayoutStatus.UNDERWAY,
        True,
    )
    assert found.movements is not None
    assert set(found.movements) == set(moved)
    assert made["id"] in await billing.payouts_since(EPOCH)
    assert (await billing.cash_balance()).amounts == (eur(0),)

    control(f"payouts/{made['id']}", status="paid")
    draft = deposit_of(await billing.payout(made["id"]), POLICY, first_open_day=False)
    assert draft is not None
    assert (draft.received, draft.fee, draft.fee_tax) == (eur(net), eur(1677), eur(34))
    # Of the customers' money what was taken in euro leaves clearing at its sum.
    assert (draft.cleared, [each.taken.minor for each in draft.converted]) == (eur(2600), [2000])
    assert kept.id

    # What comes back is a movement of the next payout, which names this one.
    control(f"payouts/{made['id']}", status="failed")
    failed = await billing.payout(made["id"])
    assert (failed.status, failed.back_on) == (PayoutStatus.FAILED, datetime.now(UTC).date())
    again = (await billing.cash_movements(since=EPOCH))[-1]
    assert (again.kind, again.amount, again.source_id) == (CashKind.PAYOUT, eur(net), made["id"])


async def _newest(billing: StripeBilling) -> str | None:
    found = await billing.cash_movements(since=EPOCH)
    return found[-1].movement_id if found else None


async def test_a_manual_payout_is_a_sum_alone(
    billing: StripeBilling, sdk: stripe.StripeClient, subscribe: Subscribe, control: Control
) -> None:
    subscribe()
    made = sdk.v1.payouts.create({"amount": 500, "currency": "eur"})
    control(f"payouts/{made.id}", status="paid")
    found = await billing.payout(made.id)
    assert (found.automatic, found.movements) == (False, None)
    draft = deposit_of(found, POLICY, first_open_day=False)
    assert draft is not None
    assert (draft.received, draft.fee, draft.cleared) == (eur(500), eur(0), eur(500))


async def test_what_nobody_knows_how_to_book_is_not_booked(
    billing: StripeBilling, control: Control
) -> None:
    control("balance", category="other_adjustment", amount=700, currency="eur")
    made = control("payouts", currency="eur")
    control(f"payouts/{made['id']}", status="paid")
    with pytest.raises(Rejection, match="other_adjustment"):
        deposit_of(await billing.payout(made["id"]), POLICY, first_open_day=False)


def test_figures_that_contradict_each_other_are_drift() -> None:
    read = {
        "id": "txn_1",
        "amount": 100,
        "created": 1,
        "currency": "eur",
        "fee": 3,
        "fee_details": [{"amount": 2, "type": "stripe_fee"}],
        "net": 97,
        "reporting_category": "charge",
        "source": None,
        "type": "charge",
    }
    with pytest.raises(ContractDrift, match="txn_1"):
        cash.movement(BalanceTransaction.model_validate(read))


def test_events_of_payouts_name_them(sdk: stripe.StripeClient, control: Control) -> None:
    control("balance", category="other_adjustment", amount=100, currency="eur")
    made = control("payouts", currency="eur")
    control(f"payouts/{made['id']}", status="canceled")
    events = [orjson.dumps(each.to_dict()) for each in sdk.v1.events.list({"limit": 3}).data]
    webhooks = StripeWebhooks()
    told = [webhooks.payout(each) for each in events]
    assert [each and each.payout_id for each in told] == [made["id"]] * 3
    assert [webhooks.trigger(each) for each in events] == [None] * 3
