"""What was written to a set, and by which id there, is found without reading all effects."""

from pathlib import Path

from alembic import op

revision = "0025"
down_revision = "0024"

_INDEX = Path(__file__).with_suffix(".sql")


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute(_INDEX.read_text(encoding="utf-8"))


def downgrade() -> None:
    op.execute("drop index effects_by_set")
