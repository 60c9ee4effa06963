"""Causes: what one mend answers, counted as its cases open and close; who has a case, and what was
said and done about it."""

from pathlib import Path

from alembic import op

revision = "0003"
down_revision = "0002"

_SCHEMA = Path(__file__).with_suffix(".sql")


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute(_SCHEMA.read_text(encoding="utf-8"))


def downgrade() -> None:
    op.execute("drop trigger cause_gains on exceptions")
    op.execute("drop trigger cause_moves on exceptions")
    op.execute("drop function keep_causes, move_cause")
    op.execute("drop table causes, cause_amounts, case_history")
    op.execute(
        "drop index exceptions_by_tenant, exceptions_by_owner, exceptions_by_tag, "
        "exceptions_by_assignee, exceptions_of_cause, exceptions_by_customer, "
        "exceptions_by_subject, exceptions_due, exceptions_news, changes_by_outcome"
    )
    op.execute("create index exceptions_by_tenant on exceptions (tenant, state, opened_at)")
    op.execute(
        "alter table exceptions drop column cause, drop column assignee, drop column tags, "
        "drop column woken, drop column news, drop constraint exceptions_resolution, "
        "add constraint exceptions_resolution check (resolution in ('retry', 'correct', 'abort', "
        "'approve', 'extend', 'credit', 'write_off', 'cancelled')) not valid"
    )
