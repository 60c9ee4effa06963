"""The real ERP, kept by hand by its own people, beside what would have been done."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from temporalio.testing import WorkflowEnvironment

from canonical_models.commerce import Customer
from canonical_models.policy import ShadowPolicy
from canonical_models.shadow import ShadowItem, ShadowState
from connectors.shadow import shadowed
from connectors.tryton.adapter import TrytonErp
from persistence import mappings
from persistence.database import Database
from sandbox.erp.instance import ErpInstance
from tests.connectors.tryton.conftest import config
from tests.harness.erp import books_of, erp_cache, erp_with_module
from tests.harness.erp_people import people_of
from tests.harness.subscriptions import (
    ACCOUNT,
    AS_OF,
    invoice,
    item,
    line,
    snapshot,
    subscription,
    vat,
)
from tests.harness.systems import Systems
from tests.shadow.lived import items, looked, working

__all__ = ["erp_cache", "erp_with_module"]

pytestmark = [pytest.mark.erp, pytest.mark.slow, pytest.mark.timeout(240)]

DAY = AS_OF.date()
#: What people have made of each invoice over 200.00 and 38.00 tax: net, tax code, day.
BY_HAND: dict[int, tuple[str, str, date] | None] = {
    1: ("200", "DE-VAT-19", DAY),
    2: ("190", "DE-VAT-19", DAY),
    3: ("200", "DE-VAT-7", DAY),
    4: ("200", "DE-VAT-19", DAY + timedelta(days=3)),
    5: None,
}


async def test_what_people_keep_by_hand_is_told_right_and_nothing_is_written(
    temporal: WorkflowEnvironment, database: Database, erp_with_module: ErpInstance
) -> None:
    adapter = TrytonErp.connect(config(erp_with_module))
    systems = Systems(shadow=True)
    systems.tenant = replace(systems.tenant, erp=shadowed(adapter, "erp"))
    try:
        async with (
            people_of(erp_with_module) as people,
            books_of(erp_with_module) as books,
            working(temporal.client, database, systems, ShadowPolicy(documents=1)) as bulk,
        ):
            parties = {number: await people.party(f"Kept by hand {number}") for number in BY_HAND}
            for number, party in parties.items():
                await sold(database, systems, number, party)
            before = await books.trial_balance("LE-DE"), len(await books.documents())
            for number in BY_HAND:
                settled = await bulk.sagas.finish(
                    f"chg_{number}", f"sub_{number}", documents=(f"in_{number}",)
                )
                assert settled.outcome == "shadowed", settled
                assert "would ask" not in settled.summary
            after = await books.trial_balance("LE-DE"), len(await books.documents())
            assert after == before

            for number, made in BY_HAND.items():
                if made is not None:
                    net, tax, day = made
                    await people.sold(parties[number], f"N-in_{number}", Decimal(net), tax, day)
            status = await looked(bulk.context)
            found = await items(bulk.context)
            assert {number: told(found[f"in_{number}"]) for number in BY_HAND} == {
                1: (ShadowState.AGREES, set()),
                2: (ShadowState.DIFFERS, {"amount", "tax", "tax_code", "account", "open"}),
                3: (ShadowState.DIFFERS, {"tax", "tax_code", "open"}),
                4: (ShadowState.DIFFERS, {"date"}),
                5: (ShadowState.WAITING, set()),
            }
            (dated,) = found["in_4"].differences
            assert (dated.planned, dated.found) == ("2026-11-16", "2026-11-19")
            assert (status.oldest_waiting and status.oldest_waiting.number) == "N-in_5"
            # Twice, and then one of them taken back.
            twice = await people.sold(
                parties[1], "N-in_1", Decimal(200), "DE-VAT-19", DAY + timedelta(days=3)
            )
            await looked(bulk.context)
            assert told((await items(bulk.context))["in_1"])[1] == {"doubled"}
            assert twice
    finally:
        await adapter.close()


async def sold(database: Database, systems: Systems, number: int, party: str) -> None:
    of, customer = f"sub_{number}", f"cus_{number}"
    now = subscription(item("pro", 5), subscription_id=of).model_copy(
        update={"customer": Customer(customer_id=customer)}
    )
    charged = line(f"il_{number}", 20_000, of=of, taxes=vat(3_800))
    issued = invoice(charged, key=f"in_{number}", customer=customer)
    systems.billing.snapshots[of] = snapshot(now, issued)
    account = ACCOUNT.model_copy(
        update={
            "billing_customer": customer,
            "support_organization": customer,
            "erp_party": party,
        }
    )
    async with database.transaction() as conn:
        await mappings.put(conn, "acme", account, by="tester")


def told(found: ShadowItem) -> tuple[ShadowState, set[str]]:
    return found.state, {each.kind.value for each in found.differences}
