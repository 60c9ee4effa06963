"""What the support desk has told, and how support finds a customer."""

from pathlib import Path

from alembic import op

revision = "0012"
down_revision = "0011"

_TABLES = Path(__file__).with_suffix(".sql")


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute(_TABLES.read_text(encoding="utf-8"))


def downgrade() -> None:
    op.execute("drop table support_cases, support_desks")
    op.execute(
        "drop index documents_owed, mappings_by_organization, mappings_by_party, "
        "subscription_states_by_customer"
    )
    op.execute("alter table documents drop column email_digest")
