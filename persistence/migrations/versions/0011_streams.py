"""Streams: who is told of which events, and what became of each; teams' mail is one of them."""

from pathlib import Path

from alembic import op

revision = "0011"
down_revision = "0010"

_SCHEMA = Path(__file__).with_suffix(".sql")


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute(_SCHEMA.read_text(encoding="utf-8"))


def downgrade() -> None:
    op.execute(
        "create table digests (tenant text not null, team text not null, told_to timestamptz, "
        "due_at timestamptz default now() not null, claimed_until timestamptz, "
        "sent_at timestamptz, failures integer default 0 not null, failing_since timestamptz, "
        "error text, primary key (tenant, team), "
        "constraint digests_team check (team in ('finance', 'support', 'operations')))"
    )
    op.execute(
        "insert into digests select tenant, team, told_to, due_at, null, sent_at, failures, "
        "failing_since, error from streams where transport = 'mail'"
    )
    op.execute("drop table deliveries, streams")
    op.execute("alter table outbox alter column created_at set default now()")
