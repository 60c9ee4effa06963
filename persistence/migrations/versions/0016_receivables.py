"""Accounts of customers and revenue by month as facts; old comparisons can be dropped."""

from pathlib import Path

from alembic import op

revision = "0016"
down_revision = "0015"

_TABLES = Path(__file__).with_suffix(".sql")


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute(_TABLES.read_text(encoding="utf-8"))


def downgrade() -> None:
    op.execute("""
drop table fact_entries, fact_balances;
drop index fact_documents_by_corrected, fact_documents_open, settlements_standing,
  differences_closed, reconciliations_by_time;
alter table fact_documents drop column collected, drop column corrects,
  drop column books_currency, drop column earned, drop column at_once, drop column schedules;
alter table fact_reads drop column until;
delete from differences where about = 'revenue' or repair = 'tell';
alter table differences drop constraint differences_repair;
alter table differences add constraint differences_repair
  check (repair in ('wait', 'decide', 'sync', 'publish', 'in_erp'));
alter table differences drop constraint differences_about;
alter table differences add constraint differences_about
  check (about in ('document', 'subscription', 'target', 'support', 'receivable'));
""")
