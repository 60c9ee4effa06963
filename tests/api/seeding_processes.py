"""Rows of one tenant in the tables of what runs over time, each marked as the tenant's own."""

from datetime import UTC, datetime, timedelta

from persistence.tables import ContractRow, DunningRow, TargetRow
from tests.api.seeding_books import NOON

RENEWS = datetime(2026, 12, 1, tzinfo=UTC)

Row = ContractRow | DunningRow | TargetRow


def life_rows(tenant: str, customer: str, subscription: str, change: str, mark: str) -> list[Row]:
    """A contract whose renewal is blocked, an invoice that is in dunning, and a target that is
    behind."""
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
        DunningRow(
            tenant=tenant,
            invoice_id=f"in_{tenant}",
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
            revision=7,
            confirmed=6,
            error=mark,
        ),
    ]
