"""What landed late is taken back once nothing can land any more, by the regular look."""

import secrets
from datetime import date

import pytest

from activities.contracts.invoices import SweepInput, Swept
from activities.sweeping import clearing, sweep_effects
from canonical_models.documents import SettlementKind
from canonical_models.failures import RejectionCode, TransientFailure
from canonical_models.ledgering import SettlementDraft
from canonical_models.money import Money
from persistence import effects
from persistence.effects import Fence
from tests.harness.flow import write
from tests.harness.posted_invoices import ask, invoice, post
from tests.harness.sagas import Sagas
from tests.harness.systems import Planned, refused
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


async def moved(sagas: Sagas, times: int, *, stands: str | None) -> None:
    """A movement that the ERP has so many times, under the numbers M-1 and so on."""
    entity, today = sagas.systems.erp.documents[0].legal_entity, date(2026, 11, 30)
    draft = SettlementDraft(
        external_id="pi_1",
        kind=SettlementKind.PAYMENT,
        legal_entity=entity,
        party="17",
        amount=Money(minor=11900, currency="EUR"),
        value_date=today,
        posting_date=today,
    )
    sagas.systems.erp.entries += [draft] * times
    await unanswered(sagas, "pi_1", stands)
    step = "update effects set step = 'erp.settlement/pi_1', operation = 'enter payment'"
    await write(sagas.database, f"{step} where key = 'document:acme/pi_1'")


@pytest.mark.parametrize(
    ("times", "stands", "problem"),
    [
        (1, "1", None),
        (3, "1", "cancel M-2, M-3 there, for the ledger says 1"),
        (1, None, "cancel M-1 there, for the ledger says none"),
    ],
)
async def test_money_that_was_entered_twice_is_told_and_taken_back_by_nobody(
    sagas: Sagas, times: int, stands: str | None, problem: str | None
) -> None:
    await ask(sagas.database, invoice("in_1"))
    await post(sagas.database, sagas.systems.erp, ["in_1"])
    await moved(sagas, times, stands=stands)
    sagas.systems.script.calls.clear()

    told = await sweep_effects(sagas.database, "acme", clearing(sagas.systems.tenant))

    assert len(told) == (0 if problem is None else 1)
    assert all(words.endswith(problem or "") for words in told)
    async with sagas.database.statement() as conn:
        found = await conn.execute(
            "select swept_at is not null, error from effects where step = 'erp.settlement/pi_1'"
        )
        assert await found.fetchone() == (True, told[0] if told else None)
    # A look tidies what was never posted, and undoes no money.
    assert sagas.systems.script.calls == ["erp.drop_drafts", "erp.find_entries"]
    assert len(sagas.systems.erp.entries) == times
    # It is looked after once.
    assert await sweep_effects(sagas.database, "acme", clearing(sagas.systems.tenant)) == ()


async def test_what_the_erp_refuses_of_one_is_told_and_the_next_is_looked_after(
    sagas: Sagas,
) -> None:
    await ask(sagas.database, invoice("in_1"), invoice("in_2"))
    await post(sagas.database, sagas.systems.erp, ["in_1", "in_2"])
    for document in list(sagas.systems.erp.documents):
        await unanswered(sagas, document.external_id, document.document_id)
    sagas.systems.script.faults["erp.drop_drafts"] = [refused(RejectionCode.DOCUMENT_REFUSED)]

    told = await sweep_effects(sagas.database, "acme", clearing(sagas.systems.tenant))

    assert told == ("scripted document_refused",)
    assert sagas.systems.script.calls.count("erp.drop_drafts") == 2
    assert await sweep_effects(sagas.database, "acme", clearing(sagas.systems.tenant)) == ()


async def test_an_effect_without_a_legal_entity_leaves_nothing_in_the_books(sagas: Sagas) -> None:
    await ask(sagas.database, invoice("in_1"))
    await post(sagas.database, sagas.systems.erp, ["in_1"])
    (first,) = sagas.systems.erp.documents
    await unanswered(sagas, first.external_id, first.document_id)
    await write(sagas.database, "update effects set place = null")
    sagas.systems.script.calls.clear()
    assert await sweep_effects(sagas.database, "acme", clearing(sagas.systems.tenant)) == ()
    assert sagas.systems.script.calls == []
