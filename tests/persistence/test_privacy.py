"""What is personal of a customer goes, and what stays is known, table by table."""

from dataclasses import replace
from datetime import timedelta

import pytest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from canonical_models.approvals import ApprovalAsked
from canonical_models.batch import BatchKind
from operations import inbox as inbox_of_operators
from operations import privacy as erasing
from operations.context import AppContext
from operations.engine import Engine
from operations.errors import Conflict
from operations.privacy import Erased
from persistence import (
    approvals,
    batches,
    changes,
    documents,
    outbox,
    privacy,
    settlements,
    subscriptions,
)
from persistence.batches import Listed
from persistence.connection import Connection
from persistence.database import Database
from persistence.personal import BODIES, ERASED, KEPT, PLACES, WITHOUT
from persistence.privacy import Scope
from persistence.tables import metadata
from tests.api.seeding import Ids, seeded
from tests.audit.written import all_sealed, verified
from tests.harness.flow import receive, write
from tests.harness.planted import places_of

#: What stands wherever words may stand.
NAME = "Erika Mustermann"

#: One row or more of each place, with the customer's name in it.
PLANTED = (
    """update changes set plan = '{"said": "Erika Mustermann"}',
      snapshot = '{"said": "Erika Mustermann"}', happened = '[
        {"at": "2026-11-22T10:00:00Z", "what": "held", "note": "Erika Mustermann called"},
        {"at": "2026-11-22T11:00:00Z", "what": "released", "note": "by Erika Mustermann"}]'
      where tenant = 'acme'""",
    "update exceptions set message = 'Erika Mustermann is unknown', note = 'says Erika Mustermann'",
    """update documents set document = jsonb_set(document || jsonb_build_object(
        'metadata', '{"buyer": "Erika Mustermann"}'::jsonb, 'url', 'https://x/Erika Mustermann',
        'pdf_url', 'https://x/Erika Mustermann'),
        '{lines,0,metadata}', '{"for": "Erika Mustermann"}'),
      hold = '{"kind": "held", "reason": "Erika Mustermann disputes it", "by": "jane",
        "at": "2026-11-22T10:00:00Z", "until": null}'""",
    """update settlements set settlement = jsonb_set(settlement, '{note}', '"Erika Mustermann"')""",
    """update subscription_states set snapshot = jsonb_set(snapshot, '{metadata}',
      '{"buyer": "Erika Mustermann"}')""",
    "update grants set reason = 'Erika Mustermann tries it'",
    "update effects set error = 'Erika Mustermann is locked'",
    "update contracts set forecast_problem = 'Erika Mustermann has no address'",
    "update target_states set error = 'no Erika Mustermann'",
    "update unbilled set problem = 'Erika Mustermann has no tax id'",
    """update approved_plans set plan = '{"said": "Erika Mustermann"}' where tenant = 'acme'""",
    "update case_history set note = 'Erika Mustermann asks' where tenant = 'acme'",
    """update adoption_customers set causes =
      '[{"message": "Erika Mustermann?"}, {"message": "Erika Mustermann?"}]'""",
    "update batch_items set reason = 'Erika Mustermann has no tax id' where batch_id = 'bat_1'",
    """update batch_items set found = '{"said": "Erika Mustermann"}' where batch_id = 'bat_1'""",
    """update shadow_changes set foreseen = '{"said": "Erika Mustermann"}'""",
    """update shadow_items set expected = '{"memo": "Erika Mustermann"}'""",
    """update outbox set event = jsonb_set(event, '{data,reason}', '"Erika Mustermann asked"')""",
    "update deliveries set answer = 'there is no Erika Mustermann'",
    "update accounts set profile_digest = 'digest of Erika Mustermann'",
    "update documents set email_digest = 'digest of the address of Erika Mustermann'",
)


def test_of_every_table_it_is_known_what_it_holds_of_a_customer() -> None:
    """A new table is entered in `persistence.personal`, with what becomes of it."""
    assert not KEPT.keys() & WITHOUT.keys()
    assert KEPT.keys() | WITHOUT.keys() == metadata.tables.keys()
    assert {place.table for place in PLACES} <= KEPT.keys()
    assert len({place.name for place in PLACES}) == len(PLACES)


@pytest.fixture
def context(database: Database, temporal: WorkflowEnvironment) -> AppContext:
    async def connect() -> Client:
        return temporal.client

    engine = Engine(connect, namespace="default")
    return AppContext(database, engine, {}, {})


@pytest.fixture
async def acme(database: Database) -> Ids:
    """A customer of whom something stands everywhere, and of whom nothing goes on."""
    ids = await seeded(database, "acme")
    await seeded(database, "globex")
    async with database.transaction() as conn:
        await conn.execute(
            "insert into adoption_customers (tenant, adoption_id, customer_id, result, causes, "
            "figures) values ('acme', 'ado_1', %s, 'left', '[]', '{}')",
            (ids.customer,),
        )
        await conn.execute(
            "insert into account_places (tenant, customer_id, external_ids, set_by) "
            "values ('acme', %s, '{}', 'jane')",
            (ids.customer,),
        )
        await batches.begin(
            conn, "acme", "bat_1", BatchKind.ADOPT, subject="customers", given={}, by="jane"
        )
        await batches.add(conn, "acme", "bat_1", [Listed(ids.customer)])
        waits = ids.change("waits")
        for statement in (
            (
                "insert into decisions (id, tenant, decided_by, door, action, target_kind, "
                "target_id, change_id, delivered_at, outcome, reason, after) values ('dec_1', "
                "'acme', 'jane', 'api', 'retry', 'change', %(change)s, %(change)s, now(), "
                """'done', 'Erika Mustermann called', '{"note": "Erika Mustermann"}')"""
            ),
            (
                "insert into approved_plans (id, tenant, change_id, digest, approved_by) "
                "values (%(change)s || '/a', 'acme', %(change)s, 'a', 'jane')"
            ),
            (
                "insert into case_history (tenant, about, by, what) select tenant, id, 'jane', "
                "'commented' from exceptions where tenant = 'acme'"
            ),
        ):
            await conn.execute(statement.encode(), {"change": waits})
        await approvals.put(
            conn, "acme", ids.invoice, "0" * 64, by="jane", roles=None, note=f"{NAME} agrees"
        )
        await approvals.ask(conn, "acme", ids.invoice, ApprovalAsked(content="0" * 64))
        await conn.execute(
            "insert into access_holds (tenant, subscription_id, hold) values ('acme', %s, %s)",
            (ids.subscription, f'{{"sold": "x", "items": [], "reason": "{NAME} pays late"}}'),
        )
        await conn.execute(
            "insert into support_contributions (tenant, subscription_id, customer_id, "
            "organization, contribution) values ('acme', %s, %s, 'org_1', '{}')",
            (ids.subscription, ids.customer),
        )
        await conn.execute(
            "insert into support_cases (tenant, case_id, organization) "
            "values ('acme', '1', 'ORG_1')"
        )
        await conn.execute(
            "insert into support_desks (tenant, organization) values ('acme', 'org_1')"
        )
        for statement in (
            (
                "insert into fact_documents (tenant, system, place, key, kind, account, currency, "
                "gross_minor) values ('acme', 'billing', 'billing', 'in_1', 'invoice', "
                "%(customer)s, 'EUR', 100)"
            ),
            (
                "insert into fact_subscriptions (tenant, subscription_id, customer_id, status) "
                "values ('acme', 'sub_1', %(customer)s, 'active')"
            ),
            (
                "insert into fact_balances (tenant, customer_id, currency, minor) "
                "values ('acme', %(customer)s, 'EUR', 500)"
            ),
            (
                "insert into differences (tenant, about, key, what, system, customer_id, subject, "
                "cause, owner, repair) values ('acme', 'document', 'in_1', 'missing', 'erp', "
                "%(customer)s, 'sub_1', 'ours', 'operations', 'sync')"
            ),
        ):
            await conn.execute(statement.encode(), {"customer": ids.customer})
        for table in ("subscription_states", "target_states"):
            # The seeded ones are of a customer that all tenants have.
            await conn.execute(f"update {table} set customer_id = 'cus_' || tenant".encode())
    for statement in PLANTED:
        await write(database, statement)
    await settled(database)
    # A cause that closes takes its draft with it: of one that asks again there may be another.
    await write(
        database,
        "insert into mend_drafts (tenant, cause, proposed) select distinct tenant, cause, "
        "'{\"said\": [\"Erika Mustermann\"]}'::jsonb from exceptions where tenant = 'acme'",
    )
    body = f'{{"customer": "{ids.customer}", "name": "{NAME}"}}'.encode()
    await receive(
        database.dsn,
        [
            ("evt_ignored", body),
            ("evt_odd", body + b"\xff"),
            ("evt_refund", f'{{"x": "{ids.invoice}", "name": "{NAME}"}}'.encode()),
            ("evt_of_others", b'{"customer": "cus_other"}'),
            ("evt_like_it", f'{{"customer": "{ids.customer}0"}}'.encode()),
        ],
        tenant="acme",
    )
    await receive(database.dsn, [("evt_ignored", body)], tenant="globex")
    await write(database, "update inbox set status = 'ignored' where event_id <> 'evt_odd'")
    await write(database, "update inbox set status = 'dead_lettered' where event_id = 'evt_odd'")
    return ids


async def settled(database: Database) -> None:
    await write(
        database,
        "update changes set state = 'settled', outcome = 'completed', ready = false "
        "where tenant = 'acme'",
    )
    await write(
        database,
        "update exceptions set state = 'resolved', resolution = 'retry' where tenant = 'acme'",
    )
    await write(database, "update dunning_cases set stage = 'closed' where tenant = 'acme'")
    await write(database, "update contracts set renews_at = null where tenant = 'acme'")


async def erase(context: AppContext, ids: Ids, *, dry_run: bool = False) -> Erased:
    return await erasing.erase(context, "acme", ids.customer, by="jane", dry_run=dry_run)


def planted(database: Database) -> set[str]:
    return {place.partition(".")[0] for place in places_of(database.dsn, NAME, tenant="acme")}


async def test_all_that_is_personal_goes(
    context: AppContext, database: Database, acme: Ids
) -> None:
    assert planted(database) == {place.table for place in PLACES} | {"inbox"}
    erased = await erase(context, acme)
    assert places_of(database.dsn, NAME, tenant="acme") == set()
    counts = {place.name: place.rows for place in erased.places}
    assert counts.keys() == {place.name for place in PLACES} | {BODIES}
    # What a change of theirs says, an ignored one, a dead letter, and one that names their invoice.
    assert counts[BODIES] == 4
    assert {one.table for one in erased.kept} == KEPT.keys()
    # Another tenant's customer of the same name is another.
    assert "inbox.body" in places_of(database.dsn, NAME, tenant="globex")
    async with database.transaction() as conn:
        found = await conn.execute(
            "select event_id from inbox where tenant = 'acme' and body <> '' order by id"
        )
        assert await found.fetchall() == [("evt_of_others",), ("evt_like_it",)]


async def test_what_stays_is_still_read(context: AppContext, acme: Ids, database: Database) -> None:
    await erase(context, acme)
    async with database.transaction() as conn:
        change = await changes.get(conn, "acme", acme.change("done"))
        document = await documents.get(conn, "acme", acme.invoice)
        (agreed,) = await subscriptions.page(conn, "acme", limit=9)
        (settlement, *_) = await settlements.of_customer(conn, "acme", acme.customer)
        feed = await outbox.feed(conn, "acme", after=0, limit=99)
    assert change is not None
    assert document is not None
    assert document.hold is not None
    assert (document.hold.reason, document.document.url) == (ERASED, None)
    assert document.document.pdf_url is None
    assert document.document.lines
    assert settlement.settlement.note is None
    assert agreed.subscription.metadata == {}
    assert feed
    with pytest.raises(Conflict, match="its body was erased"):
        await inbox_of_operators.replay(context, "acme", acme.receipt)


async def test_a_rehearsal_says_the_same_and_changes_nothing(
    context: AppContext, acme: Ids, database: Database
) -> None:
    before = places_of(database.dsn, NAME)
    rehearsed = await erase(context, acme, dry_run=True)
    assert places_of(database.dsn, NAME) == before
    assert (rehearsed.done, rehearsed.ended_at, rehearsed.goes_on) == (False, None, {})
    erased = await erase(context, acme)
    assert rehearsed.places == erased.places
    assert {one.table for one in rehearsed.kept} | {"erasures"} == {
        one.table for one in erased.kept
    }


async def test_what_was_done_is_proved_all_the_same(
    context: AppContext, acme: Ids, database: Database
) -> None:
    await all_sealed(database)
    before = await verified(database)
    await erase(context, acme)
    await all_sealed(database)
    after = await verified(database)
    assert (before.broken, after.broken, after.first) == (0, 0, None)
    assert after.erased > before.erased


async def test_again_there_is_nothing_left(context: AppContext, acme: Ids) -> None:
    await erase(context, acme)
    again = await erase(context, acme)
    assert (again.done, again.places, again.resumed) == (True, (), False)


async def test_what_was_broken_off_is_gone_on_with(
    context: AppContext, acme: Ids, database: Database
) -> None:
    """It has come through some webhooks when its process is killed."""
    async with database.transaction() as conn:
        theirs = await privacy.scope(conn, "acme", acme.customer)
        begun = await privacy.begin(conn, "acme", acme.customer, by="joe")
        last, count, _ = await privacy.bodies(conn, theirs, after=0, erase=True)
        assert last is not None
        await privacy.reached(conn, replace(begun, up_to=last, counts={BODIES: count}))
    erased = await erase(context, acme)
    assert erased.resumed
    assert {place.name: place.rows for place in erased.places}[BODIES] == 4
    async with database.transaction() as conn:
        found = await conn.execute("select asked_by, counts, ended_at is null from erasures")
        ((by, counts, is_open),) = await found.fetchall()
    # Who asked first is on record, with how much went, and nothing of what it was.
    assert (by, is_open) == ("joe", False)
    assert counts[BODIES] == 4


async def test_it_is_refused_while_something_goes_on(
    context: AppContext, acme: Ids, database: Database
) -> None:
    about = f'{{"customer": "{acme.customer}"}}'.encode()
    await receive(database.dsn, [("evt_unread", about)], tenant="acme")
    await write(database, "update contracts set renews_at = now() where tenant = 'acme'")
    await write(database, "update dunning_cases set stage = 'final' where tenant = 'acme'")
    await write(
        database,
        "update exceptions set state = 'open', resolution = null where tenant = 'acme'",
    )
    await write(
        database,
        "update changes set state = 'waiting', outcome = null where id = %(id)s",
        id=acme.change("waits"),
    )
    before = places_of(database.dsn, NAME)
    rehearsed = await erase(context, acme, dry_run=True)
    assert rehearsed.goes_on.keys() == {
        *("changes", "exceptions", "overdue invoices", "subscriptions", "webhooks")
    }
    assert rehearsed.goes_on["changes"] == [acme.change("waits")]
    with pytest.raises(Conflict, match=acme.change("waits")) as refused:
        await erase(context, acme)
    assert refused.value.remedy.endswith("; changes: let them settle, or cancel them")
    assert refused.value.see == ("cancel", acme.change("waits"))
    assert places_of(database.dsn, NAME) == before


async def test_what_arrives_meanwhile_is_not_passed_by(
    context: AppContext, acme: Ids, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at what goes on and the look through the inbox."""
    look, about = privacy.open_of, f'{{"customer": "{acme.customer}"}}'.encode()

    async def looked(conn: Connection, theirs: Scope) -> dict[str, list[str]]:
        found = await look(conn, theirs)
        monkeypatch.setattr(privacy, "open_of", look)
        await receive(database.dsn, [("evt_new", about)], tenant="acme")
        return found

    monkeypatch.setattr(privacy, "open_of", looked)
    with pytest.raises(Conflict, match="webhooks rcp_"):
        await erase(context, acme)
    await write(database, "update inbox set status = 'ignored' where event_id = 'evt_new'")
    erased = await erase(context, acme)
    assert {place.name: place.rows for place in erased.places}[BODIES] == 5


async def test_a_customer_of_whom_nothing_is_known(context: AppContext) -> None:
    erased = await erasing.erase(context, "acme", "cus_nobody", by="jane")
    assert (erased.places, [one.table for one in erased.kept]) == ((), ["erasures"])


async def test_when_the_histories_end_is_the_engines_word(context: AppContext, acme: Ids) -> None:
    kept_for = await context.engine.kept_for()
    assert kept_for >= timedelta(hours=1)
    erased = await erase(context, acme)
    assert erased.ended_at is not None
    assert erased.histories.open == 0
    assert erased.histories.gone_by == erased.ended_at + kept_for
