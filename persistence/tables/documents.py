"""What billing has issued, what settles it, what it has not billed, and what became of all that.

The conditions below are those of partial indexes, and of the queries that these are for.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, text
from sqlmodel import SQLModel

from persistence.tables.columns import (
    boolean_column,
    integer_column,
    json_column,
    text_column,
    texts_column,
    time_column,
)

_IN_BOOKS = "state in ('posted', 'before_cutover') and erp_document_id is not null"

#: Billing and the ERP do not say the same: it is not in the books though billing has issued it, it
#: is there though billing has made it void, the sums are others, or a person has left it there as
#: it was posted.
DIFFERS = (
    "(status <> 'void' and state in ('seen', 'reversed') "
    f"or {_IN_BOOKS} and (status = 'void' or erp_open_minor <> remaining_minor "
    "or erp_gross_minor <> gross_minor or erp_tax_minor <> tax_minor "
    "or hold is not null and posted_content <> content))"
)

#: Something of it may be left to do, or somebody still waits for its money.
UNSETTLED = (
    f"({DIFFERS} or remaining_minor <> 0 and status <> 'void' "
    "or state = 'posted' and posted_content <> content)"
)

#: It may stand elsewhere in the ERP by now, or billing shows another status than it has.
MOVING = (
    "(erp_document_id is not null and erp_status not in ('paid', 'credited') "
    "or erp_status = 'paid' and status = 'open' "
    "or erp_status_shown <> erp_status and (erp_status_shown <> '' or erp_status <> 'unposted'))"
)

#: Billing still waits for something of it, or owes it.
OWED = "(remaining_minor <> 0 and status <> 'void')"

#: It moves the customer's account beside documents, or the balance that is kept there.
ON_ACCOUNT = "(document_id is null or kind in ('balance', 'goodwill'))"

#: It was entered for a document that it does not settle: its money stands on the account.
STANDING = "(entry_id is not null and settles is null and document_id is not null)"


class DocumentRow(SQLModel, table=True):
    """A final document of billing as it was last read, and what the ERP holds of it."""

    __tablename__ = "documents"
    __table_args__ = (
        CheckConstraint(
            "state in ('seen', 'posted', 'reversed', 'before_cutover')", name="documents_state"
        ),
        CheckConstraint(
            "erp_status in ('unposted', 'posted', 'part_paid', 'paid', 'overdue', 'credited')",
            name="documents_erp_status",
        ),
        CheckConstraint("generation > 0", name="documents_generation"),
        # What is compared must be there, or a comparison with nothing would hide a difference.
        CheckConstraint(
            "(erp_document_id is null) = (posted is null) and (posted is null) = "
            "(num_nulls(legal_entity, posted_content, erp_open_minor, erp_gross_minor, "
            "erp_tax_minor) > 0)",
            name="documents_posted_whole",
        ),
        CheckConstraint("state <> 'posted' or posted is not null", name="documents_posted"),
        CheckConstraint(
            "document -> 'bill_to' is null or document -> 'bill_to' = 'null'",
            name="documents_without_personal_data",
        ),
        Index("documents_by_subject", "tenant", "subject", "issued_at", "document_id"),
        Index("documents_by_customer", "tenant", "customer_id", "issued_at", "document_id"),
        Index("documents_by_time", "tenant", "issued_at", "document_id"),
        Index("documents_by_number", "tenant", "number"),
        Index("documents_by_erp_number", "tenant", "erp_number"),
        Index("documents_by_change", "tenant", "change_id"),
        Index("documents_by_subscriptions", "subscriptions", postgresql_using="gin"),
        # Whom an address belongs to, and what a customer still owes: asked by support.
        Index(
            "documents_by_email",
            "tenant",
            "email_digest",
            postgresql_where=text("email_digest is not null"),
        ),
        Index(
            "documents_owed",
            "tenant",
            "customer_id",
            "issued_at",
            postgresql_where=text(OWED),
        ),
        Index(
            "documents_one_of_erp",
            "tenant",
            "legal_entity",
            "erp_document_id",
            unique=True,
            postgresql_where=text("erp_document_id is not null"),
        ),
        Index(
            "documents_unsettled",
            "tenant",
            "subject",
            "issued_at",
            "document_id",
            postgresql_where=text(UNSETTLED),
        ),
        Index(
            "documents_differing",
            "tenant",
            "issued_at",
            "document_id",
            postgresql_where=text(DIFFERS),
        ),
        Index(
            "documents_moving",
            "tenant",
            text("erp_status_at nulls first"),
            "document_id",
            postgresql_where=text(MOVING),
        ),
        # What a comparison leaves aside, and counts.
        Index(
            "documents_aside",
            "tenant",
            postgresql_where=text(
                "state in ('reversed', 'before_cutover') and erp_document_id is not null"
            ),
        ),
    )
    tenant: str = text_column(key=True)
    document_id: str = text_column(key=True)
    connection: str = text_column()
    #: Whose changes it belongs to: the subscription, or `account:` and the customer.
    subject: str = text_column()
    customer_id: str = text_column()
    subscription_id: str | None = text_column(nullable=True)
    #: All that its lines name, and the one that billing made it for.
    subscriptions: list[str] = texts_column()
    kind: str = text_column()
    number: str | None = text_column(nullable=True)
    status: str = text_column()
    currency: str = text_column()
    gross_minor: int = integer_column(big=True)
    tax_minor: int = integer_column(big=True)
    remaining_minor: int = integer_column(big=True)
    issued_at: datetime = time_column(nullable=False)
    due_at: datetime | None = time_column()
    content: str = text_column()
    #: The canonical BillingDocument, without whom it names.
    document: dict[str, Any] = json_column(nullable=False)
    state: str = text_column(default="seen")
    generation: int = integer_column(default=1)
    hold: dict[str, Any] | None = json_column()
    correction: dict[str, Any] | None = json_column()
    legal_entity: str | None = text_column(nullable=True)
    party: str | None = text_column(nullable=True)
    erp_document_id: str | None = text_column(nullable=True)
    erp_number: str | None = text_column(nullable=True)
    erp_open_minor: int | None = integer_column(nullable=True, big=True)
    erp_gross_minor: int | None = integer_column(nullable=True, big=True)
    erp_tax_minor: int | None = integer_column(nullable=True, big=True)
    #: The canonical ErpDocument.
    posted: dict[str, Any] | None = json_column()
    #: Of billing's document at the time.
    posted_content: str | None = text_column(nullable=True)
    effect_key: str | None = text_column(nullable=True)
    change_id: str | None = text_column(nullable=True)
    #: Who said that a document made by hand is this one.
    linked_by: str | None = text_column(nullable=True)
    erp_status: str = text_column(default="unposted")
    erp_status_at: datetime | None = time_column()
    #: The status that billing has been told; empty before.
    erp_status_shown: str = text_column(default="")
    seen_at: datetime = time_column(nullable=False)
    #: Of the address that it names, which is not kept: support asks by it.
    email_digest: str | None = text_column(nullable=True)


class SettlementRow(SQLModel, table=True):
    """A movement that settles a document or stands on the account. Entered once, ever."""

    __tablename__ = "settlements"
    __table_args__ = (
        Index("settlements_by_document", "tenant", "document_id"),
        Index("settlements_by_about", "tenant", "about"),
        Index("settlements_by_subject", "tenant", "subject", "at"),
        Index("settlements_by_effect", "effect_key"),
        Index("settlements_by_customer", "tenant", "customer_id", "at"),
        Index(
            "settlements_on_account",
            "tenant",
            "customer_id",
            postgresql_where=text(ON_ACCOUNT),
        ),
        Index(
            "settlements_standing",
            "tenant",
            "customer_id",
            postgresql_where=text(STANDING),
        ),
        # `trueup differences` looks for these two over all customers, who rarely have any: without
        # an index of its own each reads the whole table.
        Index(
            "settlements_balance_not_entered",
            "tenant",
            "customer_id",
            postgresql_where=text(
                "entry_id is null and (kind in ('balance', 'goodwill') "
                "or kind = 'payment' and document_id is null and about is null)"
            ),
        ),
        Index(
            "settlements_written_off",
            "tenant",
            "document_id",
            postgresql_where=text("kind = 'write_off'"),
        ),
    )
    tenant: str = text_column(key=True)
    settlement_id: str = text_column(key=True)
    customer_id: str = text_column()
    subject: str = text_column()
    document_id: str | None = text_column(nullable=True)
    about: str | None = text_column(nullable=True)
    against: str | None = text_column(nullable=True)
    kind: str = text_column()
    #: Signed: positive where it reduces what the customer owes.
    minor: int = integer_column(big=True)
    currency: str = text_column()
    at: datetime = time_column(nullable=False)
    #: The canonical Settlement.
    settlement: dict[str, Any] = json_column(nullable=False)
    legal_entity: str | None = text_column(nullable=True)
    effect_key: str | None = text_column(nullable=True)
    #: The ERP's entry; None until it is confirmed.
    entry_id: str | None = text_column(nullable=True)
    entry_number: str | None = text_column(nullable=True)
    url: str | None = text_column(nullable=True)
    #: Billing's document that the entry settles in the ERP; None while it stands on the account.
    settles: str | None = text_column(nullable=True)
    seen_at: datetime = time_column(nullable=False)
    entered_at: datetime | None = time_column()


class UnbilledRow(SQLModel, table=True):
    """What the ERP shows of a subscription as not billed."""

    __tablename__ = "unbilled"
    tenant: str = text_column(key=True)
    subscription_id: str = text_column(key=True)
    external_id: str = text_column()
    legal_entity: str = text_column()
    party: str = text_column()
    document_id: str | None = text_column(nullable=True)
    digest: str = text_column()
    minor: int = integer_column(big=True)
    currency: str = text_column()
    #: The DraftLines that are shown.
    lines: Any = json_column(nullable=False)
    problem: str | None = text_column(nullable=True)
    shown_at: datetime = time_column(nullable=False)


class AccountRow(SQLModel, table=True):
    """What other systems were last told of a customer; a digest, for it is personal data."""

    __tablename__ = "accounts"
    tenant: str = text_column(key=True)
    customer_id: str = text_column(key=True)
    profile_digest: str = text_column(default="")
    deleted: bool = boolean_column(default=False)
    #: Money by currency, positive where we owe the customer.
    balance: Any = json_column()
    synced_at: datetime = time_column(nullable=False)


class AccountPlaceRow(SQLModel, table=True):
    """Where a customer's account stands among others, by ids alone."""

    __tablename__ = "account_places"
    __table_args__ = (
        CheckConstraint("parent <> customer_id", name="account_places_parent"),
        CheckConstraint("payer <> customer_id", name="account_places_payer"),
        Index(
            "account_places_by_parent",
            "tenant",
            "parent",
            postgresql_where=text("parent is not null"),
        ),
        Index(
            "account_places_by_payer",
            "tenant",
            "payer",
            postgresql_where=text("payer is not null"),
        ),
        Index("account_places_by_external_id", "external_ids", postgresql_using="gin"),
    )
    tenant: str = text_column(key=True)
    customer_id: str = text_column(key=True)
    parent: str | None = text_column(nullable=True)
    payer: str | None = text_column(nullable=True)
    external_ids: dict[str, Any] = json_column(nullable=False)
    #: An account was asked for, whether anything is booked on it yet or not.
    wanted: bool = boolean_column(default=False)
    set_by: str = text_column()
    set_at: datetime = time_column(nullable=False)


class ApprovalRow(SQLModel, table=True):
    """Somebody's yes to what `document_id` names as it is, whichever change carries it out: a
    document, a movement, or `account:` and a customer. `roles` are what they were then, null for a
    program's key."""

    __tablename__ = "approvals"
    tenant: str = text_column(key=True)
    document_id: str = text_column(key=True)
    content: str = text_column(key=True)
    approved_by: str = text_column(key=True)
    roles: list[str] | None = texts_column(nullable=True)
    note: str = text_column(default="")
    approved_at: datetime = time_column(nullable=False)


class ApprovalRequestRow(SQLModel, table=True):
    """What a yes is asked to now, and whose."""

    __tablename__ = "approval_requests"
    tenant: str = text_column(key=True)
    document_id: str = text_column(key=True)
    content: str = text_column()
    needs: list[dict[str, Any]] = json_column(nullable=False)
    asked_at: datetime = time_column(nullable=False)
