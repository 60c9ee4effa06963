"""What was erased of whom."""

from pathlib import Path

from alembic import op

revision = "0007"
down_revision = "0006"

_SCHEMA = Path(__file__).with_suffix(".sql")


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute(_SCHEMA.read_text(encoding="utf-8"))


def downgrade() -> None:
    op.execute("drop table erasures")
