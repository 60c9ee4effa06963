"""Money past billing that the ERP proves is told to billing once, where policy has it."""

from collections.abc import AsyncIterator

import pytest
from temporalio.testing import WorkflowEnvironment

from canonical_models.documents import DocumentStatus
from canonical_models.failures import RejectionCode
from canonical_models.money import Money
from canonical_models.policy import ReconciliationPolicy, TenantPolicy
from canonical_models.reconciliation import Cause, Repair
from persistence.database import Database
from tests.harness.sagas import Sagas, sagas_at_work
from tests.harness.script import lost, refused
from tests.harness.subscriptions import AS_OF, paid, payment
from tests.harness.systems import Script, Systems
from tests.harness.waiting import until
from tests.workflows.test_reconciliation import ALL, found, reconcile

_TELL = "billing.pay_elsewhere"
ASK = TenantPolicy(reconciliation=ReconciliationPolicy(paid_elsewhere="ask"))


@pytest.fixture
async def sagas(temporal: WorkflowEnvironment, database: Database) -> AsyncIterator[Sagas]:
    systems = Systems(Script(), policy=ASK)
    async with sagas_at_work(temporal.client, database, systems) as working:
        yield working


async def sold(sagas: Sagas, number: int) -> tuple[str, Money]:
    """An invoice that billing sends and does not collect: the ERP's document, and its sum."""
    await (await sagas.sell(number)).result()
    key = f"in_{number}"
    sagas.systems.billing.sent.add(key)
    made = next(each for each in sagas.systems.erp.documents if each.external_id == key)
    return made.document_id, made.gross


async def test_what_people_have_entered_is_told_once_and_what_nothing_proves_is_not(
    sagas: Sagas,
) -> None:
    erp, billing, script = sagas.systems.erp, sagas.systems.billing, sagas.systems.script
    paid, whole = await sold(sagas, 1)
    given_up, _ = await sold(sagas, 2)
    part, _ = await sold(sagas, 3)
    erp.pay_by_hand(paid, whole.minor)
    erp.pay_by_hand(given_up, whole.minor, key="loss")
    erp.pay_by_hand(part, whole.minor - 100, key="by-hand-2")

    await reconcile(sagas)
    differing = await found(sagas)
    assert {at: (each.cause, each.repair) for at, each in differing.items()} == {
        ("in_1", "open"): (Cause.BY_HAND, Repair.TELL),
        ("in_2", "open"): (Cause.BY_HAND, Repair.TELL),
        ("in_3", "open"): (Cause.BY_HAND, Repair.SYNC),
    }
    assert "cannot be told" in (differing["in_3", "open"].found or "")
    # Nobody has asked for it.
    assert billing.paid_elsewhere == []

    script.faults["billing.pay_elsewhere"] = [lost("billing", happened=True)]
    await reconcile(sagas, repair=ALL)
    (told,) = set(billing.paid_elsewhere)
    assert told == ("in_1", whole, "paid_elsewhere:acme/in_1")
    differing = await found(sagas)
    unproven = differing["in_2", "open"]
    assert (unproven.repair, unproven.found) == (
        Repair.IN_ERP,
        "settled there by something else than money",
    )
    said = len(billing.paid_elsewhere)
    await reconcile(sagas, repair=ALL)
    assert len(billing.paid_elsewhere) == said


async def test_what_was_told_without_an_answer_and_is_paid_otherwise_is_not_left_in_doubt(
    sagas: Sagas,
) -> None:
    """It is refused when it is told again, as it was paid at that very moment, and not told again
    after that."""
    snapshots, script = sagas.systems.billing.snapshots, sagas.systems.script
    document, whole = await sold(sagas, 1)
    sagas.systems.erp.pay_by_hand(document, whole.minor)
    await reconcile(sagas)

    def pays(name: str) -> None:
        if name == _TELL and script.calls.count(_TELL) == 2:
            (asked,) = snapshots["sub_1"].documents
            money = payment(whole.minor, "pi_1", "in_1", AS_OF)
            settled = paid(asked, money).model_copy(update={"status": DocumentStatus.PAID})
            snapshots["sub_1"] = snapshots["sub_1"].model_copy(update={"documents": (settled,)})

    script.on_call = pays
    # What is refused is so before the first request can no longer land.
    sagas.systems.lands["billing"] = 2
    script.faults[_TELL] = [
        lost("billing", happened=False),
        refused(RejectionCode.BILLING_REFUSED, "billing"),
    ]

    async def known() -> bool:
        await reconcile(sagas, repair=ALL)
        async with sagas.database.statement() as conn:
            found = await conn.execute(
                "select state from effects where step = 'billing.paid_elsewhere'"
            )
            return await found.fetchall() == [("confirmed",)]

    await until(known, "billing is known to have it")


async def test_without_policy_nothing_is_told(
    temporal: WorkflowEnvironment, database: Database
) -> None:
    async with sagas_at_work(temporal.client, database, Systems(Script())) as sagas:
        paid, whole = await sold(sagas, 1)
        sagas.systems.erp.pay_by_hand(paid, whole.minor)
        await reconcile(sagas, repair=ALL)
        assert (await found(sagas))["in_1", "open"].repair is Repair.SYNC
        assert sagas.systems.billing.paid_elsewhere == []
