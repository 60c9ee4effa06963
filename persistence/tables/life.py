"""The life of a subscription: what is owed and paid, what runs over time, and who waits for it."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, text
from sqlmodel import SQLModel

from persistence.tables.columns import (
    integer_column,
    json_column,
    text_column,
    time_column,
)


class PaymentRow(SQLModel, table=True):
    """A movement of money that the ERP knows of, or is about to. Entered once, ever."""

    __tablename__ = "payments"
    __table_args__ = (
        CheckConstraint(
            "state in ('confirmed', 'failed', 'refunded', 'disputed', 'reinstated', 'written_off')",
            name="payments_state",
        ),
        Index("payments_by_invoice", "tenant", "invoice_id"),
        Index("payments_by_subscription", "tenant", "subscription_id"),
    )
    tenant: str = text_column(key=True)
    payment_id: str = text_column(key=True)
    invoice_id: str = text_column()
    subscription_id: str = text_column()
    state: str = text_column()
    #: Signed: positive where it reduces what the customer owes.
    minor: int = integer_column(big=True)
    currency: str = text_column()
    effect_key: str = text_column()
    #: The ERP's entry; None until it is confirmed.
    entry_id: str | None = text_column(nullable=True)
    moved_at: datetime = time_column(nullable=False)


class InvoiceRow(SQLModel, table=True):
    """An invoice as billing asks it, with where it stands in the ERP."""

    __tablename__ = "invoices"
    __table_args__ = (
        CheckConstraint(
            "standing in ('unposted', 'posted', 'sent', 'part_paid', 'paid', 'overdue', "
            "'credited')",
            name="invoices_standing",
        ),
        Index("invoices_by_customer", "tenant", "customer_id", "created_at"),
        Index("invoices_by_subscription", "tenant", "subscription_id", "created_at"),
        Index("invoices_by_time", "tenant", "created_at", "invoice_id"),
        # What the sweep looks at: all that may still change; as its query says it, word for word.
        Index(
            "invoices_moving",
            "tenant",
            text("standing_at nulls first"),
            "invoice_id",
            postgresql_where=text(
                "standing not in ('paid', 'credited') or told <> standing "
                "or standing = 'paid' and status <> 'paid'"
            ),
        ),
    )
    tenant: str = text_column(key=True)
    invoice_id: str = text_column(key=True)
    subscription_id: str = text_column()
    customer_id: str = text_column()
    #: The canonical Invoice.
    invoice: dict[str, Any] = json_column(nullable=False)
    status: str = text_column()
    standing: str = text_column(default="unposted")
    #: DocumentStandings, as read at `standing_at`.
    documents: Any = json_column()
    standing_at: datetime | None = time_column()
    #: The standing that billing has been told; empty before.
    told: str = text_column(default="")
    created_at: datetime = time_column(nullable=False)
    seen_at: datetime = time_column(nullable=False)


class DunningRow(SQLModel, table=True):
    """An invoice that is asked for in vain, and how far that has gone."""

    __tablename__ = "dunning_cases"
    __table_args__ = (
        CheckConstraint("stage in ('grace', 'suspended', 'final', 'closed')", name="dunning_stage"),
        Index("dunning_by_subscription", "tenant", "subscription_id"),
    )
    tenant: str = text_column(key=True)
    invoice_id: str = text_column(key=True)
    subscription_id: str = text_column()
    customer_id: str = text_column()
    stage: str = text_column(default="grace")
    #: By billing's clock, as all times of the case.
    overdue_since: datetime = time_column(nullable=False)
    reminders: int = integer_column(default=0)
    #: Days by which a person has put everything off.
    extended_days: int = integer_column(default=0)
    suspended_at: datetime | None = time_column()
    #: `paid`, `credit`, `write_off`, `void` or `ended`, once it is closed or decided.
    outcome: str | None = text_column(nullable=True)
    closed_at: datetime | None = time_column()
    updated_at: datetime = time_column(nullable=False)


class ContractRow(SQLModel, table=True):
    """The term of a subscription, and whether its renewal will post."""

    __tablename__ = "contracts"
    __table_args__ = (
        CheckConstraint(
            "forecast in ('none', 'ready', 'blocked')",
            name="contracts_forecast",
        ),
        Index("contracts_by_renewal", "tenant", "renews_at"),
    )
    tenant: str = text_column(key=True)
    subscription_id: str = text_column(key=True)
    customer_id: str = text_column()
    starts_at: datetime = time_column(nullable=False)
    #: None while it runs until cancelled.
    ends_at: datetime | None = time_column()
    #: The end of the period that is billed; None once it is over.
    renews_at: datetime | None = time_column()
    time_zone: str = text_column(default="UTC")
    forecast: str = text_column(default="none")
    #: The renewal that the forecast is about.
    forecast_for: datetime | None = time_column()
    forecast_amount: dict[str, Any] | None = json_column()
    forecast_problem: str | None = text_column(nullable=True)
    change_id: str = text_column()
    updated_at: datetime = time_column(nullable=False)


class ProcessRow(SQLModel, table=True):
    """A process that waits on time or people beside the sagas, and the news it is to hear.

    `wanted` counts the news, `told` says up to which one the engine has it: whoever brings news
    raises `wanted` in the transaction of what is new, and the dispatcher tells.
    """

    __tablename__ = "processes"
    __table_args__ = (
        Index("processes_untold", "workflow_id", postgresql_where=text("wanted > told")),
    )
    workflow_id: str = text_column(key=True)
    tenant: str = text_column()
    kind: str = text_column()
    #: The workflow's input.
    input: dict[str, Any] = json_column(nullable=False)
    wanted: int = integer_column(big=True, default=1)
    told: int = integer_column(big=True, default=0)
    changed_at: datetime = time_column(nullable=False)


class TargetRow(SQLModel, table=True):
    """What an entitlement target holds of a customer, as it last said."""

    __tablename__ = "target_states"
    __table_args__ = (
        CheckConstraint("state in ('behind', 'current', 'refused')", name="targets_state"),
    )
    tenant: str = text_column(key=True)
    target: str = text_column(key=True)
    customer_id: str = text_column(key=True)
    wanted: int = integer_column(big=True)
    confirmed: int = integer_column(big=True, default=0)
    state: str = text_column(default="behind")
    error: str | None = text_column(nullable=True)
    updated_at: datetime = time_column(nullable=False)


class ApprovalRow(SQLModel, table=True):
    """A person's yes to exactly one document of one change."""

    __tablename__ = "approvals"
    tenant: str = text_column(key=True)
    change_id: str = text_column(key=True)
    digest: str = text_column(key=True)
    approved_by: str = text_column()
    note: str = text_column(default="")
    approved_at: datetime = time_column(nullable=False)
