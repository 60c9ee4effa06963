"""The life of a subscription: payments, invoices, dunning, contracts, processes, targets."""

from pathlib import Path

from alembic import op

revision = "0002"
down_revision = "0001"

_SCHEMA = Path(__file__).with_suffix(".sql")


def upgrade() -> None:
    # DDL waits for nobody: better a failed start that says so than a queue behind a lock.
    op.execute("set local lock_timeout = '5s'")
    op.execute(_SCHEMA.read_text(encoding="utf-8"))


def downgrade() -> None:
    """Decisions that the first schema does not know stay on record as `retry`."""
    op.execute(
        "drop table approvals, contracts, dunning_cases, invoices, payments, processes, "
        "target_states"
    )
    op.execute("alter table posted_lines drop column item, drop column invoice_id")
    op.execute("drop index grants_by_source")
    op.execute("alter table grants drop column state, drop column reason")
    op.execute(
        "update exceptions set resolution = 'retry' "
        "where resolution in ('approve', 'extend', 'credit', 'write_off')"
    )
    op.execute(
        "alter table exceptions drop column workflow_id, drop constraint exceptions_resolution, "
        "add constraint exceptions_resolution check (resolution in "
        "('retry', 'correct', 'abort', 'cancelled'))"
    )
