"""People, their roles and sessions; failed sign-ins; of keys whose, until when, and last used."""

from pathlib import Path

from alembic import op

revision = "0005"
down_revision = "0004"

_SCHEMA = Path(__file__).with_suffix(".sql")


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute(_SCHEMA.read_text(encoding="utf-8"))


def downgrade() -> None:
    op.execute(
        "alter table api_keys drop column person_id, drop column expires_at, "
        "drop column last_used_at"
    )
    op.execute("drop table sign_in_failures, sessions, memberships, people")
