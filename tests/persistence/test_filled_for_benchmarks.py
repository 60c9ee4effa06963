"""What the benchmarks put into PostgreSQL by their own statements fits the schema of today, so that
they can be run whenever somebody wants to know."""

from collections.abc import Callable

import psycopg
import pytest

from benchmarks import cases, context, queue_filling, reconcile_filling


def _reconcile(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as plain:
        reconcile_filling.fill(plain, 10)


@pytest.mark.parametrize(
    ("fill", "table"),
    [
        (lambda dsn: queue_filling.fill(dsn, 0.0001), "processes"),
        (lambda dsn: cases.fill(dsn, 10), "exceptions"),
        (lambda dsn: context.fill(dsn, 2), "changes"),
        (_reconcile, "fact_documents"),
    ],
    ids=["queue", "cases", "context", "reconcile"],
)
def test_it_fits(dsn: str, fill: Callable[[str], object], table: str) -> None:
    fill(dsn)
    with psycopg.connect(dsn) as plain:
        row = plain.execute(f"select count(*) from {table}".encode()).fetchone()
    assert row is not None
    assert row[0] > 0
