"""A mapping is found by its source at any time, and what was planned in shadow by its age."""

from pathlib import Path

from alembic import op

revision = "0022"
down_revision = "0021"

_INDEXES = Path(__file__).with_suffix(".sql")


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute(_INDEXES.read_text(encoding="utf-8"))


def downgrade() -> None:
    op.execute("drop index shadow_changes_by_time, documents_aside, fact_documents_untaxed")
    op.execute("drop index mappings_by_zone, mappings_by_source")
