"""Who works now, what teams were told by mail, and indexes by what a change came to."""

from pathlib import Path

from alembic import op

revision = "0008"
down_revision = "0007"

_TABLES = Path(__file__).with_suffix(".sql")


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute(_TABLES.read_text(encoding="utf-8"))


def downgrade() -> None:
    op.execute("drop index changes_apart, changes_lost")
    op.execute("drop table at_work, digests")
