"""What systems hold, as facts, and where they do not agree."""

from pathlib import Path

from alembic import op

revision = "0010"
down_revision = "0009"

_SCHEMA = Path(__file__).with_suffix(".sql")


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute(_SCHEMA.read_text(encoding="utf-8"))


def downgrade() -> None:
    for table in (
        "differences",
        "reconciliations",
        "fact_reads",
        "fact_organizations",
        "fact_subscriptions",
        "fact_documents",
    ):
        op.execute(f"drop table {table}")
