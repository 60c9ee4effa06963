"""The amendment saga from start to settlement, and what people can do while it waits."""

import asyncio

import pytest
from temporalio.client import (
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowUpdateFailedError,
)
from temporalio.common import SearchAttributeKey

from canonical_models.amendment import ChangeKind
from canonical_models.commerce import SubscriptionStatus
from canonical_models.decisions import Door, Outcome
from canonical_models.exceptions import Action, Resolution
from canonical_models.failures import RejectionCode
from canonical_models.records import HoldKind, RecordState
from persistence import access_holds, decisions, documents, exceptions
from tests.harness.sagas import Handle, Sagas
from tests.harness.subscriptions import ITEMS, invoice, item, line, snapshot, subscription
from tests.harness.systems import lost, refused
from tests.harness.waiting import until
from workflows.names import (
    DECIDE,
    ERP_DOCUMENT,
    EXCEPTION,
    NEWER_CHANGE,
    STAGE,
    STATUS,
    Status,
)

FIRST = invoice(line("il_1", 5000, "starter"), key="in_1")
SECOND = invoice(line("ii_1", -2500, "starter"), line("ii_2", 10000), key="in_2")
STARTER = snapshot(subscription(item("starter", 5, 1000)), FIRST)
PRO = snapshot(subscription(item("pro", 5)), FIRST, SECOND)


async def attribute(handle: Handle, key: SearchAttributeKey[str]) -> str | None:
    return (await handle.describe()).typed_search_attributes.get(key)


async def agreed_on_starter(sagas: Sagas) -> None:
    sagas.systems.billing.snapshots["sub_1"] = STARTER
    assert (await sagas.finish("chg_0")).outcome == "completed"
    sagas.systems.billing.snapshots["sub_1"] = PRO


def posted(sagas: Sagas) -> list[int]:
    return [document.net.minor for document in sagas.systems.erp.documents]


async def features(sagas: Sagas) -> set[tuple[str, int]]:
    return {(grant.feature, grant.quantity) for grant in await sagas.grants()}


async def test_an_upgrade_reaches_every_system_once(sagas: Sagas) -> None:
    await agreed_on_starter(sagas)

    handle = await sagas.start("chg_1")
    settled = await handle.result()

    change = await sagas.change("chg_1")
    assert settled.outcome == change.outcome == "completed"
    assert change.kind is ChangeKind.UPGRADE
    assert posted(sagas) == [5000, 7500]
    assert [d.billing_number for d in sagas.systems.erp.documents] == ["N-in_1", "N-in_2"]
    assert await features(sagas) == {("seats", 5), ("sso", 1)}
    assert sagas.systems.support.shown["cus_1"].tier == "premium"
    assert sagas.systems.billing.synced["sub_1"].erp_document == "INV-2"
    assert {e.state for e in (await sagas.effects("chg_1")).values()} == {"confirmed"}
    assert await attribute(handle, ERP_DOCUMENT) == "INV-2"
    assert await attribute(handle, STAGE) == "completed"


async def test_a_change_that_all_agree_on_is_settled_without_an_effect(sagas: Sagas) -> None:
    await agreed_on_starter(sagas)
    await sagas.finish("chg_1")

    settled = await sagas.finish("chg_2")

    assert settled.outcome == "no_change"
    assert (await sagas.change("chg_2")).outcome == "no_change"
    assert await sagas.effects("chg_2") == {}


async def test_starting_a_settled_change_again_does_nothing(sagas: Sagas) -> None:
    await agreed_on_starter(sagas)
    await sagas.finish("chg_1")
    before = list(sagas.systems.script.calls)

    handle = await sagas.client.start_workflow(
        "amendment",
        {"tenant": "acme", "change_id": "chg_1", "subject": "sub_1", "trigger": "other"},
        id=f"again-{sagas.task_queue}",
        task_queue=sagas.task_queue,
    )
    await handle.result()

    assert sagas.systems.script.calls == before


async def test_an_unmapped_item_waits_is_corrected_and_goes_on_in_the_same_run(
    sagas: Sagas,
) -> None:
    unknown = snapshot(
        subscription(item("new", 1, key="si_9"), subscription_id="sub_2"),
        invoice(line("ii_9", 700, "new", of="sub_2"), key="in_9"),
    )
    sagas.systems.billing.snapshots["sub_2"] = unknown
    handle = await sagas.start("chg_9", "sub_2")
    waiting = await sagas.exception("chg_9", step="books")
    standing = await handle.query(STATUS, result_type=Status)

    assert (waiting.code, waiting.owner) == ("item_unmapped", "finance")
    assert (await sagas.change("chg_9")).state == "waiting"
    assert standing.exception_id == waiting.exception_id
    assert await attribute(handle, EXCEPTION) == "item_unmapped"

    mended = ITEMS["pro"].model_copy(update={"item": "new"})
    await sagas.resolve(handle, waiting.exception_id, Action.CORRECT, mended)
    settled = await handle.result()

    assert settled.outcome == "completed"
    assert posted(sagas) == [700]
    assert await attribute(handle, EXCEPTION) is None
    async with sagas.database.transaction() as conn:
        closed = await exceptions.page(conn, "acme", state=None, change_id="chg_9")
    by_track = {entry.track: (entry.resolution, entry.resolved_by) for entry in closed}
    # Access asked for the same mapping, and has been answered by the plan that followed.
    assert by_track == {"books": ("correct", "tester"), "access": ("cancelled", "trueup")}


async def test_access_does_not_wait_for_the_books(sagas: Sagas) -> None:
    await agreed_on_starter(sagas)
    sagas.systems.script.faults["erp.check"] = [refused(RejectionCode.PERIOD_CLOSED)]
    handle = await sagas.start("chg_1")
    waiting = await sagas.exception("chg_1", step="books")

    assert waiting.code == "period_closed"
    await sagas.given(("seats", 5), ("sso", 1))
    await sagas.shown("premium")
    assert posted(sagas) == [5000]

    await sagas.resolve(handle, waiting.exception_id, Action.RETRY)
    assert (await handle.result()).outcome == "completed"
    assert posted(sagas) == [5000, 7500]


async def test_a_customer_that_leaves_behind_an_open_question_loses_access_at_once(
    sagas: Sagas,
) -> None:
    await agreed_on_starter(sagas)
    sagas.systems.script.faults["erp.check"] = [refused(RejectionCode.PERIOD_CLOSED)] * 9
    handle = await sagas.start("chg_1")
    waiting = await sagas.exception("chg_1", step="books")
    ended = subscription(item("pro", 5), status=SubscriptionStatus.CANCELLED)
    sagas.systems.billing.snapshots["sub_1"] = snapshot(ended, FIRST, SECOND)

    await handle.signal(NEWER_CHANGE)
    await sagas.given()
    await sagas.shown(None)

    assert (await sagas.exception("chg_1", step="books")).exception_id == waiting.exception_id
    assert posted(sagas) == [5000]
    sagas.systems.script.faults.clear()
    await sagas.resolve(handle, waiting.exception_id, Action.RETRY)
    assert (await handle.result()).outcome == "completed"
    assert posted(sagas) == [5000, 7500]
    assert await sagas.grants() == ()


async def test_support_that_fails_for_good_is_aborted_and_all_is_undone(sagas: Sagas) -> None:
    await agreed_on_starter(sagas)
    held = await sagas.grants()
    script = sagas.systems.script
    script.faults["support.publish"] = [refused(RejectionCode.SUPPORT_REFUSED, "support")]
    handle = await sagas.start("chg_1")
    waiting = await sagas.exception("chg_1")
    await until(lambda: _is_posted(sagas, "in_2"), "the books go on meanwhile")

    assert (waiting.owner, waiting.track) == ("support", "access")
    assert waiting.at_risk is not None
    assert waiting.at_risk.minor == 7500

    await sagas.resolve(handle, waiting.exception_id, Action.ABORT)
    settled = await handle.result()

    assert settled.outcome == "compensated"
    assert posted(sagas) == [5000, 7500, -7500]
    assert sagas.systems.erp.documents[-1].corrects == "2"
    assert await sagas.grants() == held
    assert sagas.systems.support.shown["cus_1"].tier == "standard"
    assert {e.state for s, e in (await sagas.effects("chg_1")).items() if "sync" not in s} == {
        "compensated"
    }


async def _is_posted(sagas: Sagas, document_id: str) -> bool:
    async with sagas.database.transaction() as conn:
        found = await documents.get(conn, "acme", document_id)
    return found is not None and found.in_books


async def test_what_was_aborted_stays_out_until_somebody_releases_it(sagas: Sagas) -> None:
    await test_support_that_fails_for_good_is_aborted_and_all_is_undone(sagas)

    held = await sagas.grants()
    assert (await sagas.finish("chg_2", documents=("in_2",))).outcome == "no_change"
    # Billing sells on what was taken back: neither the books nor access follow by themselves.
    assert await sagas.grants() == held
    record = await sagas.record("in_2")
    assert record.state is RecordState.REVERSED
    assert record.hold is not None
    assert record.hold.kind is HoldKind.ABORTED
    assert sagas.systems.erp.balance == 5000

    async with sagas.database.transaction() as conn:
        assert await documents.hold(conn, "acme", "in_2", None)
        assert await access_holds.lift(conn, "acme", "sub_1")
    assert (await sagas.finish("chg_3", documents=("in_2",))).outcome == "completed"
    assert await features(sagas) == {("seats", 5), ("sso", 1)}
    assert posted(sagas) == [5000, 7500, -7500, 7500]
    assert sagas.systems.erp.documents[-1].external_id == "in_2/2"


async def test_cancelling_takes_access_back_and_leaves_what_billing_has_issued(
    sagas: Sagas,
) -> None:
    await agreed_on_starter(sagas)
    script = sagas.systems.script
    script.faults["support.publish"] = [refused(RejectionCode.SUPPORT_REFUSED, "support")]
    handle = await sagas.start("chg_1")
    waiting = await sagas.exception("chg_1")
    await until(lambda: _is_posted(sagas, "in_2"), "the books go on meanwhile")

    await handle.cancel()
    with pytest.raises(WorkflowFailureError):
        await handle.result()

    assert (await handle.describe()).status is WorkflowExecutionStatus.CANCELED
    assert posted(sagas) == [5000, 7500]
    assert await features(sagas) == {("seats", 5)}
    change = await sagas.change("chg_1")
    assert (change.state, change.outcome) == ("settled", "compensated")
    async with sagas.database.transaction() as conn:
        closed = await exceptions.get(conn, "acme", waiting.exception_id)
    assert closed is not None
    assert closed.resolution == "cancelled"
    # The engine names nobody, and that is what is said.
    assert "undone: cancelled in Temporal by an unnamed operator" in (change.summary or "")
    async with sagas.database.transaction() as conn:
        (made,) = await decisions.of_change(conn, "acme", "chg_1")
    assert (made.by, made.door, made.action) == ("an unnamed operator", Door.WEB_UI, "cancel")
    assert (made.target_id, made.outcome) == ("chg_1", Outcome.TAKEN)
    assert made.delivered_at is not None


async def test_an_undo_that_fails_becomes_an_exception_and_ends_when_mended(sagas: Sagas) -> None:
    await agreed_on_starter(sagas)
    script = sagas.systems.script
    script.faults["support.publish"] = [refused(RejectionCode.SUPPORT_REFUSED, "support")]
    script.faults["erp.reverse"] = [refused(RejectionCode.PERIOD_CLOSED)]
    handle = await sagas.start("chg_1")
    waiting = await sagas.exception("chg_1")
    await until(lambda: _is_posted(sagas, "in_2"), "the books go on meanwhile")
    await sagas.resolve(handle, waiting.exception_id, Action.ABORT)

    undoing = await sagas.exception("chg_1", step="undo of in_2")
    await sagas.resolve(handle, undoing.exception_id, Action.RETRY)

    assert (await handle.result()).outcome == "compensated"
    assert sagas.systems.erp.balance == 5000


async def test_decisions_that_do_not_fit_are_refused_and_change_nothing(sagas: Sagas) -> None:
    await agreed_on_starter(sagas)
    script = sagas.systems.script
    script.faults["erp.check"] = [refused(RejectionCode.PERIOD_CLOSED)]
    handle = await sagas.start("chg_1")
    waiting = await sagas.exception("chg_1")

    with pytest.raises(WorkflowUpdateFailedError) as unknown:
        await sagas.resolve(handle, "exc_other", Action.RETRY)
    with pytest.raises(WorkflowUpdateFailedError) as empty:
        await sagas.resolve(handle, waiting.exception_id, Action.CORRECT)

    assert "exc_other is not open" in str(unknown.value.cause)
    assert "needs what was missing" in str(empty.value.cause)
    await handle.signal(
        DECIDE,
        Resolution(exception_id=waiting.exception_id, action=Action.RETRY, by="web ui"),
    )
    assert (await handle.result()).outcome == "completed"


async def test_an_outcome_that_differs_from_the_plan_is_shown_with_both_sides(
    sagas: Sagas,
) -> None:
    await agreed_on_starter(sagas)
    script, support = sagas.systems.script, sagas.systems.support
    before = len(script.calls)

    def meddle(name: str) -> None:
        """Once it has been told, and is about to be read back."""
        if name == "support.organization" and "support.publish" in script.calls[before:]:
            support.shown["cus_1"] = support.shown["cus_1"].model_copy(update={"tier": "standard"})
            script.on_call = None

    script.on_call = meddle
    handle = await sagas.start("chg_1")
    waiting = await sagas.exception("chg_1")

    assert waiting.code == "outcome_mismatch"
    assert '"tier":"premium"' in waiting.message
    assert '"tier":"standard"' in waiting.message

    support.shown["cus_1"] = support.shown["cus_1"].model_copy(update={"tier": "premium"})
    await sagas.resolve(handle, waiting.exception_id, Action.RETRY)
    assert (await handle.result()).outcome == "completed"


async def test_cancellation_now_credits_and_takes_access(sagas: Sagas) -> None:
    await agreed_on_starter(sagas)
    gone = subscription(item("starter", 5, 1000), status=SubscriptionStatus.CANCELLED)
    credit = invoice(line("ii_1", -2500, "starter"), key="in_2")
    sagas.systems.billing.snapshots["sub_1"] = snapshot(gone, FIRST, credit)

    settled = await sagas.finish("chg_1")

    assert settled.outcome == "completed"
    assert (await sagas.change("chg_1")).kind is ChangeKind.CANCELLATION
    assert posted(sagas) == [5000, -2500]
    assert await sagas.grants() == ()
    assert sagas.systems.support.shown["cus_1"].tier is None


async def test_two_subscriptions_of_a_customer_share_the_better_support(sagas: Sagas) -> None:
    script, billing = sagas.systems.script, sagas.systems.billing
    script.seconds = 0.02
    billing.snapshots["sub_1"] = STARTER
    of_two = invoice(line("il_2", 4000, of="sub_2"), key="in_3")
    billing.snapshots["sub_2"] = snapshot(
        subscription(item("pro", 1, key="si_2"), subscription_id="sub_2"), of_two
    )

    await asyncio.gather(sagas.finish("chg_1", "sub_1"), sagas.finish("chg_2", "sub_2"))
    assert sagas.systems.support.shown["cus_1"].tier == "premium"

    billing.snapshots["sub_2"] = snapshot(
        subscription(
            item("pro", 1, key="si_2"),
            subscription_id="sub_2",
            status=SubscriptionStatus.CANCELLED,
        ),
        of_two,
    )
    await sagas.finish("chg_3", "sub_2")
    assert sagas.systems.support.shown["cus_1"].tier == "standard"


async def test_a_retry_after_an_answer_was_lost_posts_once(sagas: Sagas) -> None:
    await agreed_on_starter(sagas)
    sagas.systems.script.faults["erp.post"] = [lost(happened=True)]

    assert (await sagas.finish("chg_1")).outcome == "completed"
    assert posted(sagas) == [5000, 7500]


async def test_access_that_was_taken_back_is_given_for_what_is_sold_anew(sagas: Sagas) -> None:
    """Another quantity is another sale: nobody has decided anything of it."""
    await test_support_that_fails_for_good_is_aborted_and_all_is_undone(sagas)
    sagas.systems.billing.snapshots["sub_1"] = snapshot(subscription(item("pro", 7)), FIRST, SECOND)

    assert (await sagas.finish("chg_2")).outcome == "completed"
    assert await features(sagas) == {("seats", 7), ("sso", 1)}


async def test_access_that_was_taken_back_still_ends_with_the_subscription(sagas: Sagas) -> None:
    await test_support_that_fails_for_good_is_aborted_and_all_is_undone(sagas)
    ended = subscription(item("pro", 5), status=SubscriptionStatus.CANCELLED)
    sagas.systems.billing.snapshots["sub_1"] = snapshot(ended, FIRST, SECOND)

    assert (await sagas.finish("chg_2")).outcome == "completed"
    assert await sagas.grants() == ()
