"""Rows of one tenant in the tables of what runs over time, each marked as the tenant's own."""

from datetime import UTC, datetime, timedelta

from persistence.tables import (
    ContractRow,
    DunningRow,
    ShadowChangeRow,
    ShadowItemRow,
    TargetRow,
)
from tests.api.seeding_books import NOON

RENEWS = datetime(2026, 12, 1, tzinfo=UTC)

Row = ContractRow | DunningRow | ShadowChangeRow | ShadowItemRow | TargetRow


def life_rows(tenant: str, customer: str, subscription: str, change: str, mark: str) -> list[Row]:
    """A contract whose renewal is blocked, an invoice that is in dunning, a target that is behind,
    and what was planned when the tenant was in shadow."""
    return [
        ShadowChangeRow(
            tenant=tenant,
            change_id=change,
            subject=subscription,
            customer_id=customer,
            planned_at=NOON,
            comes="then_waits",
            code="item_unmapped",
            asked_about=mark,
            foreseen={
                "subject": subscription,
                "comes": "then_waits",
                "why": mark,
                "code": "item_unmapped",
                "about": mark,
                "at": NOON.isoformat(),
            },
        ),
        ShadowItemRow(
            tenant=tenant,
            about="document",
            key=f"in_{tenant}",
            change_id=change,
            subject=subscription,
            customer_id=customer,
            number=mark,
            legal_entity="DE",
            expected={"mark": mark},
            state="differs",
            differences=[{"kind": "tax", "what": "tax", "planned": mark, "found": "none"}],
            found=[mark],
            planned_at=NOON,
            since=NOON,
            compared_at=NOON,
        ),
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
