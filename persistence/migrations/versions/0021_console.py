"""The console is a door, and a process that says that it is at work."""

from pathlib import Path

from alembic import op

revision = "0021"
down_revision = "0020"

_CHECKS = Path(__file__).with_suffix(".sql")


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute(_CHECKS.read_text(encoding="utf-8"))


def downgrade() -> None:
    """What came in by the console stays written, and is checked no more."""
    op.execute("alter table decisions drop constraint decisions_door")
    op.execute("alter table at_work drop constraint at_work_part")
