"""Which API key uses which operation, and answers that are kept for who repeats a request."""

from pathlib import Path

from alembic import op

revision = "0014"
down_revision = "0013"

_TABLES = Path(__file__).with_suffix(".sql")


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute(_TABLES.read_text(encoding="utf-8"))


def downgrade() -> None:
    op.execute("drop table key_usage, kept_answers")
