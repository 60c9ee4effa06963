"""Escalations of the support desk: kept, told in the feed, and no change of anything."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from canonical_models.entitlement import SupportEntitlement, SupportOrganization
from canonical_models.mapping import AccountMapping
from canonical_models.support import SupportCase, SupportDesk
from connectors.zendesk.webhooks import ZendeskWebhooks
from dispatch.reading import read_inbox
from persistence import inbox, mappings, outbox, support_desk
from persistence.database import Database
from tests.harness.flow import receive, states, statuses
from tests.harness.webhooks import CONNECTION, TENANT

TRANSLATORS = {(TENANT, CONNECTION): ZendeskWebhooks()}


def word(kind: str, minute: int, case: str = "4711", organization: str = "ORG_1") -> Any:
    event_id = f"{case}-{kind}-{minute}"
    said = {
        "id": event_id,
        "type": f"ticket.{kind}",
        "time": f"2026-11-22T10:{minute:02}Z",
        "ticket": {"id": case, "organization": organization, "priority": "Urgent", "url": ""},
    }
    return event_id, json.dumps(said).encode()


async def told(database: Database, *words: Any) -> None:
    await receive(database.dsn, list(words))
    await read_inbox(database, TRANSLATORS)


async def open_cases(database: Database, organization: str = "org_1") -> dict[str, datetime | None]:
    async with database.statement() as conn:
        kept = await support_desk.kept(conn, TENANT, organization)
    return {known.case.case_id: known.escalated_at for known in kept.cases}


def desk(*cases: str, complete: bool = True) -> SupportDesk:
    shown = SupportEntitlement(organization="org_1", tier=None, contract_end=None)
    return SupportDesk(
        organization=SupportOrganization(organization_id="36", entitlement=shown),
        cases=tuple(SupportCase(case_id=case, subject="Erika calls") for case in cases),
        complete=complete,
    )


async def test_an_escalation_is_kept_and_told_once(database: Database) -> None:
    mapped = AccountMapping(
        billing_customer="cus_1", erp_party="1", support_organization="org_1", legal_entity="DE"
    )
    async with database.transaction() as conn:
        await mappings.put(conn, TENANT, mapped, by="anna")
        await mappings.put(conn, "globex", mapped, by="anna")
    escalated = word("escalated", 0)
    await told(database, escalated, word("commented", 1))
    assert await statuses(database) == {
        "4711-escalated-0": "dispatched",
        "4711-commented-1": "ignored",
    }
    assert await states(database) == {}
    assert await open_cases(database) == {"4711": datetime(2026, 11, 22, 10, tzinfo=UTC)}
    async with database.transaction() as conn:
        ((_, event),) = await outbox.page(conn, TENANT)
        found = await inbox.page(conn, TENANT)
        await inbox.replay(conn, TENANT, [view.inbox_id for view in found])
    assert event.type == "io.trueup.case.escalated.v1"
    assert event.data == {
        "case_id": "4711",
        "organization": "ORG_1",
        "customers": ["cus_1"],
        "priority": "Urgent",
        "escalated_at": "2026-11-22T10:00:00Z",
        "url": None,
    }
    await read_inbox(database, TRANSLATORS)
    async with database.transaction() as conn:
        assert len(await outbox.page(conn, TENANT)) == 1
        assert (await support_desk.kept(conn, "globex", "org_1")).cases == ()


async def test_words_that_come_late_do_not_open_it_again(database: Database) -> None:
    await told(database, word("solved", 5))
    await told(database, word("escalated", 3))
    assert await open_cases(database) == {}
    await told(database, word("escalated", 7))
    assert len(await open_cases(database)) == 1
    await told(database, word("solved", 6))
    assert len(await open_cases(database)) == 1
    await told(database, word("solved", 7))
    assert await open_cases(database) == {}


async def test_a_reading_says_which_are_open_but_not_what_came_since(database: Database) -> None:
    async with database.transaction() as conn:
        before = datetime.now(UTC)
    await told(database, word("escalated", 0), word("escalated", 0, case="12"))
    async with database.transaction() as conn:
        await support_desk.read(conn, TENANT, "org_1", desk("7"), at=before)
    assert set(await open_cases(database)) == {"4711", "12", "7"}
    later = datetime.now(UTC)
    async with database.transaction() as conn:
        await support_desk.read(conn, TENANT, "org_1", desk("12", complete=False), at=later)
    assert set(await open_cases(database)) == {"4711", "12", "7"}
    async with database.transaction() as conn:
        at = later + timedelta(seconds=1)
        await support_desk.read(conn, TENANT, "Org_1", desk("12"), at=at)
        kept = await support_desk.kept(conn, TENANT, "org_1")
        assert [known.case.subject for known in kept.cases] == [None]
        assert kept.read_at == at
        # An older reading takes nothing back.
        await support_desk.read(conn, TENANT, "org_1", None, at=later)
        assert await support_desk.kept(conn, TENANT, "org_1") == kept
    assert set(await open_cases(database)) == {"12"}
