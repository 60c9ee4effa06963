"""The first schema: inbox, changes, effects, grants, master data, exceptions, outbox."""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None

_SCHEMA = Path(__file__).with_suffix(".sql")


def upgrade() -> None:
    # DDL waits for nobody: better a failed start that says so than a queue behind a lock.
    op.execute("set local lock_timeout = '5s'")
    op.execute(_SCHEMA.read_text(encoding="utf-8"))


def downgrade() -> None:
    op.execute(
        "drop table api_keys, changes, effects, exceptions, grants, inbox, mappings, outbox, "
        "posted_lines, subscription_states, support_shares"
    )
