"""What has become ready is told by whoever marks it."""

from pathlib import Path

from alembic import op

revision = "0029"
down_revision = "0028"

_FUNCTION = Path(__file__).with_suffix(".sql")


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute(_FUNCTION.read_text(encoding="utf-8"))


def downgrade() -> None:
    """The function of before is the same without telling: what it says more harms nobody."""
