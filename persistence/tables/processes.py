"""The life of a subscription: what runs over time, and who waits for it."""

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


class DunningRow(SQLModel, table=True):
    """An overdue invoice, and how far its dunning has gone."""

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

    `news` counts it, `acknowledged` says up to which one the engine has it: whoever brings news
    raises the count in the transaction of what is new, and the dispatcher tells. `ended_after` is
    the news after which the process had come to its end, as the engine said when it was asked.
    """

    __tablename__ = "processes"
    __table_args__ = (
        Index(
            "processes_unacknowledged", "changed_at", postgresql_where=text("news > acknowledged")
        ),
        Index("processes_unchecked", "checked_at", postgresql_where=text("news > ended_after")),
    )
    workflow_id: str = text_column(key=True)
    tenant: str = text_column()
    kind: str = text_column()
    #: The workflow's input.
    input: dict[str, Any] = json_column(nullable=False)
    news: int = integer_column(big=True, default=1)
    acknowledged: int = integer_column(big=True, default=0)
    ended_after: int = integer_column(big=True, default=0)
    changed_at: datetime = time_column(nullable=False)
    #: When the engine was last asked whether it has the process.
    checked_at: datetime = time_column(nullable=False)


class TargetRow(SQLModel, table=True):
    """What an entitlement target holds of a customer, as it last said."""

    __tablename__ = "target_states"
    __table_args__ = (
        CheckConstraint("state in ('behind', 'current', 'refused')", name="targets_state"),
        Index("targets_behind", "tenant", "target", postgresql_where=text("state <> 'current'")),
    )
    tenant: str = text_column(key=True)
    target: str = text_column(key=True)
    customer_id: str = text_column(key=True)
    #: The revision of ours that it should hold, and the last that it said it holds.
    revision: int = integer_column(big=True)
    confirmed: int = integer_column(big=True, default=0)
    state: str = text_column(default="behind")
    error: str | None = text_column(nullable=True)
    updated_at: datetime = time_column(nullable=False)
