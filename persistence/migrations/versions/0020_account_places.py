"""Where accounts stand among others."""

from pathlib import Path

from alembic import op

revision = "0020"
down_revision = "0019"

_TABLES = Path(__file__).with_suffix(".sql")


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute(_TABLES.read_text(encoding="utf-8"))


def downgrade() -> None:
    op.execute("drop table account_places")
