"""Rows of one tenant in the tables of what runs over time, each marked as the tenant's own."""

from datetime import UTC, datetime, timedelta

from canonical_models.ledgering import DocumentStanding, DocumentState
from canonical_models.money import Money
from canonical_models.term import Invoice, InvoiceStatus
from persistence.tables import ContractRow, DunningRow, InvoiceRow, PaymentRow, TargetRow

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
RENEWS = datetime(2026, 12, 1, tzinfo=UTC)

Row = ContractRow | DunningRow | InvoiceRow | PaymentRow | TargetRow


def euros(minor: int) -> Money:
    return Money(minor=minor, currency="EUR")


def invoice(key: str, customer: str, subscription: str, number: str | None = None) -> Invoice:
    return Invoice(
        invoice_id=key,
        customer_id=customer,
        subscription_id=subscription,
        number=number,
        status=InvoiceStatus.OPEN,
        total=euros(14280),
        paid=euros(4280),
        created_at=NOON,
        overdue_since=NOON,
    )


def invoice_row(tenant: str, found: Invoice, *, standing: str = "posted") -> InvoiceRow:
    said = DocumentStanding(
        document_id="812",
        number=f"INV-owned-by-{tenant}",
        state=DocumentState.POSTED,
        issued_on=NOON.date(),
        due_on=(NOON + timedelta(days=14)).date(),
        total=euros(14280),
        open=euros(10000),
    )
    return InvoiceRow(
        tenant=tenant,
        invoice_id=found.invoice_id,
        subscription_id=found.subscription_id or "",
        customer_id=found.customer_id,
        invoice=found.model_dump(mode="json"),
        status=found.status.value,
        standing=standing,
        documents=[said.model_dump(mode="json")],
        standing_at=NOON,
        told=standing,
        created_at=found.created_at,
    )


def life_rows(tenant: str, customer: str, subscription: str, change: str, mark: str) -> list[Row]:
    """A contract whose renewal is blocked, an invoice with a payment that is in dunning, and a
    target that is behind."""
    asked = invoice(f"in_{tenant}", customer, subscription, mark)
    return [
        ContractRow(
            tenant=tenant,
            subscription_id=subscription,
            customer_id=customer,
            starts_at=NOON - timedelta(days=300),
            renews_at=RENEWS,
            time_zone="Europe/Berlin",
            forecast="blocked",
            forecast_for=RENEWS,
            forecast_amount={"minor": 49000, "currency": "EUR"},
            forecast_problem=mark,
            change_id=change,
        ),
        invoice_row(tenant, asked),
        PaymentRow(
            tenant=tenant,
            payment_id=f"pi_{tenant}",
            invoice_id=asked.invoice_id,
            subscription_id=subscription,
            state="confirmed",
            minor=4280,
            currency="EUR",
            effect_key=f"{change}/erp.document",
            entry_id=mark,
            moved_at=NOON,
        ),
        DunningRow(
            tenant=tenant,
            invoice_id=asked.invoice_id,
            subscription_id=subscription,
            customer_id=customer,
            stage="suspended",
            overdue_since=NOON,
            reminders=3,
            suspended_at=NOON + timedelta(days=7),
        ),
        TargetRow(
            tenant=tenant,
            target="product",
            # The customer of the state that was agreed on, the same for every tenant.
            customer_id="cus_1",
            wanted=7,
            confirmed=6,
            error=mark,
        ),
    ]
