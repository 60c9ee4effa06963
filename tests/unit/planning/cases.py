"""What plans are made from, as short as a test wants it. Amounts are minor units, of EUR."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from canonical_models.commerce import (
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
)
from canonical_models.ledgering import (
    DocumentState,
    ErpDocument,
    TaxCode,
)
from canonical_models.mapping import AccountMapping, ItemMapping
from canonical_models.money import Money
from canonical_models.policy import BooksPolicy, TenantPolicy
from canonical_models.records import DocumentRecord, RecordState, SettlementRecord
from planning.books import BooksInput

START = datetime(2026, 11, 1, tzinfo=UTC)
END = datetime(2026, 12, 1, tzinfo=UTC)
AS_OF = datetime(2026, 11, 16, tzinfo=UTC)
TODAY = date(2026, 11, 16)
BOOKS_FROM = datetime(2026, 10, 1, tzinfo=UTC)

VAT_19 = TaxCode(code="VAT 19 %", rate=Decimal("0.19"))
VAT_7 = TaxCode(code="VAT 7 %", rate=Decimal("0.07"))
REVERSE_CHARGE = TaxCode(code="RC 0 %", rate=Decimal(0))

ACCOUNT = AccountMapping(
    billing_customer="cus_1",
    erp_party="C-1001",
    support_organization="org_1",
    legal_entity="LE-DE",
)
FRANCE = ACCOUNT.model_copy(update={"legal_entity": "LE-FR", "erp_party": "F-2002"})
ITEMS = {
    "pro": ItemMapping(
        item="pro", erp_item="PRO", per_unit=("seats",), included=("sso",), support_tier="premium"
    ),
    "starter": ItemMapping(
        item="starter", erp_item="STARTER", per_unit=("seats",), support_tier="standard"
    ),
    "ai": ItemMapping(item="ai", erp_item="AI-ADDON", included=("assistant",)),
}


def eur(minor: int, currency: str = "EUR") -> Money:
    return Money(minor=minor, currency=currency)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def item(product: str, quantity: int = 1, price: int = 4000, key: str = "si_1") -> SubscriptionItem:
    return SubscriptionItem(
        item_id=key,
        plan=Plan(plan_id=f"price_{product}_{price}", item=product, unit_price=eur(price)),
        quantity=quantity,
        period_start=START,
        period_end=END,
    )


def subscription(*items: SubscriptionItem, **changes: Any) -> Subscription:
    given: dict[str, Any] = {
        "subscription_id": "sub_1",
        "customer": Customer(customer_id="cus_1"),
        "status": SubscriptionStatus.ACTIVE,
        "currency": "EUR",
        "items": items,
        "started_at": START,
        "as_of": AS_OF,
    }
    if changes.get("status") is SubscriptionStatus.CANCELLED:
        given["ended_at"] = changes.get("as_of", AS_OF)
    return Subscription(**given | changes)


def tax(amount: int, rate: str | None = "0.19", currency: str = "EUR", **changes: Any) -> LineTax:
    return LineTax(
        amount=eur(amount, currency), rate=None if rate is None else Decimal(rate), **changes
    )


def line(line_id: str = "il_1", net: int = 10000, *taxes: LineTax, **changes: Any) -> BillingLine:
    """Untaxed unless taxes are given."""
    currency = changes.pop("currency", "EUR")
    given: dict[str, Any] = {
        "line_id": line_id,
        "item": "pro",
        "description": f"line {line_id}",
        "net": eur(net, currency),
        "taxes": taxes,
        "subscription_id": "sub_1",
    }
    return BillingLine(**given | changes)


def taxed(line_id: str = "il_1", net: int = 10000, **changes: Any) -> BillingLine:
    """With 19 %, of amounts that need no rounding."""
    return line(line_id, net, tax(net * 19 // 100), **changes)


def document(*lines: BillingLine, **changes: Any) -> BillingDocument:
    """An open invoice whose figures are the sums of its lines and movements."""
    currency = changes.get("currency", "EUR")
    net = sum(each.net.minor for each in lines)
    tax_ = sum(each.amount.minor for of in lines for each in of.taxes or ())
    name = changes.get("document_id", "in_1")
    settled = sum(
        each.amount.minor for each in changes.get("settlements", ()) if each.document_id == name
    )
    given: dict[str, Any] = {
        "document_id": name,
        "kind": DocumentKind.INVOICE,
        "status": DocumentStatus.OPEN,
        "number": "INV-7",
        "customer_id": "cus_1",
        "currency": currency,
        "issued_at": AS_OF,
        "lines": lines,
        "net": eur(net, currency),
        "tax": eur(tax_, currency),
        "gross": eur(net + tax_, currency),
        "remaining": eur(net + tax_ - settled, currency),
    }
    return BillingDocument(**given | changes)


def credit_note(*lines: BillingLine, **changes: Any) -> BillingDocument:
    given: dict[str, Any] = {
        "document_id": "cn_1",
        "kind": DocumentKind.CREDIT_NOTE,
        "status": DocumentStatus.ISSUED,
        "number": "CN-1",
        "corrects": "in_1",
    }
    return document(*lines, **given | changes)


def moved(
    settlement_id: str, kind: str, amount: int, document_id: str | None = "in_1", **changes: Any
) -> Settlement:
    given: dict[str, Any] = {
        "settlement_id": settlement_id,
        "kind": SettlementKind(kind),
        "document_id": document_id,
        "amount": eur(amount, changes.pop("currency", "EUR")),
        "at": AS_OF,
    }
    return Settlement(**given | changes)


def void(of: BillingDocument, closed_at: datetime | None = AS_OF) -> BillingDocument:
    return of.model_copy(update={"status": DocumentStatus.VOID, "closed_at": closed_at})


def erp(of: BillingDocument, document_id: str = "101", **changes: Any) -> ErpDocument:
    """The ERP's document of one of billing's, as far as planning looks at it."""
    given: dict[str, Any] = {
        "document_id": document_id,
        "external_id": of.document_id,
        "legal_entity": "LE-DE",
        "party": "C-1001",
        "currency": of.currency,
        "number": "2026-0001",
        "billing_number": of.number,
        "kind": of.kind,
        "state": DocumentState.POSTED,
        "net": of.net,
        "tax": of.tax,
        "open": of.remaining,
    }
    return ErpDocument(**given | changes)


def seen(of: BillingDocument, **changes: Any) -> DocumentRecord:
    return DocumentRecord(document=of, **changes)


def posted(of: BillingDocument, **changes: Any) -> DocumentRecord:
    given: dict[str, Any] = {
        "document": of,
        "state": RecordState.POSTED,
        "posted": erp(of),
        "posted_content": of.content,
        "legal_entity": "LE-DE",
        "party": "C-1001",
    }
    return DocumentRecord(**given | changes)


def was_entered(movement: Settlement, **changes: Any) -> dict[str, SettlementRecord]:
    given: dict[str, Any] = {
        "customer_id": "cus_1",
        "legal_entity": "LE-DE",
        "entry_id": "9001",
        "settles": movement.document_id,
    }
    record = SettlementRecord(settlement=movement, **given | changes)
    return {movement.settlement_id: record}


def books(*records: DocumentRecord, **changes: Any) -> BooksInput:
    """Of the subscription sub_1; `policy` may be given as members of BooksPolicy."""
    policy = changes.pop("policy", {})
    if isinstance(policy, dict):
        policy = TenantPolicy(books=BooksPolicy(**policy))
    given: dict[str, Any] = {
        "subject": "sub_1",
        "customer_id": "cus_1",
        "policy": policy,
        "account": ACCOUNT,
        "items": ITEMS,
        "books_from": BOOKS_FROM,
        "today": TODAY,
        "subscription": subscription(item("pro", 5)),
        "records": records,
    }
    return BooksInput(**given | changes)
