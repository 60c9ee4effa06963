"""Months of legal entities that were closed, and the reports that were sealed of them."""

from pathlib import Path

from alembic import op

revision = "0017"
down_revision = "0016"

_TABLES = Path(__file__).with_suffix(".sql")


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute(_TABLES.read_text(encoding="utf-8"))


def downgrade() -> None:
    op.execute("drop table periods, closes")
    op.execute("drop function keep_close, close_to_seal")
