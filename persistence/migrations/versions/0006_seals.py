"""Seals: what shows that decisions, effects, events and webhooks are as they were written."""

from pathlib import Path

from alembic import op

revision = "0006"
down_revision = "0005"

_SCHEMA = Path(__file__).with_suffix(".sql")


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute(_SCHEMA.read_text(encoding="utf-8"))


def downgrade() -> None:
    for trigger in ("inbox_unsealed", "outbox_unsealed", "effects_unsealed", "decisions_unsealed"):
        op.execute(f"drop trigger {trigger} on {trigger.removesuffix('_unsealed')}")
    op.execute("drop trigger decisions_unsealed_outcome on decisions")
    for table in ("inbox", "outbox", "decisions"):
        op.execute(f"drop trigger {table}_salts on {table}")
    op.execute("drop table seals, unsealed, approved_plans")
    op.execute(
        "drop function inbox_to_seal, outbox_to_seal, effect_to_seal, decision_to_seal, "
        "approved_plan_to_seal, seal_stays, body_goes, event_goes, words_go, plan_goes"
    )
