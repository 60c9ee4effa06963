"""What a change puts at risk counts once in a cause, however many of its tracks ask."""

from pathlib import Path

from alembic import op

revision = "0032"
down_revision = "0031"

_FUNCTIONS = Path(__file__).with_suffix(".sql")
_BEFORE = Path(__file__).with_name("0003_causes.sql")

_COUNTED = """
update causes c set unknown_cases = (select count(*) from exceptions e where e.tenant = c.tenant
    and e.cause = c.id and e.state = 'open' and e.at_risk_minor is null);
delete from cause_amounts;
insert into cause_amounts (tenant, cause, currency, minor, cases)
select tenant, cause, at_risk_currency, sum(at_risk_minor), count(*) from exceptions
where state = 'open' and at_risk_minor is not null group by tenant, cause, at_risk_currency;
"""


def upgrade() -> None:
    op.execute("set local lock_timeout = '5s'")
    op.execute(_FUNCTIONS.read_text(encoding="utf-8"))


def downgrade() -> None:
    """The functions of before, and what they had counted: each case for itself."""
    said = _BEFORE.read_text(encoding="utf-8")
    functions = said[said.index("create function move_cause") : said.index("-- What was there")]
    op.execute("lock table exceptions in share row exclusive mode")
    op.execute(functions.replace("create function keep", "create or replace function keep"))
    op.execute("drop function move_causes(text[], exceptions[])")
    op.execute(_COUNTED)
