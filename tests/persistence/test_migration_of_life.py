"""A database of the first version, with changes under way, brought to the life of subscriptions."""

from collections.abc import Iterator

import psycopg
import pytest
from alembic import command
from psycopg.types.json import Jsonb
from sqlalchemy import create_engine

from canonical_models.ledgering import CarriedLine
from canonical_models.money import Money
from persistence import briefing, lines
from persistence.database import Database, _config, migrate_now, sqlalchemy_url
from tests.harness.postgres import PostgresServer
from tests.harness.subscriptions import line


@pytest.fixture
def first(postgres: PostgresServer) -> Iterator[str]:
    """A database at the first version, empty."""
    with postgres.database("template1") as dsn:
        engine = create_engine(sqlalchemy_url(dsn))
        with engine.connect() as connection:
            command.upgrade(_config(connection), "0001")
            connection.commit()
        engine.dispose()
        yield dsn


def change(
    connection: psycopg.Connection[tuple[object, ...]],
    number: int,
    *,
    posts: dict[str, str],
    shows: dict[str, str | None],
    of: str = "sub_1",
) -> None:
    """A change that posted lines (with their ERP items), when billing showed lines on invoices."""
    plan = {"document": {"lines": [{"line_id": id_, "item": item} for id_, item in posts.items()]}}
    seen = {"lines": [{"line_id": id_, "invoice_id": on} for id_, on in shows.items()]}
    connection.execute(
        "insert into changes (id, tenant, connection, subscription_id, event_id, kind, state, "
        "outcome, plan, snapshot) values (%s, 'acme', 'billing', %s, %s, 'other', 'settled', "
        "'completed', %s, %s)",
        (f"chg_{number}", of, f"evt_{number}", Jsonb(plan), Jsonb(seen)),
    )
    for line_id in posts:
        carry(connection, line_id, f"chg_{number}/erp.document", of)


def carry(
    connection: psycopg.Connection[tuple[object, ...]], line_id: str, key: str, of: str = "sub_1"
) -> None:
    connection.execute(
        "insert into posted_lines (tenant, line_id, subscription_id, effect_key, state, minor, "
        "currency) values ('acme', %s, %s, %s, 'posted', 100, 'EUR')",
        (line_id, of, key),
    )


def kept(dsn: str) -> dict[str, tuple[str | None, str | None]]:
    """(item, invoice) of each line."""
    with psycopg.connect(dsn) as connection:
        found = connection.execute("select line_id, item, invoice_id from posted_lines")
        return {row[0]: (row[1], row[2]) for row in found.fetchall()}


def test_lines_learn_their_item_and_invoice_as_far_as_it_is_known(first: str) -> None:
    with psycopg.connect(first) as connection:
        change(connection, 1, posts={"il_1": "PRO"}, shows={"il_1": "in_1"})
        # It waited when it was posted; a later change saw it on its invoice.
        change(connection, 2, posts={"ii_2": "STARTER", "ii_3": "PRO"}, shows={"ii_2": None})
        change(connection, 3, posts={}, shows={"ii_2": "in_2", "il_1": "in_1", "ii_3": None})
        # Of another subscription, which shows lines of the same name.
        change(connection, 4, posts={"il_9": "AI-ADDON"}, shows={"ii_3": "in_9"}, of="sub_2")
        # Its change is gone.
        carry(connection, "il_old", "chg_gone/erp.document")

    migrate_now(first)

    assert kept(first) == {
        "il_1": ("PRO", "in_1"),
        "ii_2": ("STARTER", "in_2"),
        "ii_3": ("PRO", "(unknown)"),
        "il_9": ("AI-ADDON", "(unknown)"),
        "il_old": (None, "(unknown)"),
    }


def test_grants_and_exceptions_of_before_are_at_rest(first: str) -> None:
    with psycopg.connect(first) as connection:
        connection.execute(
            "insert into grants (tenant, customer_id, feature, source, source_id, "
            "subscription_id, change_id, quantity) "
            "values ('acme', 'cus_1', 'seats', 'subscription', 'si_1', 'sub_1', 'chg_1', 5)"
        )
        connection.execute(
            "insert into exceptions (id, tenant, change_id, subscription_id, step, system, "
            "failure_class, code, fingerprint, owner, message, state, resolution) values "
            "('exc_1', 'acme', 'chg_1', 'sub_1', 'plan', 'erp', 'rejected', 'period_closed', 'f', "
            "'finance', 'm', 'resolved', 'retry')"
        )
    migrate_now(first)
    with psycopg.connect(first) as connection:
        assert connection.execute("select state, reason from grants").fetchall() == [
            ("active", None)
        ]
        assert connection.execute("select workflow_id from exceptions").fetchall() == [(None,)]
        # And a grant that the version before still writes, without the new columns.
        connection.execute(
            "insert into grants (tenant, customer_id, feature, source, source_id, change_id, "
            "quantity) values ('acme', 'cus_1', 'sso', 'subscription', 'si_1', 'chg_1', 1)"
        )


async def test_what_was_not_known_is_learned_by_the_next_change(first: str) -> None:
    """`(unknown)` keeps a line from being taken for one that billing deleted, until its invoice is
    seen."""
    with psycopg.connect(first) as connection:
        change(connection, 1, posts={"ii_1": "PRO", "ii_2": "PRO"}, shows={"ii_1": None})
        change(connection, 2, posts={}, shows={})
    migrate_now(first)
    database = Database(first)
    try:
        async with database.work() as raw:
            on_invoice = line("ii_1", 100).model_copy(update={"invoice_id": "in_1"})
            await lines.invoiced(raw, "acme", "sub_1", [on_invoice, line("ii_2", 100)])
            known = await briefing.of_change(
                raw, "acme", "chg_2", step="erp.document", key="chg_2/erp.document"
            )
    finally:
        await database.close()
    assert known is not None
    assert known.carried == {
        line_id: CarriedLine(
            line_id=line_id,
            item="PRO",
            net=Money(minor=100, currency="EUR"),
            invoice_id=invoice_id,
        )
        for line_id, invoice_id in (("ii_1", "in_1"), ("ii_2", "(unknown)"))
    }
    assert kept(first)["ii_1"] == ("PRO", "in_1")


def test_a_plan_kept_without_a_document_is_no_obstacle(first: str) -> None:
    """JSON null where a document would be: it has no lines to look through."""
    with psycopg.connect(first) as connection:
        change(connection, 1, posts={"il_1": "PRO"}, shows={"il_1": "in_1"})
        for number, plan in ((2, {"document": None}), (3, None)):
            connection.execute(
                "insert into changes (id, tenant, connection, subscription_id, event_id, kind, "
                "plan) values (%s, 'acme', 'billing', 'sub_1', %s, 'other', %s)",
                (f"chg_{number}", f"evt_{number}", None if plan is None else Jsonb(plan)),
            )
            carry(connection, f"il_{number}", f"chg_{number}/erp.document")
    migrate_now(first)
    assert kept(first) == {
        "il_1": ("PRO", "in_1"),
        "il_2": (None, "(unknown)"),
        "il_3": (None, "(unknown)"),
    }
