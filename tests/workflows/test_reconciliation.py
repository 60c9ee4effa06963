"""All systems laid beside each other, and what differs set right by the sagas that there are."""

import secrets
from collections.abc import AsyncIterator
from datetime import date

import pytest
from temporalio.testing import WorkflowEnvironment

from activities.contracts.reconciliation import ReconcileInput
from canonical_models.amendment import ChangeKind
from canonical_models.entitlement import CustomerEntitlements, EntitledFeature
from canonical_models.failures import RejectionCode
from canonical_models.money import Money
from canonical_models.reconciliation import (
    Cause,
    EntryFact,
    EntryKind,
    FoundDifference,
    Reconciled,
    Repair,
    Scope,
)
from persistence import changes, processes, reconciliations
from persistence.comparing import Comparison
from persistence.database import Database
from runtime.schedules import put_schedules
from tests.harness.sagas import Sagas, sagas_at_work
from tests.harness.subscriptions import AS_OF, item
from tests.harness.systems import CUTOVER, Script, Systems, Target, refused
from tests.workflows.test_sweep_schedules import settings
from workflows.names import RECONCILIATION, reconciliation_id
from workflows.reconciliation import Reconciliation

ALL = (Cause.BILLING, Cause.OURS, Cause.BY_HAND)
#: What people have entered in the ERP: money on account, and revenue without a document.
PAID = EntryFact(
    key="line/900",
    kind=EntryKind.RECEIVABLE,
    account="C-1",
    amount=Money(minor=-3000, currency="EUR"),
    on=date(2026, 11, 20),
    number="M-900",
)
EARNED = PAID.model_copy(
    update={"key": "line/901", "kind": EntryKind.REVENUE, "account": None, "number": "M-901"}
)


@pytest.fixture
async def sagas(temporal: WorkflowEnvironment, database: Database) -> AsyncIterator[Sagas]:
    script = Script()
    systems = Systems(script, targets={"app": Target(script, "app")})
    async with sagas_at_work(temporal.client, database, systems) as working:
        yield working


async def reconcile(
    sagas: Sagas, *, repair: tuple[Cause, ...] = (), scope: Scope | None = None
) -> Reconciled:
    return await sagas.client.execute_workflow(
        Reconciliation.run,
        ReconcileInput(tenant="acme", repair=repair, scope=scope or Scope()),
        id=f"reconciliation-{secrets.token_hex(4)}",
        task_queue=sagas.task_queue,
    )


async def found(sagas: Sagas) -> dict[tuple[str, str], FoundDifference]:
    async with sagas.database.statement() as conn:
        page = await reconciliations.page(conn, Comparison(tenant="acme", since=CUTOVER), limit=99)
    return {(each.key, each.what): each for each in page}


async def told_long_ago(sagas: Sagas) -> None:
    """Of what was told within the last minutes the support platform's list may know nothing."""
    async with sagas.database.transaction() as conn:
        await conn.execute("update support_contributions set updated_at = %s", (AS_OF,))
        await conn.execute(
            "update effects set attempted_at = %(at)s, confirmed_at = %(at)s "
            "where system = 'support'",
            {"at": AS_OF},
        )


def held(customer: str, seats: int) -> CustomerEntitlements:
    """What the target holds of one who has bought Pro."""
    features = (("seats", seats), ("sso", 1))
    return CustomerEntitlements(
        customer_id=customer,
        revision=9,
        as_of=AS_OF,
        features=tuple(
            EntitledFeature(feature=name, quantity=quantity, until=None)
            for name, quantity in features
        ),
    )


async def test_what_was_done_by_hand_anywhere_is_found_and_set_right(sagas: Sagas) -> None:
    systems = sagas.systems
    target = systems.targets["app"]
    await (await sagas.sell(1)).result()
    await (await sagas.sell(2)).result()
    for customer in ("cus_1", "cus_2"):
        target.kept[customer] = held(customer, 5)
    agreed = await reconcile(sagas)
    assert (agreed.differences, agreed.facts["billing"], agreed.facts["erp"]) == (0, 4, 2)
    assert agreed.not_compared == ()

    # In each system somebody does something by hand, and billing's word of a change is lost.
    first = next(each for each in systems.erp.documents if each.external_id == "in_1")
    twin = first.model_copy(
        update={"document_id": "99", "number": "H-99", "external_id": "", "ours": False}
    )
    systems.erp.documents.append(twin)
    systems.erp.by_hand += [PAID, EARNED]
    await told_long_ago(sagas)
    shown = systems.support.shown["cus_1"]
    systems.support.shown["cus_1"] = shown.model_copy(update={"tier": "enterprise"})
    target.kept["cus_1"] = held("cus_1", 500)
    sold = systems.billing.snapshots["sub_2"]
    more = sold.subscription.model_copy(update={"items": (item("pro", 7),)})
    systems.billing.snapshots["sub_2"] = sold.model_copy(update={"subscription": more})

    result = await reconcile(sagas)
    differing = await found(sagas)
    assert {at: (each.system, each.cause, each.repair) for at, each in differing.items()} == {
        ("in_1", "doubled"): ("erp", Cause.BY_HAND, Repair.IN_ERP),
        ("cus_1", "tier"): ("support", Cause.BY_HAND, Repair.PUBLISH),
        ("cus_1", "features"): ("app", Cause.BY_HAND, Repair.PUBLISH),
        ("sub_2", "items"): ("entitlements", Cause.BILLING, Repair.SYNC),
        ("LE-DE/C-1/EUR", "account"): ("erp", Cause.BY_HAND, Repair.IN_ERP),
        ("LE-DE/2026-11/EUR", "revenue"): ("erp", Cause.BY_HAND, Repair.IN_ERP),
    }
    assert (result.differences, result.repairs) == (6, 0)
    (month,) = result.months
    assert (month.month, month.more.minor, month.count) == ("2026-11", -3000, 1)
    assert "seats: should be 5, is 500" in (differing["cus_1", "features"].found or "")

    # A change that is under way says so; nothing waits for it.
    await sagas.intend("chg_late", "sub_2", state="pending")
    await reconcile(sagas)
    late = (await found(sagas))["sub_2", "items"]
    assert (late.cause, late.repair, late.change_id) == (Cause.IN_FLIGHT, Repair.WAIT, "chg_late")
    async with sagas.database.transaction() as conn:
        await conn.execute("delete from changes where id = 'chg_late'")

    # By the same sagas: a change of its own, and news for those who tell targets.
    result = await reconcile(sagas, repair=ALL)
    assert result.repairs == 3
    async with sagas.database.statement() as conn:
        (asked,) = await changes.unsettled(conn, "acme", "sub_2")
        told = {
            name: await processes.revision(conn, f"entitlement/acme/cus_1/{name}")
            for name in ("app", "support")
        }
    assert asked.event_id.startswith("sync/")
    assert all(told.values())
    async with sagas.database.transaction() as conn:
        await conn.execute("update changes set state = 'running' where id = %s", (asked.change_id,))
    run = await sagas.begin(asked.change_id, "sub_2", trigger=ChangeKind.OTHER)
    await run.result()
    systems.erp.documents.remove(twin)
    systems.support.shown["cus_1"] = shown
    target.kept |= {"cus_1": held("cus_1", 5), "cus_2": held("cus_2", 7)}
    systems.erp.by_hand.clear()
    after = await reconcile(sagas)
    assert await found(sagas) == {}
    assert (after.differences, after.closed) == (0, 6)


async def test_who_refuses_to_be_read_is_left_out_and_nothing_is_said_of_it(sagas: Sagas) -> None:
    await (await sagas.sell(1)).result()
    sagas.systems.targets["app"].kept["cus_1"] = held("cus_1", 5)
    await reconcile(sagas)
    sagas.systems.erp.documents.clear()
    sagas.systems.script.faults["erp.facts"] = [refused(RejectionCode.LEGAL_ENTITY_UNKNOWN)]

    result = await reconcile(sagas)

    assert result.differences == 0
    assert any(words.startswith("erp LE-DE could not be read") for words in result.not_compared)
    # Of one customer, as soon as it can be read again.
    result = await reconcile(sagas, scope=Scope(customer_id="cus_1"))
    assert list(await found(sagas)) == [("in_1", "missing")]
    assert result.differences == 1
    assert (await reconcile(sagas, scope=Scope(period="2020-02"))).differences == 0


async def test_it_is_done_by_a_schedule_of_each_tenant(sagas: Sagas) -> None:
    tenant = f"t{secrets.token_hex(4)}"
    await put_schedules(sagas.client, settings(sagas.task_queue, **{tenant: 15}), tenant)
    described = await sagas.client.get_schedule_handle(reconciliation_id(tenant)).describe()
    (interval,) = described.schedule.spec.intervals
    assert interval.every.total_seconds() == 24 * 3600
    assert getattr(described.schedule.action, "workflow", None) == RECONCILIATION
