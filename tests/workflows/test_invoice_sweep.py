"""Where invoices stand in the ERP reaches billing and our events, once for every change."""

import secrets
from typing import Any

import pytest

from activities.contracts.invoices import SweepInput, Swept
from activities.invoices import PART
from canonical_models.documents import DocumentStatus
from canonical_models.effects import EffectState
from canonical_models.failures import RejectionCode, TransientFailure
from persistence import outbox
from tests.harness.posted_invoices import ask, invoice, post, release, reverse, view
from tests.harness.sagas import Sagas
from tests.harness.systems import Planned, lost, refused
from workflows.invoices import InvoiceSweep

MANY = [f"in_{number:03}" for number in range(2 * PART + 20)]


async def sweep(sagas: Sagas, *invoice_ids: str) -> Swept:
    return await sagas.client.execute_workflow(
        InvoiceSweep.run,
        SweepInput(tenant="acme", invoice_ids=invoice_ids),
        id=f"sweep-{secrets.token_hex(4)}",
        task_queue=sagas.task_queue,
    )


async def posted(sagas: Sagas, *invoice_ids: str) -> None:
    await ask(sagas.database, *map(invoice, invoice_ids))
    await post(sagas.database, sagas.systems.erp, invoice_ids)


def pays(sagas: Sagas, document: str, minor: int = 1000) -> None:
    """Money arrives in the ERP, whoever entered it there."""
    sagas.systems.erp.pay_by_hand(document, minor, key=f"pay-{document}-{minor}")


async def events(sagas: Sagas) -> list[dict[str, Any]]:
    async with sagas.database.transaction() as conn:
        found = await outbox.page(conn, "acme", limit=500)
    return [event.data for _, event in found if event.type.endswith("invoice.status_changed.v1")]


def notes(sagas: Sagas) -> dict[str, str]:
    return {key: note["erp_status"] for key, note in sagas.systems.billing.notes.items()}


def calls(sagas: Sagas, name: str) -> int:
    return sagas.systems.script.calls.count(name)


async def test_many_invoices_in_parts_each_told_once(sagas: Sagas) -> None:
    await posted(sagas, *MANY)

    first = await sweep(sagas)

    assert first == Swept(looked_at=len(MANY), changed=len(MANY))
    assert notes(sagas) == dict.fromkeys(MANY, "posted")
    assert sagas.systems.billing.notes["in_000"] == {
        "erp_status": "posted",
        "erp_number": "INV-1",
        "erp_due_on": "",
    }
    # One question a part.
    assert calls(sagas, "erp.statuses") == 3
    assert sorted(event["invoice_id"] for event in await events(sagas)) == MANY

    assert await sweep(sagas) == Swept(looked_at=len(MANY), changed=0)
    assert calls(sagas, "billing.record_erp_status") == len(MANY)
    assert len(await events(sagas)) == len(MANY)


async def test_nothing_to_look_at(sagas: Sagas) -> None:
    assert await sweep(sagas) == Swept(looked_at=0, changed=0)


async def test_an_invoice_without_a_document_is_not_told(sagas: Sagas) -> None:
    await ask(sagas.database, invoice("in_1"))
    assert await sweep(sagas) == Swept(looked_at=0, changed=0)
    # Nor when somebody asks for it.
    assert await sweep(sagas, "in_1") == Swept(looked_at=1, changed=0)
    assert notes(sagas) == {}
    assert await events(sagas) == []


async def test_money_moves_the_standing_and_what_is_settled_is_left_alone(sagas: Sagas) -> None:
    await posted(sagas, "in_1", "in_2")
    await sweep(sagas)
    pays(sagas, "1", 400)
    assert (await sweep(sagas)).changed == 1
    assert notes(sagas) == {"in_1": "part_paid", "in_2": "posted"}

    pays(sagas, "1", 600)
    assert (await sweep(sagas)).changed == 1
    assert notes(sagas)["in_1"] == "paid"
    told = [(e["erp_status"], e["open"]["minor"]) for e in await events(sagas)][2:]
    assert told == [("part_paid", 600), ("paid", 0)]

    # Billing has still to say that it is paid; then nothing of it can move.
    assert (await sweep(sagas)).looked_at == 2
    await ask(sagas.database, invoice("in_1", DocumentStatus.PAID))
    assert (await sweep(sagas)).looked_at == 1
    # Owed again there: it is looked up again.
    await ask(sagas.database, invoice("in_1"))
    assert (await sweep(sagas)).looked_at == 2


async def test_one_that_billing_refuses_does_not_stop_the_others(sagas: Sagas) -> None:
    await posted(sagas, "in_1", "in_2", "in_3")
    sagas.systems.script.faults["billing.record_erp_status"] = [
        refused(RejectionCode.BILLING_REFUSED, "billing")
    ]

    first = await sweep(sagas)

    assert first == Swept(looked_at=3, changed=3, problems=("scripted billing_refused",))
    assert notes(sagas) == {"in_2": "posted", "in_3": "posted"}
    assert (await view(sagas.database, "in_1")).erp_status_shown == ""

    second = await sweep(sagas)
    assert (second.changed, second.problems) == (0, ())
    assert notes(sagas) == dict.fromkeys(("in_1", "in_2", "in_3"), "posted")
    assert len(await events(sagas)) == 3


async def test_an_entity_that_the_erp_refuses_does_not_stop_the_others(sagas: Sagas) -> None:
    await ask(sagas.database, *map(invoice, ("in_1", "in_2")))
    await post(sagas.database, sagas.systems.erp, ["in_1"], "LE-GONE")
    await post(sagas.database, sagas.systems.erp, ["in_2"])
    sagas.systems.script.faults["erp.statuses"] = [refused(RejectionCode.LEGAL_ENTITY_UNKNOWN)]

    first = await sweep(sagas)

    assert first == Swept(looked_at=2, changed=1, problems=("scripted legal_entity_unknown",))
    # What could not be read stands as it did.
    assert notes(sagas) == {"in_2": "posted"}
    assert (await view(sagas.database, "in_1")).erp_status == "unposted"
    assert [event["invoice_id"] for event in await events(sagas)] == ["in_2"]

    assert (await sweep(sagas)).changed == 1
    assert notes(sagas) == {"in_1": "posted", "in_2": "posted"}


async def test_an_erp_that_is_away_is_asked_again(sagas: Sagas) -> None:
    await posted(sagas, "in_1")
    away = Planned(lambda: TransientFailure("scripted", system="erp", retry_after=0.01))
    sagas.systems.script.faults["erp.statuses"] = [away, away]
    assert await sweep(sagas) == Swept(looked_at=1, changed=1)
    assert notes(sagas) == {"in_1": "posted"}


@pytest.mark.parametrize("happened", [True, False], ids=["happened", "never happened"])
async def test_a_lost_answer_is_told_again_by_the_next(sagas: Sagas, happened: bool) -> None:
    await posted(sagas, "in_1")
    sagas.systems.script.faults["billing.record_erp_status"] = [lost("billing", happened=happened)]
    assert (await sweep(sagas)).problems == ("scripted lost answer",)
    assert (await sweep(sagas)).problems == ()
    assert notes(sagas) == {"in_1": "posted"}
    assert len(await events(sagas)) == 1
    written = await sagas.effects("invoice/in_1")
    assert {step: effect.state for step, effect in written.items()} == {
        "billing.erp_status": EffectState.CONFIRMED
    }
    # Two tenants may bill by one account: the same invoice is noted for each.
    assert [effect.key for effect in written.values()] == ["erp_status:acme/in_1"]


async def test_single_invoices_on_demand(sagas: Sagas) -> None:
    await posted(sagas, "in_1", "in_2")
    assert await sweep(sagas, "in_2", "in_nobody") == Swept(looked_at=1, changed=1)
    assert notes(sagas) == {"in_2": "posted"}
    # One that is settled is looked up too, when somebody asks for it.
    pays(sagas, "2")
    await ask(sagas.database, invoice("in_2", DocumentStatus.PAID))
    await sweep(sagas)
    assert await sweep(sagas, "in_2") == Swept(looked_at=1, changed=0)
    assert notes(sagas)["in_2"] == "paid"


async def test_another_document_is_told_though_the_standing_is_the_same(sagas: Sagas) -> None:
    """Taken back, released and posted anew between two looks."""
    await posted(sagas, "in_1")
    await sweep(sagas)
    await reverse(sagas.database, sagas.systems.erp, "in_1")
    await release(sagas.database, "in_1")
    await post(sagas.database, sagas.systems.erp, ["in_1"])
    # Billing is away at first: it is still told later.
    sagas.systems.script.faults["billing.record_erp_status"] = [lost("billing", happened=False)]
    await sweep(sagas)
    assert sagas.systems.billing.notes["in_1"]["erp_number"] == "INV-1"

    assert (await sweep(sagas)).changed == 0

    assert sagas.systems.billing.notes["in_1"]["erp_number"] == "INV-3"
    assert [event["numbers"] for event in await events(sagas)] == [["INV-1"], ["INV-3"]]


async def test_a_document_that_was_taken_back_is_told_as_credited(sagas: Sagas) -> None:
    """The ERP has it still, settled by the credit note that took it back; nobody has paid it."""
    await posted(sagas, "in_1")
    await sweep(sagas)
    await reverse(sagas.database, sagas.systems.erp, "in_1")
    sagas.systems.script.faults["billing.record_erp_status"] = [lost("billing", happened=False)]
    assert (await sweep(sagas)).changed == 1

    await sweep(sagas)

    assert sagas.systems.billing.notes["in_1"]["erp_status"] == "credited"
    before = calls(sagas, "billing.record_erp_status")
    await sweep(sagas)
    assert calls(sagas, "billing.record_erp_status") == before


async def test_a_document_that_is_released_is_taken_out_of_billing(sagas: Sagas) -> None:
    await posted(sagas, "in_1")
    await sweep(sagas)
    await reverse(sagas.database, sagas.systems.erp, "in_1")
    await release(sagas.database, "in_1")
    sagas.systems.script.faults["billing.record_erp_status"] = [lost("billing", happened=False)]
    await sweep(sagas)

    await sweep(sagas)

    assert sagas.systems.billing.notes["in_1"] == {
        "erp_status": "unposted",
        "erp_number": "",
        "erp_due_on": "",
    }
    before = calls(sagas, "billing.record_erp_status")
    await sweep(sagas)
    assert calls(sagas, "billing.record_erp_status") == before
