"""The schema: inbox, changes, documents and what settles them, effects, grants, and all beside."""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None

_SCHEMA = Path(__file__).with_suffix(".sql")


def upgrade() -> None:
    # DDL waits for nobody: better a failed start that says so than a queue behind a lock.
    op.execute("set local lock_timeout = '5s'")
    op.execute(_SCHEMA.read_text(encoding="utf-8"))
    # Webhook bodies are JSON of some kilobytes: the default compression takes longer over one than
    # all the rest of the insert. A server that was built without lz4 keeps its default.
    op.execute(
        "do $$ begin alter table inbox alter column body set compression lz4; "
        "exception when feature_not_supported then null; end $$"
    )


def downgrade() -> None:
    op.execute(
        "drop table access_holds, accounts, adoption_customers, adoptions, api_keys, approvals, "
        "breakers, "
        "changes, contracts, documents, dunning_cases, effects, exceptions, grants, inbox, "
        "lanes, mappings, outbox, processes, retention, settlements, subscription_states, "
        "support_contributions, target_states, temporal_namespace, unbilled"
    )
    op.execute(
        "drop function change_has_moved, change_is_added, change_was_added, lock_subject, "
        "mark_changes, mark_news"
    )
