"""Money between billing and the bank: payouts, what moves billing's balance, and how it stands."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, text
from sqlmodel import SQLModel

from persistence.tables.columns import (
    boolean_column,
    integer_column,
    json_column,
    text_column,
    time_column,
)


class PayoutRow(SQLModel, table=True):
    """A payout as billing said it last, and what the ERP holds of it."""

    __tablename__ = "payouts"
    __table_args__ = (
        CheckConstraint(
            "status in ('underway', 'paid', 'failed', 'canceled')", name="payouts_status"
        ),
        CheckConstraint(
            "state in ('seen', 'booked', 'returned', 'held', 'before')", name="payouts_state"
        ),
        Index("payouts_by_time", "tenant", "created_at", "payout_id"),
    )
    tenant: str = text_column(key=True)
    connection: str = text_column(key=True)
    payout_id: str = text_column(key=True)
    amount_minor: int = integer_column(big=True)
    currency: str = text_column()
    status: str = text_column()
    automatic: bool = boolean_column(default=True)
    created_at: datetime = time_column(nullable=False)
    #: A calendar day.
    arrives_on: str = text_column()
    state: str = text_column(default="seen")
    #: `PayoutBooked`.
    booked: dict[str, Any] | None = json_column()
    note: str | None = text_column(nullable=True)
    updated_at: datetime = time_column(nullable=False)


class CashMovementRow(SQLModel, table=True):
    """One movement of billing's balance, and the payout that has paid it out."""

    __tablename__ = "cash_movements"
    __table_args__ = (
        CheckConstraint(
            "kind in ('charge', 'refund', 'dispute', 'fee', 'payout', 'other')",
            name="cash_movements_kind",
        ),
        Index(
            "cash_movements_loose",
            "tenant",
            "connection",
            postgresql_where=text("payout_id is null"),
        ),
        Index("cash_movements_by_payout", "tenant", "connection", "payout_id"),
    )
    tenant: str = text_column(key=True)
    connection: str = text_column(key=True)
    movement_id: str = text_column(key=True)
    kind: str = text_column()
    currency: str = text_column()
    amount_minor: int = integer_column(big=True)
    #: With its tax.
    fee_minor: int = integer_column(big=True)
    taken_minor: int | None = integer_column(big=True, nullable=True)
    taken_currency: str | None = text_column(nullable=True)
    source_id: str | None = text_column(nullable=True)
    payout_id: str | None = text_column(nullable=True)
    at: datetime = time_column(nullable=False)


class CashLookRow(SQLModel, table=True):
    """How clearing stood beside billing's balance at the last look."""

    __tablename__ = "cash_looks"
    tenant: str = text_column(key=True)
    connection: str = text_column(key=True)
    legal_entity: str = text_column()
    looked_at: datetime = time_column(nullable=False)
    #: When the standings were read; older than the look where that failed.
    seen_at: datetime | None = time_column()
    standings: list[dict[str, Any]] = json_column(nullable=False)
    problem: str | None = text_column(nullable=True)
    #: The newest movement that the list has told.
    newest: str | None = text_column(nullable=True)
