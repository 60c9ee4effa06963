"""Who is told of which events, and what became of each."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlmodel import SQLModel

from persistence.tables.columns import integer_column, text_column, texts_column, time_column


class StreamRow(SQLModel, table=True):
    """Somebody who is told: a receiver by HTTP, or a team by mail."""

    __tablename__ = "streams"
    __table_args__ = (
        UniqueConstraint("tenant", "name", name="streams_name_once"),
        CheckConstraint("transport in ('http', 'mail')", name="streams_transport"),
        CheckConstraint("state in ('active', 'paused')", name="streams_state"),
        CheckConstraint("team in ('finance', 'support', 'operations')", name="streams_team"),
        CheckConstraint(
            "case transport when 'http' then url is not null "
            "and cardinality(secrets) between 1 and 2 else team is not null end",
            name="streams_whole",
        ),
    )
    id: str = text_column(key=True)
    tenant: str = text_column()
    name: str = text_column()
    transport: str = text_column()
    url: str | None = text_column(nullable=True)
    #: Names of the tenant's secrets, the newest first.
    secrets: list[str] = texts_column()
    #: Empty for every type.
    types: list[str] = texts_column()
    team: str | None = text_column(nullable=True)
    state: str = text_column(default="active")
    added_by: str = text_column()
    added_at: datetime = time_column(nullable=False)
    #: Of mail: what came about until then was told; None before the first.
    told_to: datetime | None = time_column()
    #: Of mail: when somebody looks again whether there is something to tell.
    due_at: datetime = time_column(nullable=False)
    #: Of mail: the worker that looks has so long; then another does.
    claimed_until: datetime | None = time_column()
    sent_at: datetime | None = time_column()
    #: Of the receiver or the mail server, one after another.
    failures: int = integer_column(default=0)
    failing_since: datetime | None = time_column()
    error: str | None = text_column(nullable=True)


class DeliveryRow(SQLModel, table=True):
    """One event for one stream, made with the event itself."""

    __tablename__ = "deliveries"
    __table_args__ = (
        CheckConstraint("state in ('pending', 'delivered', 'dead')", name="deliveries_state"),
        Index("deliveries_by_stream", "stream", "seq"),
        Index(
            "deliveries_due",
            "stream",
            "due_at",
            "seq",
            postgresql_where=text("state = 'pending'"),
        ),
        # What else of the subject has to go first.
        Index(
            "deliveries_before",
            "stream",
            "subject",
            "seq",
            postgresql_where=text("state = 'pending'"),
        ),
        Index("deliveries_dead", "stream", "seq", postgresql_where=text("state = 'dead'")),
    )
    #: The event's position in the outbox.
    seq: int = integer_column(big=True, key=True)
    stream: str = text_column(key=True)
    tenant: str = text_column()
    subject: str = text_column()
    state: str = text_column(default="pending")
    #: Since it came, or was sent again.
    attempts: int = integer_column(default=0)
    due_at: datetime = time_column(nullable=False)
    #: The worker that sends it has so long; then another does.
    claimed_until: datetime | None = time_column()
    tried_at: datetime | None = time_column()
    delivered_at: datetime | None = time_column()
    #: Of the last try: its status, the first bytes of the answer, or why there was none.
    status: int | None = integer_column(nullable=True)
    answer: str | None = text_column(nullable=True)
    error: str | None = text_column(nullable=True)
