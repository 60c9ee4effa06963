"""Words of vendors' lists that nobody knows are kept beside answers that do not fit."""

from pathlib import Path

from alembic import op

revision = "0030"
down_revision = "0029"

_COLUMNS = Path(__file__).with_suffix(".sql")


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute(_COLUMNS.read_text(encoding="utf-8"))


def downgrade() -> None:
    """What nothing waits for would be asked about."""
    op.execute("delete from drifts where not waits")
    op.execute("alter table drifts drop column waits")
