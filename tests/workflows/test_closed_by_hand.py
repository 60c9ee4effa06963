"""What a machine could not take back, a person has: the ledger is closed with what they say,
and what hung on the document is free."""

from canonical_models.exceptions import Action
from canonical_models.failures import RejectionCode
from canonical_models.records import RecordState
from tests.harness.sagas import Sagas
from tests.harness.systems import refused
from tests.workflows.test_amendment_saga import agreed_on_starter


async def test_s10_undone_by_hand_closes_the_document(sagas: Sagas) -> None:
    await agreed_on_starter(sagas)
    sagas.systems.script.faults = {
        "billing.record_sync": [refused(RejectionCode.BILLING_REFUSED, "billing")],
        "erp.reverse": [refused(RejectionCode.DOCUMENT_REFUSED)],
    }
    handle = await sagas.start("chg_1")
    asked = await sagas.exception("chg_1")
    await sagas.resolve(handle, asked.exception_id, Action.ABORT)
    again = await sagas.exception("chg_1", step="undo of in_2")
    await sagas.resolve(handle, again.exception_id, Action.ABORT)
    assert (await handle.result()).outcome == "compensated"

    effect = (await sagas.effects("chg_1"))["erp.document/in_2"]
    assert (effect.state, effect.undo_document) == ("compensated", "taken back by hand")
    assert (await sagas.record("in_2")).state is RecordState.REVERSED


async def test_so_is_access_that_support_does_not_let_go(sagas: Sagas) -> None:
    """Nobody is to look at it any more, and who writes the organisation next waits for nothing."""
    await agreed_on_starter(sagas)
    script = sagas.systems.script
    script.faults = {"billing.record_sync": [refused(RejectionCode.BILLING_REFUSED, "billing")]}
    handle = await sagas.start("chg_1")
    asked = await sagas.exception("chg_1")
    script.faults["support.publish"] = [refused(RejectionCode.SUPPORT_REFUSED, "support")]
    await sagas.resolve(handle, asked.exception_id, Action.ABORT)
    again = await sagas.exception("chg_1", step="undo of access")
    await sagas.resolve(handle, again.exception_id, Action.ABORT)
    assert (await handle.result()).outcome == "compensated"

    effect = (await sagas.effects("chg_1"))["support.entitlement"]
    assert (effect.state, effect.undo_document) == ("compensated", "taken back by hand")
    assert (await sagas.finish("chg_2")).outcome == "completed"
