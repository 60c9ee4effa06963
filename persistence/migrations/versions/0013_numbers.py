"""Indexes by which the numbers read a stretch of time and not whole tables."""

from pathlib import Path

from alembic import op

revision = "0013"
down_revision = "0012"

_SCHEMA = Path(__file__).with_suffix(".sql")


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute(_SCHEMA.read_text(encoding="utf-8"))


def downgrade() -> None:
    op.execute(
        "drop index effects_by_end, inbox_by_end, changes_renewed, exceptions_by_end, "
        "mappings_by_time, targets_behind"
    )
