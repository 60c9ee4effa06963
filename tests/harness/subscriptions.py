"""Subscriptions and their billing lines, as short as a test wants them."""

from datetime import UTC, datetime

from canonical_models.commerce import (
    BillingLine,
    BillingSnapshot,
    Customer,
    Plan,
    Subscription,
    SubscriptionItem,
    SubscriptionStatus,
)
from canonical_models.ledgering import AccountMapping, CarriedLine, ItemMapping
from canonical_models.money import Money

START = datetime(2026, 11, 1, tzinfo=UTC)
END = datetime(2026, 12, 1, tzinfo=UTC)
AS_OF = datetime(2026, 11, 16, tzinfo=UTC)

ACCOUNT = AccountMapping(
    billing_customer="cus_1",
    erp_party="C-1001",
    support_organization="cus_1",
    legal_entity="LE-DE",
)
ITEMS = {
    "pro": ItemMapping(
        item="pro", erp_item="PRO", per_unit=("seats",), included=("sso",), support_tier="premium"
    ),
    "starter": ItemMapping(
        item="starter", erp_item="STARTER", per_unit=("seats",), support_tier="standard"
    ),
    "ai": ItemMapping(item="ai", erp_item="AI-ADDON", included=("assistant",)),
}


def item(product: str, quantity: int = 1, price: int = 4000, key: str = "si_1") -> SubscriptionItem:
    return SubscriptionItem(
        item_id=key,
        plan=Plan(
            plan_id=f"price_{product}_{price}",
            item=product,
            unit_price=Money(minor=price, currency="EUR"),
        ),
        quantity=quantity,
        period_start=START,
        period_end=END,
    )


def subscription(
    *items: SubscriptionItem,
    subscription_id: str = "sub_1",
    status: SubscriptionStatus = SubscriptionStatus.ACTIVE,
    ends_at: datetime | None = None,
    as_of: datetime = AS_OF,
) -> Subscription:
    return Subscription(
        subscription_id=subscription_id,
        customer=Customer(customer_id="cus_1"),
        status=status,
        currency="EUR",
        items=items,
        started_at=START,
        ends_at=ends_at,
        ended_at=as_of if status is SubscriptionStatus.CANCELLED else None,
        as_of=as_of,
    )


def line(line_id: str, minor: int, product: str = "pro", tax: int | None = None) -> BillingLine:
    return BillingLine(
        line_id=line_id,
        item=product,
        description=f"{product} {minor}",
        quantity=1,
        net=Money(minor=minor, currency="EUR"),
        tax=None if tax is None else Money(minor=tax, currency="EUR"),
        proration=True,
        period_start=AS_OF,
        period_end=END,
    )


def carried(*lines: BillingLine, invoice_id: str | None = None) -> dict[str, CarriedLine]:
    """As ERP documents carry them."""
    return {
        line.line_id: CarriedLine(
            line_id=line.line_id,
            item=line.item.upper(),
            net=line.net,
            invoice_id=line.invoice_id or invoice_id,
        )
        for line in lines
    }


def snapshot(now: Subscription, *lines: BillingLine) -> BillingSnapshot:
    return BillingSnapshot(subscription=now, lines=lines)
