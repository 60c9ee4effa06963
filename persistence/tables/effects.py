"""What changes do: effects, synchronised states, grants."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, text
from sqlmodel import SQLModel

from persistence.tables.columns import (
    integer_column,
    json_column,
    serial_column,
    text_column,
    texts_column,
    time_column,
)


class EffectRow(SQLModel, table=True):
    """One intended write to another system. See canonical_models/effects.py for its states and
    activities/ledger.py for the protocol.

    `key` names the business object that is written, or the change and step of a set.
    """

    __tablename__ = "effects"
    __table_args__ = (
        CheckConstraint(
            "state in ('planned', 'attempting', 'uncertain', 'rejected', 'confirmed', "
            "'compensating', 'compensated')",
            name="effects_state",
        ),
        Index("effects_by_change", "change_id", "created_at"),
        Index("effects_by_reference", "tenant", "vendor_reference"),
        # How long it took, of those of a stretch of time.
        Index(
            "effects_by_end",
            "tenant",
            "system",
            "confirmed_at",
            postgresql_where=text("confirmed_at is not null"),
        ),
        Index(
            "effects_of_set",
            "writes_set",
            postgresql_where=text("writes_set is not null and lands_until is not null"),
        ),
        Index(
            "effects_by_set",
            "writes_set",
            "confirmed_at",
            postgresql_where=text("writes_set is not null"),
        ),
        Index(
            "effects_to_sweep",
            "tenant",
            "lands_until",
            postgresql_where=text(
                "lands_until is not null and swept_at is null "
                "and state in ('confirmed', 'compensated', 'uncertain')"
            ),
        ),
    )
    key: str = text_column(key=True)
    tenant: str = text_column()
    change_id: str = text_column()
    step: str = text_column()
    system: str = text_column()
    operation: str = text_column()
    request_hash: str = text_column()
    #: The legal entity, where there is one.
    place: str | None = text_column(nullable=True)
    #: The set that it writes, of which one write may be under way at a time.
    writes_set: str | None = text_column(nullable=True)
    state: str = text_column(default="planned")
    #: Counts up with everybody who begins: the fence.
    attempt: int = integer_column(default=0)
    #: Until when a request that was never answered may still be carried out; null where all were.
    lands_until: datetime | None = time_column()
    #: Ids of what attempts have made over there so far, such as the draft of the document.
    made: list[str] = texts_column()
    #: What people search for in the other system, such as the invoice number.
    vendor_reference: str | None = text_column(nullable=True)
    url: str | None = text_column(nullable=True)
    result: dict[str, Any] | None = json_column()
    undo_reference: str | None = text_column(nullable=True)
    undo_result: dict[str, Any] | None = json_column()
    #: Who says that it was taken back by hand.
    closed_by: str | None = text_column(nullable=True)
    error: str | None = text_column(nullable=True)
    created_at: datetime = time_column(nullable=False)
    attempted_at: datetime | None = time_column()
    confirmed_at: datetime | None = time_column()
    compensated_at: datetime | None = time_column()
    #: When it was looked once more for what landed late.
    swept_at: datetime | None = time_column()


class SubscriptionStateRow(SQLModel, table=True):
    """The last snapshot of a subscription that every system agreed to."""

    __tablename__ = "subscription_states"
    __table_args__ = (Index("subscription_states_by_customer", "tenant", "customer_id"),)
    tenant: str = text_column(key=True)
    subscription_id: str = text_column(key=True)
    customer_id: str = text_column()
    change_id: str = text_column()
    snapshot: dict[str, Any] = json_column(nullable=False)
    synced_at: datetime = time_column(nullable=False)


class AccessHoldRow(SQLModel, table=True):
    """Access that a person took back with a change, until it is released or sold otherwise."""

    __tablename__ = "access_holds"
    tenant: str = text_column(key=True)
    subscription_id: str = text_column(key=True)
    hold: dict[str, Any] = json_column(nullable=False)
    held_at: datetime = time_column(nullable=False)


class GrantRow(SQLModel, table=True):
    """One grant. A row that is replaced or withdrawn keeps its history through `withdrawn_at`."""

    __tablename__ = "grants"
    __table_args__ = (
        CheckConstraint("quantity > 0", name="grants_quantity"),
        CheckConstraint("state in ('active', 'suspended')", name="grants_state"),
        Index(
            "grants_one_live",
            "tenant",
            "customer_id",
            "feature",
            "source",
            "source_id",
            unique=True,
            postgresql_where=text("withdrawn_at is null"),
        ),
        Index("grants_by_subscription", "tenant", "subscription_id"),
        Index("grants_by_source", "tenant", "source_id"),
    )
    id: int = serial_column()
    tenant: str = text_column()
    customer_id: str = text_column()
    feature: str = text_column()
    source: str = text_column()
    source_id: str = text_column()
    subscription_id: str | None = text_column(nullable=True)
    change_id: str = text_column()
    quantity: int = integer_column(big=True)
    starts_at: datetime = time_column(nullable=False)
    ends_at: datetime | None = time_column()
    granted_at: datetime = time_column(nullable=False)
    withdrawn_at: datetime | None = time_column()
    withdrawn_by: str | None = text_column(nullable=True)
    state: str = text_column(default="active")
    reason: str | None = text_column(nullable=True)


class SupportContributionRow(SQLModel, table=True):
    """What one subscription, or people for a customer, ask of support; an organisation gets the
    merge of its contributions."""

    __tablename__ = "support_contributions"
    __table_args__ = (
        Index("support_contributions_by_organization", "tenant", "organization"),
        Index("support_contributions_by_customer", "tenant", "customer_id"),
    )
    tenant: str = text_column(key=True)
    subscription_id: str = text_column(key=True)
    customer_id: str = text_column()
    organization: str = text_column()
    #: Organisations that it has moved away from, and that still show it.
    left_at: list[str] = texts_column()
    contribution: dict[str, Any] = json_column(nullable=False)
    updated_at: datetime = time_column(nullable=False)
