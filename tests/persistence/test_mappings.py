"""Mappings over time: one holds at a moment, whatever is set for later or was before."""

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from canonical_models.mapping import DEFAULT_ITEM, AccountMapping, ItemMapping
from persistence import mappings, planning_context
from persistence.database import Database
from tests.persistence.issued import TENANT

NOW = datetime.now(UTC)
YEAR = timedelta(days=365)
NEVER = datetime.max.replace(tzinfo=UTC)
ACCOUNT = AccountMapping(
    billing_customer="cus_1",
    erp_party="C-1001",
    support_organization="org_1",
    legal_entity="LE-DE",
)


def item(erp_item: str, key: str = "price_pro") -> ItemMapping:
    return ItemMapping(item=key, erp_item=erp_item)


async def put(
    database: Database, mapping: AccountMapping | ItemMapping, valid_from: datetime | None = None
) -> None:
    async with database.transaction() as conn:
        await mappings.put(conn, TENANT, mapping, by="Jane", valid_from=valid_from)


async def erp_item(database: Database, at: datetime) -> str | None:
    async with database.statement() as conn:
        kept = await mappings.history(conn, TENANT, "item", "price_pro")
    held = [each for each in kept if each.valid_from <= at < (each.valid_to or NEVER)]
    return held[0].target["erp_item"] if held else None


async def test_what_is_set_for_later_begins_then(database: Database) -> None:
    await put(database, item("PRO"))
    await put(database, item("PRO-27"), NOW + YEAR)
    later = datetime.now(UTC)
    assert await erp_item(database, NOW - YEAR) is None
    assert await erp_item(database, later) == "PRO"
    assert await erp_item(database, NOW + YEAR) == "PRO-27"
    async with database.transaction() as conn:
        found = await mappings.get(conn, TENANT, "item", "price_pro")
        kept = await mappings.history(conn, TENANT, "item", "price_pro")
        assert await mappings.page(conn, TENANT) == kept
    assert found == kept[0]
    assert found is not None
    assert (found.target["erp_item"], found.valid_to, found.set_by) == ("PRO", NOW + YEAR, "Jane")
    assert [each.target["erp_item"] for each in kept] == ["PRO", "PRO-27"]


async def test_what_is_set_now_holds_until_what_was_set_for_later(database: Database) -> None:
    await put(database, item("PRO"))
    await put(database, item("PRO-27"), NOW + YEAR)
    await put(database, item("PRO-B"))
    assert await erp_item(database, datetime.now(UTC)) == "PRO-B"
    assert await erp_item(database, NOW + YEAR) == "PRO-27"
    async with database.transaction() as conn:
        kept = await mappings.history(conn, TENANT, "item", "price_pro")
    assert [each.target["erp_item"] for each in kept] == ["PRO", "PRO-B", "PRO-27"]
    assert all(one.valid_to == two.valid_from for one, two in pairwise(kept))


async def test_what_was_set_for_the_same_time_is_replaced(database: Database) -> None:
    await put(database, item("PRO"))
    for wanted in ("PRO-27", "PRO-28"):
        await put(database, item(wanted), NOW + YEAR)
    async with database.transaction() as conn:
        kept = await mappings.history(conn, TENANT, "item", "price_pro")
    assert [each.target["erp_item"] for each in kept] == ["PRO", "PRO-28"]


async def test_pages_show_what_holds_and_what_will(database: Database) -> None:
    await put(database, ACCOUNT)
    await put(database, item("OLD"))
    await put(database, item("PRO"))
    await put(database, item("PRO-27"), NOW + YEAR)
    await put(database, item("MISC", DEFAULT_ITEM))
    seen: list[tuple[str, object]] = []
    after: tuple[str, str, datetime] | None = None
    async with database.transaction() as conn:
        while page := await mappings.page(conn, TENANT, after=after, limit=2):
            seen += [(each.source, each.target.get("erp_item")) for each in page]
            after = (page[-1].kind, page[-1].source, page[-1].valid_from)
        items = await mappings.page(conn, TENANT, kind="item")
    assert seen == [
        ("cus_1", None),
        (DEFAULT_ITEM, "MISC"),
        ("price_pro", "PRO"),
        ("price_pro", "PRO-27"),
    ]
    assert [each.source for each in items] == [DEFAULT_ITEM, "price_pro", "price_pro"]
    async with database.statement() as conn:
        assert await mappings.accounts_now(conn, TENANT, ["cus_1", "cus_2"]) == {"cus_1": ACCOUNT}


async def test_setting_the_same_again_changes_nothing(database: Database) -> None:
    await put(database, ACCOUNT)
    await put(database, ACCOUNT)
    async with database.transaction() as conn:
        assert len(await mappings.history(conn, TENANT, "account", "cus_1")) == 1
        assert await mappings.get(conn, TENANT, "account", "cus_2") is None
        assert await mappings.get(conn, TENANT, "account", "cus_1", locked=True) is not None


async def test_what_should_have_held_before_is_set_from_then_on(database: Database) -> None:
    await put(database, item("PRO"), NOW - YEAR)
    assert await erp_item(database, NOW - timedelta(days=1)) == "PRO"
    assert await erp_item(database, NOW - 2 * YEAR) is None


async def test_two_who_set_the_first_one_both_get_their_turn(database: Database) -> None:
    await asyncio.gather(*(put(database, item(f"PRO-{n}")) for n in range(6)))
    async with database.transaction() as conn:
        kept = await mappings.history(conn, TENANT, "item", "price_pro")
    assert {each.target["erp_item"] for each in kept} == {f"PRO-{n}" for n in range(6)}
    assert [each.valid_to is None for each in kept] == [False] * 5 + [True]


@pytest.mark.parametrize(
    ("at", "found"),
    [
        (None, {"price_pro": "PRO", DEFAULT_ITEM: "MISC", "tier=gold": "GOLD"}),
        (NOW + YEAR, {"price_pro": "PRO-27", DEFAULT_ITEM: "MISC", "tier=gold": "GOLD"}),
        (NOW - YEAR, {}),
    ],
)
async def test_master_data_is_what_holds_at_the_moment(
    database: Database, at: datetime | None, found: dict[str, str]
) -> None:
    await put(database, ACCOUNT)
    for mapping in (item("PRO"), item("MISC", DEFAULT_ITEM), item("GOLD", "tier=gold")):
        await put(database, mapping)
    await put(database, item("PRO-27"), NOW + YEAR)
    async with database.statement() as conn:
        known = await planning_context.master_data(
            conn,
            TENANT,
            customer_id="cus_1",
            keys={"price_pro", DEFAULT_ITEM, "tier=gold", "prod_pro"},
            subscription_id=None,
            at=at,
        )
    assert known.account == (ACCOUNT if found else None)
    assert {key: mapping.erp_item for key, mapping in known.items.items()} == found


@pytest.mark.parametrize(
    ("changed", "told"),
    [({"support_organization": "org_2"}, 1), ({"erp_party": "C-2"}, 0), ({}, 0)],
)
async def test_another_support_organisation_is_news(
    database: Database, changed: dict[str, str], told: int
) -> None:
    """Of the customer's process of support, which takes back what the one before shows."""
    await put(database, ACCOUNT)
    await put(database, ACCOUNT.model_copy(update=changed))
    async with database.statement() as conn:
        found = await conn.execute(
            "select count(*) from processes where workflow_id = %s",
            (f"entitlement/{TENANT}/cus_1/support",),
        )
        assert await found.fetchone() == (told,)
