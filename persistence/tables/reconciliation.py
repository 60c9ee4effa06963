"""What systems were last told to hold, as facts, and where they do not agree.

Facts are what others have said, and can be read anew; a difference is kept after it has gone.
"""

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, Column, Date, Index, text
from sqlmodel import Field, SQLModel

from persistence.tables.columns import (
    boolean_column,
    integer_column,
    json_column,
    text_column,
    time_column,
)


class FactDocumentRow(SQLModel, table=True):
    """A final document as billing or the ERP lists it. `place` is the ERP's legal entity."""

    __tablename__ = "fact_documents"
    __table_args__ = (
        CheckConstraint("system in ('billing', 'erp')", name="fact_documents_system"),
        Index("fact_documents_by_account", "tenant", "system", "account"),
        Index(
            "fact_documents_by_reference",
            "tenant",
            "reference",
            postgresql_where=text("reference is not null"),
        ),
        Index(
            "fact_documents_by_number",
            "tenant",
            "billing_number",
            postgresql_where=text("billing_number is not null"),
        ),
        Index(
            "fact_documents_by_corrected",
            "tenant",
            "place",
            "corrects",
            postgresql_where=text("corrects is not null"),
        ),
        Index(
            "fact_documents_open",
            "tenant",
            "place",
            "account",
            postgresql_where=text("system = 'erp' and open_minor <> 0"),
        ),
        # Of which billing does not say the tax: few.
        Index(
            "fact_documents_untaxed",
            "tenant",
            "issued_at",
            postgresql_where=text("system = 'billing' and stands and tax_minor is null"),
        ),
    )
    tenant: str = text_column(key=True)
    system: str = text_column(key=True)
    place: str = text_column(key=True)
    key: str = text_column(key=True)
    kind: str = text_column()
    #: Whether it is neither void nor cancelled.
    stands: bool = boolean_column(default=True)
    #: Billing's customer, or the ERP's party.
    account: str = text_column()
    subscription_id: str | None = text_column(nullable=True)
    number: str | None = text_column(nullable=True)
    reference: str | None = text_column(nullable=True)
    billing_number: str | None = text_column(nullable=True)
    currency: str = text_column()
    gross_minor: int = integer_column(big=True)
    tax_minor: int | None = integer_column(nullable=True, big=True)
    open_minor: int | None = integer_column(nullable=True, big=True)
    issued_at: datetime | None = time_column()
    issued_on: date | None = Field(sa_column=Column(Date, nullable=True))
    ours: bool = boolean_column(default=False)
    read_at: datetime = time_column(nullable=False)
    #: Whether billing collects it by itself.
    collected: bool = boolean_column(default=True)
    #: The ERP's document that this one takes back, by whoever made it.
    corrects: str | None = text_column(nullable=True)
    #: In the ERP: minor units of revenue and of deferred revenue by month, in this currency.
    books_currency: str | None = text_column(nullable=True)
    earned: dict[str, Any] | None = json_column()
    #: Net amounts of its lines that the ERP spreads over no period, whatever billing says.
    at_once: list[Any] | None = json_column()
    #: First and last day of each of its schedules.
    schedules: list[Any] | None = json_column()


class FactEntryRow(SQLModel, table=True):
    """A line of a posted move in the ERP: open on a customer's account, or on revenue without a
    document. `place` is the legal entity."""

    __tablename__ = "fact_entries"
    __table_args__ = (
        CheckConstraint("kind in ('receivable', 'revenue', 'deferred')", name="fact_entries_kind"),
        Index(
            "fact_entries_by_account",
            "tenant",
            "place",
            "account",
            postgresql_where=text("kind = 'receivable'"),
        ),
        Index(
            "fact_entries_by_kind",
            "tenant",
            "place",
            "key",
            postgresql_where=text("kind <> 'receivable'"),
        ),
    )
    tenant: str = text_column(key=True)
    place: str = text_column(key=True)
    key: str = text_column(key=True)
    kind: str = text_column()
    #: The ERP's party, on whose account it is.
    account: str | None = text_column(nullable=True)
    currency: str = text_column()
    minor: int = integer_column(big=True)
    on_day: date = Field(sa_column=Column(Date, nullable=False))
    number: str | None = text_column(nullable=True)
    #: Whether it belongs to no document.
    beside: bool = boolean_column(default=True)
    ours: bool = boolean_column(default=False)
    read_at: datetime = time_column(nullable=False)


class FactBalanceRow(SQLModel, table=True):
    """What billing keeps for a customer: positive where we owe it; without a currency where that is
    nothing."""

    __tablename__ = "fact_balances"
    tenant: str = text_column(key=True)
    customer_id: str = text_column(key=True)
    currency: str = text_column(key=True)
    minor: int = integer_column(big=True)
    read_at: datetime = time_column(nullable=False)


class FactSubscriptionRow(SQLModel, table=True):
    """A subscription as billing lists it; `items` are pairs of item and quantity, ordered."""

    __tablename__ = "fact_subscriptions"
    __table_args__ = (Index("fact_subscriptions_by_customer", "tenant", "customer_id"),)
    tenant: str = text_column(key=True)
    subscription_id: str = text_column(key=True)
    customer_id: str = text_column()
    status: str = text_column()
    items: list[Any] | None = json_column()
    read_at: datetime = time_column(nullable=False)


class FactOrganizationRow(SQLModel, table=True):
    """What support shows of an organisation."""

    __tablename__ = "fact_organizations"
    tenant: str = text_column(key=True)
    organization: str = text_column(key=True)
    tier: str | None = text_column(nullable=True)
    contract_end: datetime | None = time_column()
    #: Ordered.
    features: list[str] = json_column(nullable=False)
    read_at: datetime = time_column(nullable=False)


class FactReadRow(SQLModel, table=True):
    """How far a system was read. `began_at` is when the last reading began that has come to its
    end: what was written later may not be in the facts."""

    __tablename__ = "fact_reads"
    tenant: str = text_column(key=True)
    system: str = text_column(key=True)
    place: str = text_column(key=True)
    #: Where the vendor goes on; null is from the beginning.
    next: str | None = text_column(nullable=True)
    reading_since: datetime | None = time_column()
    #: When a reading of everything began: what it has not told is gone. Null where only changes
    #: are read.
    whole_since: datetime | None = time_column()
    began_at: datetime | None = time_column()
    whole_at: datetime | None = time_column()
    requests: int = integer_column(big=True, default=0)
    #: The last day that the ERP has a period for.
    until: date | None = Field(sa_column=Column(Date, nullable=True))


class ReconciliationRow(SQLModel, table=True):
    """One comparison of a tenant's systems."""

    __tablename__ = "reconciliations"
    __table_args__ = (
        Index("reconciliations_by_tenant", "tenant", "began_at"),
        # What is old is dropped.
        Index("reconciliations_by_time", "began_at"),
    )
    id: str = text_column(key=True)
    tenant: str = text_column()
    asked_by: str = text_column()
    scope: dict[str, Any] = json_column(nullable=False)
    began_at: datetime = time_column(nullable=False)
    ended_at: datetime | None = time_column()
    #: The canonical Reconciled, once it has ended.
    result: dict[str, Any] | None = json_column()


class DifferenceRow(SQLModel, table=True):
    """Where two systems do not say the same, since when, and why."""

    __tablename__ = "differences"
    __table_args__ = (
        CheckConstraint(
            "about in ('document', 'subscription', 'target', 'support', 'receivable', 'revenue')",
            name="differences_about",
        ),
        CheckConstraint(
            "cause in ('in_flight', 'asked', 'decided', 'billing_changed', 'by_hand', 'ours')",
            name="differences_cause",
        ),
        CheckConstraint(
            "repair in ('wait', 'decide', 'sync', 'publish', 'tell', 'in_erp')",
            name="differences_repair",
        ),
        CheckConstraint("owner in ('finance', 'support', 'operations')", name="differences_owner"),
        Index(
            "differences_open",
            "tenant",
            "about",
            "key",
            "what",
            "system",
            postgresql_where=text("closed_at is null"),
        ),
        Index("differences_closed", "closed_at", postgresql_where=text("closed_at is not null")),
    )
    tenant: str = text_column(key=True)
    about: str = text_column(key=True)
    key: str = text_column(key=True)
    what: str = text_column(key=True)
    #: Whose saying differs from what it should.
    system: str = text_column(key=True)
    customer_id: str = text_column()
    subject: str = text_column()
    legal_entity: str | None = text_column(nullable=True)
    #: The day of the document, for those who ask for a month.
    issued_at: datetime | None = time_column()
    number: str | None = text_column(nullable=True)
    erp_number: str | None = text_column(nullable=True)
    expected: str | None = text_column(nullable=True)
    found: str | None = text_column(nullable=True)
    currency: str | None = text_column(nullable=True)
    billing_minor: int | None = integer_column(nullable=True, big=True)
    erp_minor: int | None = integer_column(nullable=True, big=True)
    cause: str = text_column()
    owner: str = text_column()
    repair: str = text_column()
    exception_id: str | None = text_column(nullable=True)
    change_id: str | None = text_column(nullable=True)
    opened_at: datetime = time_column(nullable=False)
    seen_at: datetime = time_column(nullable=False)
    closed_at: datetime | None = time_column()
    #: When its repair was last asked for.
    repaired_at: datetime | None = time_column()
