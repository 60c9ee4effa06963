"""A yes of several people to one content, and whose yes is asked."""

from pathlib import Path

from alembic import op

revision = "0009"
down_revision = "0008"

_SCHEMA = Path(__file__).with_suffix(".sql")


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute(_SCHEMA.read_text(encoding="utf-8"))


def downgrade() -> None:
    op.execute("drop table approval_requests")
    op.execute(
        "delete from approvals a using approvals b where (a.tenant, a.document_id, a.content) = "
        "(b.tenant, b.document_id, b.content) and a.approved_at > b.approved_at"
    )
    op.execute(
        "alter table approvals drop constraint approvals_pkey, drop column roles, "
        "add constraint approvals_pkey primary key (tenant, document_id, content)"
    )
