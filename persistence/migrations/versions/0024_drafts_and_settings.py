"""Mends that are not in force yet, and how people want to see the console."""

from pathlib import Path

from alembic import op

revision = "0024"
down_revision = "0023"

_TABLES = Path(__file__).with_suffix(".sql")


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute(_TABLES.read_text(encoding="utf-8"))


def downgrade() -> None:
    op.execute("drop trigger causes_drop_drafts on causes")
    op.execute("drop function drop_drafts")
    op.execute("drop table mend_drafts, person_settings")
