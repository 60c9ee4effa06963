"""Webhooks that name what they are about and do not show it wait until billing was asked."""

from pathlib import Path

from alembic import op

revision = "0028"
down_revision = "0027"

_COLUMNS = Path(__file__).with_suffix(".sql")


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute(_COLUMNS.read_text(encoding="utf-8"))


def downgrade() -> None:
    """What waits to be asked about is read anew, and is a dead letter then."""
    op.execute("drop index inbox_to_ask")
    op.execute("alter table inbox drop column ask_after, drop column asked")
