"""What has changed of late is found by when it has: pages that are open are told of it."""

from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute("create index case_history_by_time on case_history (tenant, at)")


def downgrade() -> None:
    op.execute("drop index case_history_by_time")
