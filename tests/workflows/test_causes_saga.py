"""A question keeps its id and its clock through decisions that do not mend it; what mends a cause
is tried by all that it holds, and what was mended outside is found."""

import secrets
from datetime import timedelta

import pytest

from canonical_models.commerce import Customer
from canonical_models.exceptions import Action, DocumentCorrection, Resolution
from canonical_models.failures import RejectionCode
from canonical_models.mapping import ItemMapping
from canonical_models.records import HoldKind
from canonical_models.states import ExceptionState
from canonical_models.views import ExceptionView
from dispatch.watching import SagaWatch
from persistence import causes, exceptions, mappings, outbox, waking
from persistence.causes import Which
from tests.api.stuck import MENDED, Stuck
from tests.harness.deciding import decided as decide
from tests.harness.flow import write
from tests.harness.sagas import Sagas
from tests.harness.subscriptions import ACCOUNT, invoice, item, line, snapshot, subscription
from tests.harness.systems import refused
from tests.harness.waiting import until
from workflows.names import change_workflow_id

ISSUED = invoice(line("il_1", 5000), key="in_1")

#: What each waiting point is refused at, and the step that asks.
POINTS = {
    "books": ("erp.check", RejectionCode.PERIOD_CLOSED, "books"),
    "access": ("support.publish", RejectionCode.SUPPORT_REFUSED, "access"),
    "planning": ("billing.snapshot", RejectionCode.SUBSCRIPTION_UNKNOWN, "plan"),
    "proof": ("billing.record_sync", RejectionCode.BILLING_REFUSED, "prove and write back"),
}


async def asked_again(sagas: Sagas, before: ExceptionView) -> ExceptionView:
    """The exception, once what was decided of it has failed."""

    async def failed() -> bool:
        async with sagas.database.transaction() as conn:
            told = await causes.history(conn, "acme", before.exception_id)
        return told[-1].what == "failed_again"

    await until(failed, f"{before.exception_id} is asked again")
    return await sagas.exception_of(before.exception_id)


@pytest.mark.parametrize("point", POINTS)
async def test_a_retry_that_fails_again_keeps_id_and_clock(sagas: Sagas, point: str) -> None:
    call, code, step = POINTS[point]
    sagas.systems.billing.snapshots["sub_1"] = snapshot(subscription(item("pro", 5)), ISSUED)
    sagas.systems.script.faults[call] = [refused(code)] * 50
    handle = await sagas.start("chg_1", documents=("in_1",))
    first = await sagas.exception("chg_1", step=step)

    for times in (1, 2):
        await sagas.resolve(handle, first.exception_id, Action.RETRY)
        again = await asked_again(sagas, first)
        assert (again.state, again.opened_at, again.due_at) == (
            ExceptionState.OPEN,
            first.opened_at,
            first.due_at,
        )
        async with sagas.database.transaction() as conn:
            told = await causes.history(conn, "acme", first.exception_id)
        assert [line.what for line in told] == ["opened", *["retry", "failed_again"] * times]

    sagas.systems.script.faults.clear()
    await sagas.resolve(handle, first.exception_id, Action.RETRY)
    assert (await handle.result()).outcome == "completed"
    assert (await sagas.exception_of(first.exception_id)).state is ExceptionState.RESOLVED


async def test_an_undo_that_fails_again_keeps_id_and_clock(sagas: Sagas) -> None:
    sagas.systems.billing.snapshots["sub_1"] = snapshot(subscription(item("pro", 5)), ISSUED)
    sagas.systems.script.faults["support.publish"] = [refused(RejectionCode.SUPPORT_REFUSED)]
    sagas.systems.script.faults["erp.reverse"] = [refused(RejectionCode.DOCUMENT_REFUSED)] * 50
    handle = await sagas.start("chg_1", documents=("in_1",))
    asked = await sagas.exception("chg_1", step="access")
    await until(lambda: _posted(sagas), "the document is posted")
    await sagas.resolve(handle, asked.exception_id, Action.ABORT)
    first = await sagas.exception("chg_1", step="undo of in_1")
    await sagas.resolve(handle, first.exception_id, Action.RETRY)
    again = await asked_again(sagas, first)
    assert (again.opened_at, again.due_at) == (first.opened_at, first.due_at)
    sagas.systems.script.faults.clear()
    await sagas.resolve(handle, first.exception_id, Action.RETRY)
    assert (await handle.result()).outcome == "compensated"


async def _posted(sagas: Sagas) -> bool:
    return (await sagas.record("in_1")).in_books


async def test_it_is_said_once_that_it_is_late_whatever_is_retried(sagas: Sagas) -> None:
    sagas.systems.billing.snapshots["sub_1"] = snapshot(subscription(item("pro", 5)), ISSUED)
    sagas.systems.script.faults["erp.check"] = [refused(RejectionCode.PERIOD_CLOSED)] * 50
    handle = await sagas.start("chg_1", documents=("in_1",))
    first = await sagas.exception("chg_1")
    await write(sagas.database, "update exceptions set due_at = now()")
    # The clock of the run that asks began before that: a retry has it look anew.
    for _ in range(2):
        await sagas.resolve(handle, first.exception_id, Action.RETRY)
        await asked_again(sagas, first)

    async def escalated() -> bool:
        return (await sagas.exception_of(first.exception_id)).escalated_at is not None

    await until(escalated, "it is late")
    at = (await sagas.exception_of(first.exception_id)).escalated_at
    await sagas.resolve(handle, first.exception_id, Action.RETRY)
    assert (await asked_again(sagas, first)).escalated_at == at
    async with sagas.database.transaction() as conn:
        told = await causes.history(conn, "acme", first.exception_id)
    assert [line.what for line in told].count("escalated") == 1
    await handle.terminate()


async def waits(sagas: Sagas) -> Stuck:
    """A saga of a customer of its own, whose books wait for what nobody has mapped, or cannot be
    posted."""
    name = secrets.token_hex(4)
    of, customer, document = f"sub_{name}", f"cus_{name}", f"in_{name}"
    sold = subscription(item("pro", 5), subscription_id=of).model_copy(
        update={"customer": Customer(customer_id=customer)}
    )
    issued = invoice(line(f"il_{name}", 5000, "new", of=of), key=document, customer=customer)
    sagas.systems.billing.snapshots[of] = snapshot(sold, issued)
    account = ACCOUNT.model_copy(
        update={
            "billing_customer": customer,
            "support_organization": customer,
            "erp_party": f"C-{name}",
        }
    )
    async with sagas.database.transaction() as conn:
        await mappings.put(conn, "acme", account, by="tester")
    change = f"chg_{name}"
    handle = await sagas.start(
        change, of, workflow_id=change_workflow_id("acme", of), documents=(document,)
    )
    return Stuck(change, of, document, handle, await sagas.exception(change))


async def tell(sagas: Sagas) -> None:
    watch = SagaWatch(sagas.database, sagas.client, settled_within=timedelta(seconds=5))
    await watch.tell_of_newer()


async def test_billing_says_what_is_at_risk_of_a_plan_that_was_refused(sagas: Sagas) -> None:
    waiting = await waits(sagas)
    at_risk = waiting.exception.at_risk
    assert at_risk is not None
    assert at_risk == (await sagas.record(waiting.document_id)).document.gross


async def test_the_correction_of_one_case_is_tried_by_all_of_its_cause(sagas: Sagas) -> None:
    one, other = await waits(sagas), await waits(sagas)
    assert one.exception.cause_id == other.exception.cause_id
    await sagas.resolve(
        one.handle, one.exception.exception_id, Action.CORRECT, ItemMapping.model_validate(MENDED)
    )
    done = await one.handle.result()
    assert done.outcome == "completed", done
    await tell(sagas)
    assert (await other.handle.result()).outcome == "completed"
    closed = await sagas.exception_of(other.exception.exception_id)
    assert (closed.resolved_by, closed.note) == ("trueup", "mended with its cause")
    async with sagas.database.transaction() as conn:
        cause = await causes.get(conn, "acme", one.exception.cause_id)
        assert await exceptions.page(conn, "acme", which=Which(cause=one.exception.cause_id)) == ()
    assert cause is not None
    assert (cause.open_cases, cause.at_risk) == (0, ())


async def test_what_was_mended_outside_closes_by_itself_and_says_so(sagas: Sagas) -> None:
    sagas.systems.script.faults["erp.check"] = [refused(RejectionCode.ITEM_NOT_POSTABLE)] * 99
    async with sagas.database.transaction() as conn:
        await mappings.put(conn, "acme", ItemMapping.model_validate(MENDED), by="tester")
    waiting = [await waits(sagas) for _ in range(2)]
    await write(
        sagas.database,
        "update causes set newest_at = now() - interval '1 day', opened_at = newest_at - "
        "interval '1 day'",
    )
    tried = sagas.systems.script.calls.count("erp.check")
    await look(sagas)
    await tell(sagas)

    async def looked() -> bool:
        return sagas.systems.script.calls.count("erp.check") > tried

    await until(looked, "the oldest case is tried")
    for each in waiting:
        # Not mended yet: it stays asked, with its clock.
        assert await sagas.exception_of(each.exception.exception_id) == each.exception

    sagas.systems.script.faults.clear()
    await write(sagas.database, "update causes set looked_at = now() - interval '1 day'")
    await look(sagas)
    await tell(sagas)
    done = await waiting[0].handle.result()
    assert done.outcome == "completed", done
    await tell(sagas)
    assert (await waiting[1].handle.result()).outcome == "completed"
    for each in waiting:
        closed = await sagas.exception_of(each.exception.exception_id)
        assert closed.resolved_by == "trueup"
        assert (closed.note or "").startswith("mended outside, in ")


async def look(sagas: Sagas) -> None:
    async with sagas.database.transaction() as conn:
        assert await waking.look_again(conn, "acme", but=(), since=timedelta(minutes=15), limit=20)


async def test_a_skipped_document_stays_out_and_the_same_saga_goes_on(sagas: Sagas) -> None:
    waiting = await waits(sagas)
    decided = Resolution(
        exception_id=waiting.exception.exception_id,
        action=Action.SKIP,
        by="fay",
        note="booked by hand in another company",
        document=DocumentCorrection(document_id=waiting.document_id),
    )
    await decide(sagas.database, "acme", waiting.handle, decided)
    assert (await waiting.handle.result()).outcome in ("completed", "no_change")
    record = await sagas.record(waiting.document_id)
    assert record.hold is not None
    assert (record.hold.kind, record.hold.by, record.hold.reason) == (
        HoldKind.SKIPPED,
        "fay",
        decided.note,
    )
    assert not record.in_books
    closed = await sagas.exception_of(waiting.exception.exception_id)
    assert (closed.resolution, closed.resolved_by) == ("skip", "fay")
    async with sagas.database.transaction() as conn:
        told = [event.type for _, event in await outbox.page(conn, "acme", limit=100)]
    assert any(kind.endswith("invoice.decided.v1") for kind in told)
