"""Subscriptions and the documents of billing, as short as a test wants them."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from canonical_models.commerce import (
    BillingSnapshot,
    Customer,
    Plan,
    Subscription,
    SubscriptionItem,
    SubscriptionStatus,
)
from canonical_models.documents import (
    BillingDocument,
    BillingLine,
    DocumentKind,
    DocumentStatus,
    LineTax,
    Settlement,
    SettlementKind,
    Unbilled,
)
from canonical_models.ledgering import DocumentState, ErpDocument
from canonical_models.mapping import AccountMapping, ItemMapping
from canonical_models.money import Money
from canonical_models.records import Hold, HoldKind

START = datetime(2026, 11, 1, tzinfo=UTC)
END = datetime(2026, 12, 1, tzinfo=UTC)
AS_OF = datetime(2026, 11, 16, tzinfo=UTC)

HOLD = Hold(kind=HoldKind.HELD, reason="finance looks at it", by="tester", at=AS_OF)

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


def line(
    line_id: str,
    minor: int,
    product: str = "pro",
    *,
    taxes: tuple[LineTax, ...] | None = (),
    of: str | None = "sub_1",
    item_id: str | None = None,
    starts: datetime = AS_OF,
    ends: datetime = END,
    proration: bool = True,
) -> BillingLine:
    """Without tax, of a proration to the end of the period."""
    return BillingLine(
        line_id=line_id,
        item=product,
        description=f"{product} {minor}",
        quantity=Decimal(1),
        net=Money(minor=minor, currency="EUR"),
        taxes=taxes,
        proration=proration,
        period_start=starts,
        period_end=ends,
        subscription_id=of,
        item_id=item_id,
    )


def vat(minor: int, rate: str = "0.19") -> tuple[LineTax, ...]:
    """German VAT on top of a line."""
    amount = Money(minor=minor, currency="EUR")
    return (LineTax(amount=amount, rate=Decimal(rate), kind="vat", country="de"),)


def invoice(
    *lines: BillingLine,
    key: str = "in_1",
    status: DocumentStatus = DocumentStatus.OPEN,
    settlements: tuple[Settlement, ...] = (),
    issued_at: datetime = AS_OF,
    customer: str = "cus_1",
    **more: Any,
) -> BillingDocument:
    """A final invoice; what is not settled remains, unless it is void."""
    net = Money.total((entry.net for entry in lines), "EUR")
    tax = Money.total((entry.tax or Money.zero("EUR") for entry in lines), "EUR")
    gross = net + tax
    settled = Money.total(
        (entry.amount for entry in settlements if entry.document_id == key), "EUR"
    )
    void = status is DocumentStatus.VOID
    return BillingDocument(
        document_id=key,
        kind=DocumentKind.INVOICE,
        status=status,
        number=f"N-{key}",
        customer_id=customer,
        currency="EUR",
        issued_at=issued_at,
        lines=lines,
        net=net,
        tax=tax,
        gross=gross,
        remaining=Money.zero("EUR") if void else gross - settled,
        settlements=settlements,
        **more,
    )


def credit_note(
    *lines: BillingLine, corrects: str, key: str = "cn_1", **more: Any
) -> BillingDocument:
    """Its lines are negative."""
    made = invoice(*lines, key=key, status=DocumentStatus.ISSUED, **more)
    return made.model_copy(update={"kind": DocumentKind.CREDIT_NOTE, "corrects": corrects})


def payment(minor: int, key: str = "pi_1", of: str = "in_1", at: datetime = AS_OF) -> Settlement:
    return Settlement(
        settlement_id=key,
        kind=SettlementKind.PAYMENT,
        document_id=of,
        amount=Money(minor=minor, currency="EUR"),
        at=at,
    )


def paid(found: BillingDocument, *payments: Settlement) -> BillingDocument:
    """The same document with these payments on it."""
    left = found.remaining - Money.total((entry.amount for entry in payments), "EUR")
    status = found.status if left else DocumentStatus.PAID
    return found.model_copy(
        update={
            "settlements": (*found.settlements, *payments),
            "remaining": left,
            "status": status,
        }
    )


def void(found: BillingDocument, at: datetime = AS_OF) -> BillingDocument:
    return found.model_copy(
        update={
            "status": DocumentStatus.VOID,
            "remaining": Money.zero(found.currency),
            "closed_at": at,
        }
    )


def snapshot(
    now: Subscription, *documents: BillingDocument, pending: tuple[BillingLine, ...] = ()
) -> BillingSnapshot:
    return BillingSnapshot(subscription=now, documents=documents, unbilled=Unbilled(lines=pending))


def posted_by_hand(of: BillingDocument, number: str, **differs: object) -> ErpDocument:
    """What people, or the process before us, have posted for it in the ERP."""
    return ErpDocument(
        document_id="77",
        external_id="",
        legal_entity="LE-DE",
        party="C-1001",
        currency="EUR",
        number=number,
        kind=of.kind,
        state=DocumentState.POSTED,
        net=of.net,
        tax=of.tax,
        open=of.gross,
        ours=False,
    ).model_copy(update=differs)
