"""What is done in bulk: batches and their items, with the adoptions that there are."""

from pathlib import Path

from alembic import op

revision = "0004"
down_revision = "0003"

_SCHEMA = Path(__file__).with_suffix(".sql")


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute(_SCHEMA.read_text(encoding="utf-8"))


def downgrade() -> None:
    op.execute("drop table batch_items, batches")
    op.execute("alter table changes drop column mend")
