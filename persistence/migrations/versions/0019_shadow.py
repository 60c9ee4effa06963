"""Tenants in shadow: what would have been done, and what others have done."""

from pathlib import Path

from alembic import op

revision = "0019"
down_revision = "0018"

_TABLES = Path(__file__).with_suffix(".sql")


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute(_TABLES.read_text(encoding="utf-8"))


def downgrade() -> None:
    """What was only planned has changed nothing, and a trial has no other trace than its own."""
    op.execute("drop table shadow_changes, shadow_items")
    op.execute("update changes set outcome = 'no_change' where outcome = 'shadowed'")
    op.execute("alter table changes drop constraint changes_outcome")
    op.execute(
        "alter table changes add constraint changes_outcome "
        "check (outcome in ('completed', 'no_change', 'compensated', 'cancelled'))"
    )
    op.execute(
        "delete from batch_items i using batches b "
        "where b.tenant = i.tenant and b.id = i.batch_id and b.kind = 'trial'"
    )
    op.execute("delete from batches where kind = 'trial'")
    op.execute("alter table batches drop constraint batches_kind")
    op.execute(
        "alter table batches add constraint batches_kind "
        "check (kind in ('adopt', 'replay', 'preview', 'release', 'backfill'))"
    )
