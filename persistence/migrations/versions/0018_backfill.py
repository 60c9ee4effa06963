"""Backfills are a kind of batch, an answer's time is kept of each connection, and a live change
does not wait in the row of bulk."""

from pathlib import Path

from alembic import op

revision = "0018"
down_revision = "0017"

_TABLES = Path(__file__).with_suffix(".sql")


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute(_TABLES.read_text(encoding="utf-8"))


def downgrade() -> None:
    op.execute("alter table breakers drop column answer_ms")
    op.execute("alter table batches drop constraint batches_kind")
    op.execute(
        "alter table batches add constraint batches_kind "
        "check (kind in ('adopt', 'replay', 'preview', 'release'))"
    )
