"""Payouts, what moves billing's balance, and how clearing stands beside it."""

from pathlib import Path

from alembic import op

revision = "0015"
down_revision = "0014"

_TABLES = Path(__file__).with_suffix(".sql")


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute(_TABLES.read_text(encoding="utf-8"))


def downgrade() -> None:
    op.execute("drop table payouts, cash_movements, cash_looks")
