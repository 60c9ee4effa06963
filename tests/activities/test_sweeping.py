"""What landed late is taken back once nothing can land any more, by the regular look."""

import secrets

import pytest

from activities.contracts.invoices import SweepInput, Swept
from activities.sweeping import clearing, sweep_effects
from canonical_models.failures import TransientFailure
from persistence import effects
from persistence.effects import Fence
from tests.harness.posted_invoices import ask, invoice, post
from tests.harness.sagas import Sagas
from tests.harness.systems import Planned
from tests.workflows.conftest import sagas
from workflows.invoices import InvoiceSweep

__all__ = ["sagas"]


async def unanswered(sagas: Sagas, reference: str, document_id: str | None) -> str:
    """An effect of the document that was confirmed after an attempt that nobody answered; without
    a document one that was undone."""
    key = f"document:acme/{reference}"
    values = {
        "key": key,
        "tenant": "acme",
        "change_id": "chg_1",
        "step": f"erp.document/{reference}",
        "system": "erp",
        "operation": "post invoice",
        "request_hash": "",
        "place": sagas.systems.erp.documents[0].legal_entity,
        "writes_set": None,
        "window": 60,
    }
    async with sagas.database.transaction() as conn:
        assert await effects.first_attempt(conn, values)
        known = await effects.locked(conn, values)
        if document_id is None:
            fence = await effects.undo(conn, key, known)
            await effects.compensate(conn, fence, lands_until=known.lands_until)
        else:
            await effects.confirm(
                conn,
                Fence(key, 1, known.state),
                result=f'{{"document_id": "{document_id}"}}',
                vendor_reference=document_id,
                url=None,
                lands_until=known.lands_until,
            )
        await conn.execute("update effects set lands_until = now() - interval '1 second'")
    return key


async def swept(sagas: Sagas) -> Swept:
    return await sagas.client.execute_workflow(
        InvoiceSweep.run,
        SweepInput(tenant="acme"),
        id=f"sweep-{secrets.token_hex(4)}",
        task_queue=sagas.task_queue,
    )


@pytest.mark.parametrize("stands", [True, False], ids=["confirmed", "undone"])
async def test_s7_the_regular_look_takes_back_what_landed_late(sagas: Sagas, stands: bool) -> None:
    await ask(sagas.database, invoice("in_1"))
    await post(sagas.database, sagas.systems.erp, ["in_1"])
    (first,) = sagas.systems.erp.documents
    twin = first.model_copy(update={"document_id": "77", "number": "INV-77"})
    sagas.systems.erp.documents.append(twin)
    await unanswered(sagas, first.external_id, first.document_id if stands else None)

    await swept(sagas)
    await swept(sagas)

    reversed_ = {d.corrects for d in sagas.systems.erp.documents if d.corrects}
    assert reversed_ == ({"77"} if stands else {first.document_id, "77"})
    assert sagas.systems.script.calls.count("erp.drop_drafts") == 1


async def test_an_erp_that_is_away_is_asked_again_by_the_next_look(sagas: Sagas) -> None:
    await ask(sagas.database, invoice("in_1"))
    await post(sagas.database, sagas.systems.erp, ["in_1"])
    (first,) = sagas.systems.erp.documents
    await unanswered(sagas, first.external_id, first.document_id)
    away = Planned(lambda: TransientFailure("scripted", system="erp"))
    sagas.systems.script.faults["erp.drop_drafts"] = [away]
    look = clearing(sagas.systems.tenant)

    assert await sweep_effects(sagas.database, "acme", look) == ("scripted",)
    assert await sweep_effects(sagas.database, "acme", look) == ()

    assert sagas.systems.script.calls.count("erp.drop_drafts") == 2
