"""What was released is undone in bulk: a kind of batch of its own."""

from pathlib import Path

from alembic import op

revision = "0031"
down_revision = "0030"

_KINDS = Path(__file__).with_suffix(".sql")


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute(_KINDS.read_text(encoding="utf-8"))


def downgrade() -> None:
    """What is open of the kind is stopped; all of it is forgotten, as the version before cannot
    read it."""
    op.execute(
        "delete from batch_items where (tenant, batch_id) in "
        "(select tenant, id from batches where kind = 'undo')"
    )
    op.execute("delete from batches where kind = 'undo'")
    op.execute(
        "alter table batches drop constraint batches_kind, add constraint batches_kind "
        "check (kind in ('adopt', 'replay', 'preview', 'release', 'backfill', 'trial'))"
    )
