"""What billing takes back after it was posted is reversed, once; what it had not issued is not."""

from canonical_models.amendment import ChangeKind
from canonical_models.exceptions import Action
from canonical_models.failures import RejectionCode
from canonical_models.money import Money
from canonical_models.records import RecordState
from tests.harness.sagas import Sagas
from tests.harness.subscriptions import (
    credit_note,
    invoice,
    item,
    line,
    paid,
    payment,
    snapshot,
    subscription,
    void,
)
from tests.harness.systems import lost, refused

PRO = subscription(item("pro", 5))
ISSUED = invoice(line("il_1", 20000))


async def sold(sagas: Sagas) -> None:
    sagas.systems.billing.snapshots["sub_1"] = snapshot(PRO, ISSUED)
    assert (await sagas.finish("chg_0")).outcome == "completed"
    assert posted(sagas) == [20000]


def posted(sagas: Sagas) -> list[int]:
    return [document.net.minor for document in sagas.systems.erp.documents]


async def test_a_void_invoice_is_reversed_on_the_day_that_it_was_made_void(sagas: Sagas) -> None:
    await sold(sagas)
    gone = void(ISSUED)
    sagas.systems.billing.snapshots["sub_1"] = snapshot(PRO, gone)

    assert (await sagas.finish("chg_1")).outcome == "completed"

    assert posted(sagas) == [20000, -20000]
    assert gone.closed_at is not None
    assert sagas.systems.erp.reversed_on == [gone.closed_at.date()]
    assert sagas.systems.erp.documents[-1].external_id == "in_1/void"
    assert (await sagas.record("in_1")).state is RecordState.REVERSED
    assert (await sagas.change("chg_1")).kind is ChangeKind.BILLED


async def test_it_is_not_reversed_twice(sagas: Sagas) -> None:
    await test_a_void_invoice_is_reversed_on_the_day_that_it_was_made_void(sagas)
    assert (await sagas.finish("chg_2", documents=("in_1",))).outcome == "no_change"
    assert (await sagas.finish("chg_3", whole=True)).outcome == "no_change"
    assert posted(sagas) == [20000, -20000]


async def test_a_lost_answer_reverses_once(sagas: Sagas) -> None:
    await sold(sagas)
    sagas.systems.billing.snapshots["sub_1"] = snapshot(PRO, void(ISSUED))
    sagas.systems.script.faults["erp.reverse"] = [lost(happened=True)]
    assert (await sagas.finish("chg_1")).outcome == "completed"
    assert posted(sagas) == [20000, -20000]


async def test_a_reversal_that_takes_back_less_is_told_with_both_sides(sagas: Sagas) -> None:
    await sold(sagas)
    sagas.systems.billing.snapshots["sub_1"] = snapshot(PRO, void(ISSUED))
    erp = sagas.systems.erp

    def edited(name: str) -> None:
        if name == "erp.read" and erp.documents[-1].external_id == "in_1/void":
            kept = erp.documents[-1]
            erp.documents[-1] = kept.model_copy(update={"net": Money(minor=-15000, currency="EUR")})

    sagas.systems.script.on_call = edited
    handle = await sagas.start("chg_1")
    waiting = await sagas.exception("chg_1")
    assert waiting.code == "outcome_mismatch"
    assert "net: planned -200.00 EUR, found -150.00 EUR" in waiting.message

    sagas.systems.script.on_call = None
    whole = Money(minor=-20000, currency="EUR")
    erp.documents[-1] = erp.documents[-1].model_copy(update={"net": whole})
    await sagas.resolve(handle, waiting.exception_id, Action.RETRY)
    assert (await handle.result()).outcome == "completed"
    assert posted(sagas) == [20000, -20000]


async def test_an_invoice_that_was_void_before_it_was_seen_is_not_posted(sagas: Sagas) -> None:
    sagas.systems.billing.snapshots["sub_1"] = snapshot(PRO, void(ISSUED))
    assert (await sagas.finish("chg_0")).outcome == "completed"
    assert posted(sagas) == []


async def test_a_void_is_reversed_where_its_original_was_posted(sagas: Sagas) -> None:
    await sold(sagas)
    sagas.systems.billing.snapshots["sub_1"] = snapshot(PRO, void(ISSUED))
    await sagas.map_account(legal_entity="LE-FR", erp_party="C-2002")

    assert (await sagas.finish("chg_1")).outcome == "completed"

    reversal = sagas.systems.erp.documents[-1]
    assert (reversal.legal_entity, reversal.party) == ("LE-DE", "C-1001")


async def test_a_credit_note_corrects_its_invoice(sagas: Sagas) -> None:
    await sold(sagas)
    note = credit_note(line("cl_1", -5000).model_copy(update={"corrects": "il_1"}), corrects="in_1")
    sagas.systems.billing.snapshots["sub_1"] = snapshot(PRO, ISSUED, note)

    handle = await sagas.start("chg_1", documents=("cn_1",))
    # Billing does not say what became of the 50.00: neither paid out, kept nor set off.
    assert (await handle.result()).outcome == "completed"

    made = sagas.systems.erp.documents[-1]
    assert (made.net.minor, made.corrects, made.kind.value) == (-5000, "1", "credit_note")


async def test_pending_items_are_shown_and_never_posted(sagas: Sagas) -> None:
    await sold(sagas)
    shown = sagas.systems.erp.unbilled
    waiting = (line("ii_1", 700), line("ii_2", 300))
    sagas.systems.billing.snapshots["sub_1"] = snapshot(PRO, ISSUED, pending=waiting)
    assert (await sagas.finish("chg_1")).outcome == "completed"
    assert [draft.net.minor for draft in shown.values()] == [1000]

    edited = (line("ii_1", 0), line("ii_2", 300))
    sagas.systems.billing.snapshots["sub_1"] = snapshot(PRO, ISSUED, pending=edited)
    assert (await sagas.finish("chg_2")).outcome == "completed"
    assert [draft.net.minor for draft in shown.values()] == [300]

    sagas.systems.billing.snapshots["sub_1"] = snapshot(PRO, ISSUED)
    assert (await sagas.finish("chg_3")).outcome == "completed"
    assert shown == {}
    assert posted(sagas) == [20000]


async def test_what_refuses_the_unbilled_stops_nothing(sagas: Sagas) -> None:
    await sold(sagas)
    sagas.systems.script.faults["erp.show_unbilled"] = [refused(RejectionCode.DOCUMENT_REFUSED)]
    sagas.systems.billing.snapshots["sub_1"] = snapshot(PRO, ISSUED, pending=(line("ii_1", 700),))
    assert (await sagas.finish("chg_1")).outcome == "completed"


async def test_that_somebody_posted_the_unbilled_is_a_question(sagas: Sagas) -> None:
    await sold(sagas)
    sagas.systems.script.faults["erp.show_unbilled"] = [refused(RejectionCode.UNBILLED_POSTED)]
    sagas.systems.billing.snapshots["sub_1"] = snapshot(PRO, ISSUED, pending=(line("ii_1", 700),))
    handle = await sagas.start("chg_1")
    waiting = await sagas.exception("chg_1")
    assert (waiting.code, waiting.owner) == ("unbilled_posted", "finance")
    await sagas.resolve(handle, waiting.exception_id, Action.RETRY)
    assert (await handle.result()).outcome == "completed"


async def test_a_payment_of_a_document_that_is_void_later_stays_on_the_account(
    sagas: Sagas,
) -> None:
    await sold(sagas)
    sagas.systems.billing.snapshots["sub_1"] = snapshot(PRO, paid(ISSUED, payment(20000)))
    assert (await sagas.finish("chg_1", documents=("in_1",))).outcome == "completed"
    assert [(e.external_id, e.document) for e in sagas.systems.erp.entries] == [("pi_1", "1")]
