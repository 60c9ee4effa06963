"""How long a backfill takes is told from what was asked for it and what vendors allow."""

from typing import Any

import pytest
from temporalio.client import Client

from canonical_models.backfill import Backfilling, BackfillSubject, Selection
from canonical_models.batch import BatchKind, ItemOutcome
from operations import backfills
from operations.context import AppContext
from operations.engine import Engine
from operations.estimating import Estimate
from persistence import batches, breakers
from persistence.batches import Listed
from persistence.database import Database
from runtime.settings import ConnectionSettings, TenantSettings

WRITES = [
    {"system": "erp", "effect": "post document", "count": 1},
    {"system": "trueup", "effect": "grant and withdraw", "count": 1},
    {"system": "billing", "effect": "write back", "count": 1},
]


def settings(**of_billing: Any) -> TenantSettings:
    vendors = {"billing": "stripe", "erp": "tryton", "support": "zendesk"}
    given = {"base_url": "http://127.0.0.1:9", "books_from": "2026-01-01"}
    return TenantSettings(
        billing="billing",
        erp="erp",
        support="support",
        connections={
            name: ConnectionSettings.model_validate(
                given | {"vendor": vendor} | (of_billing if name == "billing" else {})
            )
            for name, vendor in vendors.items()
        },
    )


async def rehearsed(database: Database, *, rate: int | None = None) -> None:
    """Ten that differ, each asked for by 3 requests of billing and 2 of the ERP, and ten that
    agree."""
    given = Backfilling(selection=Selection(subject=BackfillSubject.HISTORY), rehearsal=True)
    async with database.transaction() as conn:
        await batches.begin(
            conn,
            "acme",
            "bfl_1",
            BatchKind.BACKFILL,
            subject="rehearsal",
            given=given.model_dump(mode="json"),
            by="anna",
            rate=rate,
        )
        await batches.add(conn, "acme", "bfl_1", [Listed(f"sub_{n}") for n in range(20)])
        for number in range(1, 21):
            found = {
                "comes": "goes_through",
                "documents": [],
                "writes": WRITES if number <= 10 else [],
                "requests": {"billing": 3, "erp": 2},
            }
            await batches.stands(conn, "acme", "bfl_1", number, ItemOutcome.DONE, found=found)


async def told(database: Database, given: TenantSettings) -> Estimate:
    async def nobody() -> Client:
        raise AssertionError("the engine is not asked")

    context = AppContext(database, Engine(nobody, namespace="default"), {"acme": given})
    found = (await backfills.show(context, "acme", "bfl_1")).estimate
    assert found is not None
    assert found.items == 10
    return found


async def test_it_is_by_the_slowest_of_what_is_documented_and_what_was_learned(
    database: Database,
) -> None:
    await rehearsed(database)
    async with database.transaction() as conn:
        await breakers.seen(conn, "acme", "erp", 2, seconds=0.25)
        await breakers.seen(conn, "acme", "billing", 8, seconds=0.1)
    found = await told(database, settings())
    by_name = {each.connection: each for each in found.connections}
    # Read twice, and written to once; a document of the ERP takes six requests.
    billing, erp = by_name["billing"], by_name["erp"]
    assert (billing.requests, erp.requests) == (10 * (2 * 3 + 1), 10 * (2 * 2 + 6))
    assert (billing.documented, billing.learned, billing.seconds) == (25.0, 80.0, 3)
    assert (erp.documented, erp.learned, erp.seconds) == (None, 8.0, 13)
    assert (found.seconds_alone, found.seconds_beside) == (13, 9 * 13)


@pytest.mark.parametrize(("allowed", "seconds"), [(100, 1), (2, 35)])
async def test_what_you_have_agreed_with_the_vendor_goes_before_what_it_documents(
    allowed: float, seconds: int, database: Database
) -> None:
    await rehearsed(database)
    found = await told(database, settings(requests_per_second=allowed))
    assert found.seconds_alone == seconds


async def test_a_rate_takes_as_long_as_it_takes(database: Database) -> None:
    await rehearsed(database, rate=5)
    found = await told(database, settings())
    assert (found.seconds_alone, found.seconds_beside) == (120, 120)


async def test_what_is_not_known_is_not_told(database: Database) -> None:
    await rehearsed(database)
    async with database.statement() as conn:
        await conn.execute(
            'update batch_items set found = jsonb_set(found, \'{writes}\', \'[{"system": "erp", '
            '"effect": "post document", "count": 1}]\') - \'requests\' where number <= 10'
        )
    found = await told(database, settings())
    assert [(each.connection, each.seconds) for each in found.connections] == [("erp", None)]
    assert (found.seconds_alone, found.seconds_beside) == (None, None)
