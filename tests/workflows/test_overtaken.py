"""A run that does not own its change any more ends without an effect, and nothing is lost."""

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest

from activities.amendment import Amendment
from activities.contracts.amendment import Prepared, Settled, StepInput
from canonical_models.amendment import ChangeKind
from canonical_models.exceptions import Action
from canonical_models.failures import RejectionCode
from persistence import change_queue, changes, exceptions
from tests.harness.sagas import Handle, Sagas
from tests.harness.subscriptions import invoice, item, line, snapshot, subscription
from tests.harness.systems import refused
from tests.harness.waiting import until
from tests.replay.scenarios_undone import Moment
from workflows.names import NEWER_CHANGE, change_workflow_id
from workflows.tracks import OVERTAKEN

FIRST = invoice(line("il_1", 5000, "starter"), key="in_1")
SECOND = invoice(line("ii_2", 7500), key="in_2")
STARTER = subscription(item("starter", 5, 1000))
PRO = subscription(item("pro", 5))


async def sold(sagas: Sagas) -> None:
    """`starter` is agreed, `pro` has been bought since."""
    sagas.systems.billing.snapshots["sub_1"] = snapshot(STARTER, FIRST)
    assert (await sagas.finish("chg_0")).outcome == "completed"
    sagas.systems.billing.snapshots["sub_1"] = snapshot(PRO, FIRST, SECOND)


def tier(sagas: Sagas) -> str | None:
    return sagas.systems.support.shown["cus_1"].tier


async def reset(sagas: Sagas, run_id: str, event_id: int) -> Handle:
    """To just behind a workflow task of that run."""
    workflow_id = change_workflow_id(sagas.task_queue, "sub_1")

    async def written() -> bool:
        run = await sagas.client.get_workflow_handle(workflow_id, run_id=run_id).describe()
        return run.history_length > event_id

    await until(written, "the task that is reset to has ended")
    made = await sagas.client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace="default",
            workflow_execution=WorkflowExecution(workflow_id=workflow_id, run_id=run_id),
            reason="by an operator",
            request_id=f"reset-{run_id}",
            workflow_task_finish_event_id=event_id,
        )
    )
    return sagas.client.get_workflow_handle(workflow_id, run_id=made.run_id, result_type=Settled)


async def test_a_reset_run_of_a_change_that_is_done_has_no_effect(sagas: Sagas) -> None:
    """After it a newer change has completed, with another tier."""
    sagas.systems.billing.snapshots["sub_1"] = snapshot(PRO, SECOND)
    handle = await sagas.start("chg_1")
    assert (await handle.result()).outcome == "completed"
    assert tier(sagas) == "premium"
    sagas.systems.billing.snapshots["sub_1"] = snapshot(STARTER, SECOND)
    assert (await sagas.finish("chg_2")).outcome == "completed"
    assert tier(sagas) == "standard"
    held, effects = await sagas.grants(), await sagas.effects("chg_1")
    calls = len(sagas.systems.script.calls)

    again = await reset(sagas, handle.first_execution_run_id or "", 4)
    settled = await again.result()

    assert settled.outcome in (OVERTAKEN, "completed")
    assert tier(sagas) == "standard"
    assert await sagas.grants() == held
    assert await sagas.effects("chg_1") == effects
    writes = {"erp.post", "support.publish", "billing.record_sync"}
    assert writes.isdisjoint(sagas.systems.script.calls[calls:])


async def test_a_run_whose_change_was_claimed_anew_ends_without_a_question(sagas: Sagas) -> None:
    """It is in the middle of its steps, and the next run does them."""
    await sold(sagas)
    script = sagas.systems.script
    script.faults["erp.check"] = [refused(RejectionCode.PERIOD_CLOSED)]
    old = await sagas.start("chg_1")
    asked = await sagas.exception("chg_1")
    async with sagas.database.transaction() as conn:
        assert await change_queue.requeue(conn, "chg_1", why="it seemed lost") == 1

    # It hears of news, plans again, and finds itself overtaken.
    await old.signal(NEWER_CHANGE)
    assert (await old.result()).outcome == OVERTAKEN

    new = await sagas.again("chg_1")
    assert (await new.result()).outcome == "completed"
    assert (await sagas.change("chg_1")).outcome == "completed"
    async with sagas.database.transaction() as conn:
        (closed,) = await exceptions.page(conn, "acme", state=None, change_id="chg_1")
    # The question was kept for the newer run, which has found that its cause is gone.
    assert (closed.exception_id, closed.state) == (asked.exception_id, "resolved")
    assert (closed.resolved_by, closed.note) == ("trueup", "it has answered itself")


async def test_what_an_earlier_run_has_asked_keeps_its_id_in_the_next(sagas: Sagas) -> None:
    await sold(sagas)
    sagas.systems.script.faults["erp.check"] = [refused(RejectionCode.PERIOD_CLOSED)] * 2
    old = await sagas.start("chg_1")
    asked = await sagas.exception("chg_1")
    await old.terminate(reason="again")

    new = await sagas.again("chg_1")

    async def waits_again() -> bool:
        return (await sagas.change("chg_1")).run_id == new.first_execution_run_id and (
            await sagas.change("chg_1")
        ).state == "waiting"

    await until(waits_again, "the next run asks")
    still = await sagas.exception("chg_1")
    assert (still.exception_id, still.due_at) == (asked.exception_id, asked.due_at)
    await sagas.resolve(new, still.exception_id, Action.RETRY)
    assert (await new.result()).outcome == "completed"


async def test_aborting_takes_back_what_an_earlier_run_has_posted(sagas: Sagas) -> None:
    """Its undo was in the memory of a run that is gone."""
    await sold(sagas)
    script = sagas.systems.script
    script.faults["support.publish"] = [refused(RejectionCode.SUPPORT_REFUSED, "support")]
    old = await sagas.start("chg_1")
    await sagas.exception("chg_1")
    await until(lambda: _posted(sagas), "the books are right")
    await old.terminate(reason="again")
    script.faults["billing.snapshot"] = [refused(RejectionCode.SUBSCRIPTION_UNKNOWN, "billing")]

    new = await sagas.again("chg_1")
    asked = await sagas.exception("chg_1", step="plan")
    await sagas.resolve(new, asked.exception_id, Action.ABORT)

    assert (await new.result()).outcome == "compensated"
    assert [document.net.minor for document in sagas.systems.erp.documents] == [5000, 7500, -7500]


async def _posted(sagas: Sagas) -> bool:
    return (await sagas.record("in_2")).in_books


async def test_a_late_plan_does_not_replace_the_one_that_is_carried_out(sagas: Sagas) -> None:
    """A reading that took long ends when another one's plan has been begun."""
    await sold(sagas)
    script = sagas.systems.script
    script.faults["erp.check"] = [refused(RejectionCode.PERIOD_CLOSED)] * 3
    handle = await sagas.start("chg_1")
    await sagas.exception("chg_1")
    kept = (await sagas.change("chg_1")).plan_digest
    sagas.systems.billing.snapshots["sub_1"] = snapshot(STARTER, FIRST, SECOND)

    late = await prepared(sagas, StepInput(tenant="acme", change_id="chg_1"))

    assert late.digest == kept
    assert (await sagas.change("chg_1")).plan_digest == kept
    await handle.terminate()


async def prepared(sagas: Sagas, step: StepInput) -> Prepared:
    """As the activity answers, outside of a saga."""
    from temporalio.testing import ActivityEnvironment  # noqa: PLC0415 - for this one only

    amendment = Amendment(sagas.database, {"acme": sagas.systems.tenant})
    return await ActivityEnvironment().run(amendment.prepare, step)


async def test_a_reset_to_the_first_task_of_a_change_without_a_document_completes(
    sagas: Sagas,
) -> None:
    """What it has done already is proven and told."""
    sagas.systems.billing.snapshots["sub_1"] = snapshot(STARTER, FIRST)
    assert (await sagas.finish("chg_0")).outcome == "completed"
    sagas.systems.billing.snapshots["sub_1"] = snapshot(PRO, FIRST)
    sagas.systems.script.faults["billing.record_sync"] = [
        refused(RejectionCode.BILLING_REFUSED, "billing")
    ]
    handle = await sagas.start("chg_1")
    await sagas.exception("chg_1")

    again = await reset(sagas, handle.first_execution_run_id or "", 4)

    assert (await again.result()).outcome == "completed"
    change = await sagas.change("chg_1")
    assert (change.outcome, change.kind) == ("completed", ChangeKind.UPGRADE)
    sync = sagas.systems.billing.snapshots["sub_1"].sync
    assert sync is None or sync.state == "synchronised"


async def test_one_saga_carries_out_what_is_pending_of_its_subject(sagas: Sagas) -> None:
    """An act tells three events within a second."""
    await sold(sagas)
    for name in ("chg_2", "chg_3"):
        await sagas.intend(name, "sub_1", documents=("in_2",), state="pending")

    assert (await sagas.finish("chg_1")).outcome == "completed"

    for name in ("chg_2", "chg_3"):
        settled = await sagas.change(name)
        assert (settled.state, settled.outcome) == ("settled", "completed")
        assert settled.taken_in_by == "chg_1"
        assert "taken in by chg_1" in (settled.summary or "")
    assert (await sagas.record("in_2")).in_books


async def test_a_saga_that_waits_takes_newer_changes_in(sagas: Sagas) -> None:
    """Its question keeps its id, and the newer change comes back if the saga is lost."""
    await sold(sagas)
    sagas.systems.script.faults["erp.check"] = [refused(RejectionCode.PERIOD_CLOSED)] * 2
    handle = await sagas.start("chg_1")
    asked = await sagas.exception("chg_1")
    await sagas.intend("chg_2", "sub_1", state="pending")

    await handle.signal(NEWER_CHANGE)

    async def taken_in() -> bool:
        return (await sagas.change("chg_2")).taken_in_by == "chg_1"

    await until(taken_in, "the newer change is part of the saga that waits")
    assert (await sagas.exception("chg_1")).exception_id == asked.exception_id

    await handle.terminate(reason="again")
    async with sagas.database.transaction() as conn:
        await change_queue.requeue(conn, "chg_1", why="its run was lost")
        back = await changes.get(conn, "acme", "chg_2")
    assert back is not None
    assert (back.state, back.taken_in_by) == ("pending", None)


async def test_an_abort_whose_run_was_lost_is_carried_to_its_end_by_the_next(sagas: Sagas) -> None:
    await sold(sagas)
    script = sagas.systems.script
    script.faults["billing.record_sync"] = [refused(RejectionCode.BILLING_REFUSED, "billing")]
    handle = await sagas.start("chg_1")
    asked = await sagas.exception("chg_1")
    moment = Moment(sagas, "erp.reverse", seconds=1)
    await sagas.resolve(handle, asked.exception_id, Action.ABORT)
    await moment.come()
    await handle.terminate()

    settled = await (await sagas.again("chg_1")).result()

    assert settled.outcome == "compensated"
    assert tier(sagas) == "standard"
    assert [one.gross.minor for one in sagas.systems.erp.documents] == [5000, 7500, -7500]
    async with sagas.database.transaction() as conn:
        assert await exceptions.page(conn, "acme", change_id="chg_1") == ()


async def test_a_cancellation_whose_run_was_lost_is_carried_to_its_end_by_the_next(
    sagas: Sagas,
) -> None:
    """What is posted stays, as after any cancellation."""
    await sold(sagas)
    settled = await cancelled_and_lost(sagas, "support.publish")

    assert settled.outcome == "compensated"
    assert tier(sagas) == "standard"
    assert [one.gross.minor for one in sagas.systems.erp.documents] == [5000, 7500]


async def test_a_run_that_was_lost_when_all_was_taken_back_is_told_as_undone(
    sagas: Sagas,
) -> None:
    """Nothing is left to undo, and billing has still to be told of it."""
    await sold(sagas)
    sagas.systems.billing.snapshots["sub_1"] = snapshot(PRO, FIRST)
    settled = await cancelled_and_lost(sagas, "billing.record_sync")

    assert settled.outcome == "compensated"
    assert tier(sagas) == "standard"
    assert sagas.systems.billing.synced["sub_1"].state == "compensated"


async def cancelled_and_lost(sagas: Sagas, at: str) -> Settled:
    """A change that waits is cancelled, and its run lost at this call of the undo."""
    script = sagas.systems.script
    script.faults["billing.record_sync"] = [refused(RejectionCode.BILLING_REFUSED, "billing")]
    handle = await sagas.start("chg_1")
    await sagas.exception("chg_1")
    moment = Moment(sagas, at, seconds=1)
    await handle.cancel()
    await moment.come()
    await handle.terminate()
    settled = await (await sagas.again("chg_1")).result()
    async with sagas.database.transaction() as conn:
        assert await exceptions.page(conn, "acme", change_id="chg_1") == ()
    return settled
