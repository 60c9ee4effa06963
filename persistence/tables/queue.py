"""The way of a change: inbox, changes, exceptions, outbox."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Column,
    Computed,
    DateTime,
    Index,
    LargeBinary,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from persistence.tables.columns import (
    boolean_column,
    integer_column,
    json_column,
    serial_column,
    text_column,
    texts_column,
    time_column,
)


class InboxRow(SQLModel, table=True):
    """One webhook as it arrived. `body` is the signed bytes, untouched. One that does not show what
    it is about waits until `ask_after`, and billing was `asked` so often in vain."""

    __tablename__ = "inbox"
    __table_args__ = (
        UniqueConstraint("tenant", "connection", "event_id", name="inbox_event_once"),
        CheckConstraint(
            "status in ('received', 'dispatched', 'ignored', 'dead_lettered')", name="inbox_status"
        ),
        Index("inbox_received", "id", postgresql_where=text("status = 'received'")),
        Index("inbox_to_ask", "ask_after", postgresql_where=text("ask_after is not null")),
        Index("inbox_by_tenant", "tenant", "id"),
        Index("inbox_by_receipt", "tenant", "receipt"),
        # Which of those that were read in a stretch of time were read again.
        Index(
            "inbox_by_end",
            "tenant",
            "settled_at",
            "replays",
            postgresql_where=text("settled_at is not null"),
        ),
    )
    id: int = serial_column()
    receipt: str = text_column()
    tenant: str = text_column()
    connection: str = text_column()
    event_id: str = text_column()
    event_type: str = text_column()
    status: str = text_column(default="received")
    reason: str | None = text_column(nullable=True)
    change_id: str | None = text_column(nullable=True)
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    replays: int = integer_column(default=0)
    received_at: datetime = time_column(nullable=False)
    settled_at: datetime | None = time_column()
    ask_after: datetime | None = time_column()
    asked: int = integer_column(default=0)


class ChangeRow(SQLModel, table=True):
    """One commercial change and the saga that carries it out."""

    __tablename__ = "changes"
    __table_args__ = (
        UniqueConstraint("tenant", "connection", "event_id", name="changes_event_once"),
        CheckConstraint(
            "state in ('pending', 'starting', 'running', 'waiting', 'settled')",
            name="changes_state",
        ),
        CheckConstraint(
            "outcome in ('completed', 'no_change', 'compensated', 'cancelled', 'shadowed')",
            name="changes_outcome",
        ),
        CheckConstraint(
            "(state = 'settled') = (outcome is not null)", name="changes_settled_has_outcome"
        ),
        # The engine lets one saga of a subject be open; this lets one be claimed.
        Index(
            "changes_one_open",
            "tenant",
            "subject",
            unique=True,
            postgresql_where=text("state in ('starting', 'running', 'waiting')"),
        ),
        Index(
            "changes_pending",
            "tenant",
            "subject",
            "seq",
            postgresql_where=text("state = 'pending'"),
        ),
        # What may be claimed, by whose turn it is.
        Index("changes_ready", "lane", "tenant", "seq", postgresql_where=text("ready")),
        Index(
            "changes_one_ready",
            "tenant",
            "subject",
            unique=True,
            postgresql_where=text("ready"),
        ),
        # Those that take a place of the dispatcher that has claimed them.
        Index(
            "changes_places",
            "claimed_by",
            "claimed_at",
            postgresql_where=text("state in ('starting', 'running')"),
        ),
        Index("changes_starting", "claimed_at", postgresql_where=text("state = 'starting'")),
        Index("changes_at_work", "seq", postgresql_where=text("state in ('running', 'waiting')")),
        # What a saga that waits is to be told of.
        Index(
            "changes_news",
            "tenant",
            "subject",
            postgresql_where=text("news = 1 and state = 'pending'"),
        ),
        Index("changes_by_tenant", "tenant", "seq"),
        Index("changes_by_state", "tenant", "state", "seq"),
        Index("changes_by_subject", "tenant", "subject", "seq"),
        Index(
            "changes_by_outcome",
            "tenant",
            "outcome",
            "seq",
            postgresql_where=text("outcome is not null"),
        ),
        # What a change that was stopped has not read is read by the next one.
        Index(
            "changes_cancelled", "tenant", "subject", postgresql_where=text("outcome = 'cancelled'")
        ),
        # The few that people look for by what they came to.
        Index(
            "changes_apart",
            "tenant",
            "outcome",
            "seq",
            postgresql_where=text("outcome in ('compensated', 'cancelled')"),
        ),
        Index(
            "changes_renewed",
            "tenant",
            "settled_at",
            postgresql_where=text("kind = 'renewal' and state = 'settled'"),
        ),
        Index("changes_lost", "tenant", "seq", postgresql_where=text("requeued > 0")),
    )
    id: str = text_column(key=True)
    seq: int = serial_column(key=False)
    tenant: str = text_column()
    connection: str = text_column()
    #: The subscription, or `account:` and the customer: changes of one subject go one by one.
    subject: str = text_column()
    #: None where it is the account's.
    subscription_id: str | None = text_column(nullable=True)
    customer_id: str | None = text_column(nullable=True)
    #: Ids of billing's documents that the event names.
    documents: list[str] = texts_column()
    #: Whether all that billing has issued since the cutover is read.
    whole: bool = boolean_column(default=False)
    event_id: str = text_column()
    kind: str = text_column()
    #: 1 live, 2 renewal, 3 reconciliation, 4 bulk: the order in which lanes are served.
    lane: int = integer_column(default=1)
    state: str = text_column(default="pending")
    #: Whether it may be claimed: the oldest pending one of its subject, not held, and none is open.
    #: Kept up by a trigger, whoever writes.
    ready: bool = boolean_column(default=False)
    #: A person keeps it, and what comes after it, from being claimed.
    held: bool = boolean_column(default=False)
    #: Of a pending one: 1 while the saga of its subject waits and is to be told of it, 2 once told.
    news: int = integer_column(default=0)
    outcome: str | None = text_column(nullable=True)
    stage: str | None = text_column(nullable=True)
    summary: str | None = text_column(nullable=True)
    run_id: str | None = text_column(nullable=True)
    #: Of those who claim it, so that what an older one still does has no effect.
    epoch: int = integer_column(default=0)
    #: The change of the same subject whose saga carries this one out as well.
    taken_in_by: str | None = text_column(nullable=True)
    #: By which of its readings.
    taken_at: int | None = integer_column(nullable=True)
    #: What a person has decided for this change alone, and is in force nowhere else.
    mend: dict[str, Any] | None = json_column()
    plan: dict[str, Any] | None = json_column()
    plan_digest: str | None = text_column(nullable=True)
    #: The claim whose run made it, and when it began to read billing for it.
    plan_epoch: int | None = integer_column(nullable=True)
    #: How often it was begun to read billing for it: each time it takes in what has come since. And
    #: of which of these readings the plan is.
    reading: int = integer_column(default=0)
    plan_reading: int | None = integer_column(nullable=True)
    read_at: datetime | None = time_column()
    snapshot: dict[str, Any] | None = json_column()
    proof: dict[str, Any] | None = json_column()
    attempts: int = integer_column(default=0)
    #: What was done to it beside its sagas: views.Happening, the oldest first.
    happened: list[dict[str, Any]] = Field(
        sa_column=Column(JSONB, nullable=False, server_default=text("'[]'"))
    )
    #: How often it came back to the queue because its saga was lost.
    requeued: int = integer_column(default=0)
    occurred_at: datetime = time_column(nullable=False)
    received_at: datetime = time_column(nullable=False)
    #: By which dispatcher, and when it last said so.
    claimed_by: str | None = text_column(nullable=True)
    claimed_at: datetime | None = time_column()
    started_at: datetime | None = time_column()
    settled_at: datetime | None = time_column()


class ExceptionRow(SQLModel, table=True):
    """What a machine cannot decide, put before the team that can."""

    __tablename__ = "exceptions"
    __table_args__ = (
        CheckConstraint("state in ('open', 'resolved')", name="exceptions_state"),
        CheckConstraint(
            "resolution in ('retry', 'correct', 'abort', 'approve', 'extend', 'credit', "
            "'write_off', 'skip', 'cancelled')",
            name="exceptions_resolution",
        ),
        CheckConstraint("woken in ('cause', 'look')", name="exceptions_woken"),
        CheckConstraint(
            "(state = 'resolved') = (resolution is not null)", name="exceptions_resolved_how"
        ),
        CheckConstraint("owner in ('finance', 'support', 'operations')", name="exceptions_owner"),
        CheckConstraint("track in ('books', 'access', 'process')", name="exceptions_track"),
        Index(
            "exceptions_one_open",
            "tenant",
            "change_id",
            "track",
            unique=True,
            postgresql_where=text("state = 'open'"),
        ),
        Index("exceptions_by_tenant", "tenant", "state", "opened_at", "id"),
        Index("exceptions_by_cause", "tenant", "fingerprint"),
        Index("exceptions_by_change", "tenant", "change_id"),
        Index(
            "exceptions_by_owner",
            "tenant",
            "owner",
            "opened_at",
            "id",
            postgresql_where=text("state = 'open'"),
        ),
        Index(
            "exceptions_by_assignee",
            "tenant",
            "assignee",
            "opened_at",
            "id",
            postgresql_where=text("state = 'open'"),
        ),
        Index(
            "exceptions_by_tag",
            "tags",
            postgresql_using="gin",
            postgresql_where=text("state = 'open'"),
        ),
        Index(
            "exceptions_by_end",
            "tenant",
            "resolved_at",
            postgresql_where=text("state = 'resolved'"),
        ),
        # What a mapping may mend.
        Index(
            "exceptions_by_customer",
            "tenant",
            "customer_id",
            postgresql_where=text("state = 'open'"),
        ),
        Index(
            "exceptions_by_subject", "tenant", "subject", postgresql_where=text("state = 'open'")
        ),
        Index("exceptions_of_cause", "tenant", "cause", "state", "opened_at", "id"),
        # Which open case of a cause is due first.
        Index(
            "exceptions_due",
            "tenant",
            "cause",
            "due_at",
            postgresql_where=text("state = 'open'"),
        ),
        # Whose saga is to be told that it may have answered itself.
        Index(
            "exceptions_news",
            "change_id",
            postgresql_where=text("news is not null and state = 'open'"),
        ),
    )
    id: str = text_column(key=True)
    tenant: str = text_column()
    #: The change that waits, or the name of the process.
    change_id: str = text_column()
    #: The process that waits; None where it is the saga of the change.
    workflow_id: str | None = text_column(nullable=True)
    #: What of the change waits for the answer; the other track goes on.
    track: str = text_column(default="books")
    #: The subject of the change: the subscription, or `account:` and the customer.
    belongs_to: str = text_column()
    subscription_id: str | None = text_column(nullable=True)
    customer_id: str | None = text_column(nullable=True)
    step: str = text_column()
    system: str = text_column()
    failure_class: str = text_column()
    code: str = text_column()
    #: The business object to mend, such as the unmapped item.
    subject: str | None = text_column(nullable=True)
    #: Of the same question asked again: tenant, code and subject.
    fingerprint: str = text_column()
    owner: str = text_column()
    message: str = text_column()
    at_risk_minor: int | None = integer_column(nullable=True, big=True)
    at_risk_currency: str | None = text_column(nullable=True)
    state: str = text_column(default="open")
    resolution: str | None = text_column(nullable=True)
    resolved_by: str | None = text_column(nullable=True)
    note: str | None = text_column(nullable=True)
    opened_at: datetime = time_column(nullable=False)
    due_at: datetime = time_column(nullable=False)
    escalated_at: datetime | None = time_column()
    resolved_at: datetime | None = time_column()
    #: Tenant, code, system and subject: what one mend answers.
    cause: str = Field(
        sa_column=Column(
            Text,
            Computed(
                "substr(md5(tenant || E'\\n' || code || E'\\n' || system || E'\\n' || "
                "coalesce(subject, '')), 1, 16)",
                persisted=True,
            ),
            nullable=False,
        )
    )
    assignee: str | None = text_column(nullable=True)
    tags: list[str] = texts_column()
    #: Why its saga was last told to look again: its cause was mended by way of another case or a
    #: mapping, or it was a regular look whether it was mended outside.
    woken: str | None = text_column(nullable=True)
    #: Since when its saga is to be told; None once it was.
    news: datetime | None = time_column()


class OutboxRow(SQLModel, table=True):
    """A canonical event for whoever subscribes, in the order in which it was made."""

    __tablename__ = "outbox"
    __table_args__ = (
        UniqueConstraint("tenant", "event_id", name="outbox_event_once"),
        Index("outbox_by_tenant", "tenant", "seq"),
    )
    seq: int = serial_column()
    event_id: str = text_column()
    tenant: str = text_column()
    type: str = text_column()
    subject: str = text_column()
    #: None once it is older than the policy keeps; its key stays.
    event: dict[str, Any] | None = json_column()
    #: When `seq` was drawn, not when its transaction began.
    created_at: datetime = Field(
        sa_column=Column(
            DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")
        )
    )


class RetentionRow(SQLModel, table=True):
    """How far old rows of a table have been visited, to drop what is bulky in them."""

    __tablename__ = "retention"
    part: str = text_column(key=True)
    up_to: int = integer_column(big=True, default=0)
    at: datetime = time_column(nullable=False)
