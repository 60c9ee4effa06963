"""Health as it is told: each part by what is heard of it, and what cannot be asked is unknown."""

from dataclasses import replace

import pytest

from operations import health
from operations.context import AppContext
from operations.health import Part, State
from persistence import at_work
from persistence.database import Database
from runtime.settings import TenantSettings
from tests.api.seeding import Ids
from tests.harness.flow import write
from tests.harness.temporal import free_port


@pytest.fixture
def tenant_settings(tenant_settings: TenantSettings) -> TenantSettings:
    told = {"notify": {"finance": ["fay@example.com"], "support": []}}
    return TenantSettings.model_validate(tenant_settings.model_dump() | told)


async def parts(context: AppContext) -> dict[str, Part]:
    found = await health.look(context)
    worst = {part.state for part in found.parts}
    # Temporal is away here, and that is the worst that there is.
    assert found.state is State.AWAY
    assert State.AWAY in worst
    return {part.part: part for part in found.parts}


async def test_a_team_is_told_by_mail_and_how_that_went_is_a_part(
    context: AppContext, database: Database
) -> None:
    assert (await parts(context))["mail acme/finance"].state is State.UNKNOWN
    assert "mail acme/support" not in await parts(context)
    await write(
        database,
        "insert into streams (id, tenant, name, transport, team, added_by, failures, sent_at) "
        "values ('mail/acme/finance', 'acme', 'mail-finance', 'mail', 'finance', 'settings', 0, "
        "now())",
    )
    works = (await parts(context))["mail acme/finance"]
    assert (works.state, works.facts, works.since is not None) == (State.WORKS, {}, True)
    await write(database, "update streams set failures = 2, failing_since = now(), error = 'SMTP'")
    away = (await parts(context))["mail acme/finance"]
    assert (away.state, away.facts) == (State.AWAY, {"error": "SMTP", "failures": 2})


async def test_a_process_that_is_silent_is_told_beside_those_that_are_heard(
    context: AppContext, database: Database
) -> None:
    assert "console" not in await parts(context)
    async with database.statement() as conn:
        for kind, name in (("worker", "w1"), ("worker", "w2"), ("console", "c1"), ("api", "a1")):
            await at_work.say(conn, kind, name, None, begins=True)  # type: ignore[arg-type] # each of them
    found = await parts(context)
    assert (found["worker"].state, found["worker"].facts) == (State.WORKS, {"at work": 2})
    assert (found["console"].state, found["api"].state) == (State.WORKS, State.WORKS)

    quiet = "update at_work set seen_at = now() - make_interval(secs => %(quiet)s) "
    await write(database, quiet + "where name in ('w1', 'c1')", quiet=60)
    found = await parts(context)
    assert (found["worker"].state, found["worker"].facts) == (
        State.WORKS,
        {"at work": 1, "silent": "w1"},
    )
    assert (found["console"].state, found["console"].facts) == (
        State.AWAY,
        {"at work": 0, "silent": "c1"},
    )
    # One that has been gone for long is not told of any more.
    await write(database, quiet + "where name = 'w1'", quiet=1000)
    assert (await parts(context))["worker"].facts == {"at work": 1}


async def test_work_that_nobody_takes_up_is_slow(
    context: AppContext, database: Database, acme: Ids
) -> None:
    assert acme.tenant == "acme"
    assert (await parts(context))["queue"].state is State.WORKS
    await write(
        database,
        "insert into inbox (receipt, tenant, connection, event_id, event_type, status, body, "
        "received_at) values ('rcp_1', 'acme', 'billing', 'evt_1', 'x', 'received', 'x', "
        "now() - interval '2 minutes')",
    )
    queue = (await parts(context))["queue"]
    assert (queue.state, queue.facts["unread"]) == (State.SLOW, 1)
    assert 119 <= float(queue.facts["oldest unread"]) <= 180


async def test_a_database_of_another_version_is_away_and_what_it_tells_is_unknown(
    context: AppContext, database: Database
) -> None:
    await write(database, "update alembic_version set version_num = '0001'")
    found = await parts(context)
    assert found["database"].state is State.AWAY
    assert found["database"].facts["schema"] == "0001"
    assert found["database"].facts["needs"] != "0001"
    assert {part.state for name, part in found.items() if name not in {"database", "temporal"}} == {
        State.UNKNOWN
    }


async def test_a_database_that_is_not_there_leaves_everything_unknown(context: AppContext) -> None:
    nobody = Database(f"postgresql://nobody@127.0.0.1:{free_port()}/none")
    found = await parts(replace(context, database=nobody))
    assert found["database"].state is State.AWAY
    assert "none within" in str(found["database"].facts["answer"])
    assert {found["queue"].state, found["worker"].state, found["mail acme/finance"].state} == {
        State.UNKNOWN
    }
    await nobody.close()
