"""Fills the tables of the queue by the hundred thousand, without the trigger that marks each."""

import psycopg

#: The tenant with a single change.
SMALL = "small"

# Of 200 tenants: what is settled, then what waits, then what is pending behind that.
_FILL = (
    """
insert into changes (id, tenant, connection, subject, subscription_id, event_id, kind, state,
  outcome, started_at, settled_at, plan)
select 's' || n, 't' || mod(n, 200), 'billing', 'w' || mod(n, 100000), 'w' || mod(n, 100000),
  's' || n, 'other', 'settled', 'completed', now(), now(),
  '{"books": {"documents": [], "settlements": []}, "access": {"grants": []}}'
from generate_series(1, %(settled)s) as n
""",
    """
insert into changes (id, tenant, connection, subject, subscription_id, event_id, kind, state,
  started_at)
select 'w' || n, 't' || mod(n, 200), 'billing', 'w' || n, 'w' || n, 'w' || n, 'other', 'waiting',
  now()
from generate_series(1, %(waiting)s) as n
""",
    """
insert into changes (id, tenant, connection, subject, subscription_id, event_id, kind, lane, state)
select 'p' || n, 't' || mod(n, 200), 'billing', 'w' || n, 'w' || n, 'p' || n, 'other',
  1 + mod(n, 4), 'pending'
from generate_series(1, %(pending)s) as n
""",
    """
insert into inbox (receipt, tenant, connection, event_id, event_type, status, body, settled_at)
select 'r' || n, 't' || mod(n, 200), 'billing', 'e' || n, 'any', 'dispatched',
  convert_to(repeat('{}', 100), 'utf8'), now()
from generate_series(1, %(settled)s) as n
""",
    """
insert into processes (workflow_id, tenant, kind, input, acknowledged)
select 'renewal/' || n, 't' || mod(n, 200), 'renewal', '{}', 1
from generate_series(1, %(waiting)s) as n
""",
)


def fill(dsn: str, scale: float) -> None:
    """1,000,000 settled, 100,000 waiting and as many pending behind those, times `scale`."""
    counts = {
        "settled": int(1_000_000 * scale),
        "waiting": int(100_000 * scale),
        "pending": int(100_000 * scale),
    }
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("set session_replication_role = replica")
        for statement in _FILL:
            connection.execute(statement.encode(), counts)
        connection.execute("vacuum analyze")


def make_ready(dsn: str) -> None:
    """All that is pending is of subjects of its own."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("set session_replication_role = replica")
        connection.execute(
            "update changes set subject = 'r' || id, ready = true where state = 'pending'"
        )
        connection.execute("vacuum analyze changes")


def queue_of(dsn: str, tenant: str, count: int, *, lane: int) -> None:
    """So many more changes of the tenant, each of a subject of its own."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            "insert into changes (id, tenant, connection, subject, event_id, kind, lane) "
            "select made.id, %(tenant)s, 'billing', made.id, made.id, 'other', %(lane)s from "
            "(select gen_random_uuid()::text as id from generate_series(1, %(count)s)) as made",
            {"tenant": tenant, "lane": lane, "count": count},
        )
