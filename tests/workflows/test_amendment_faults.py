"""Every call of an amendment fails in every way: afterwards all systems agree, or none changed."""

import asyncio

import pytest
from temporalio.client import WorkflowFailureError

from activities.effects import SUPPORT
from canonical_models.exceptions import Action
from canonical_models.failures import RejectionCode, TransientFailure
from persistence import support_contributions
from tests.harness.flow import write
from tests.harness.sagas import Handle, Sagas
from tests.harness.systems import Planned, lost, refused
from tests.harness.waiting import until
from tests.workflows.test_amendment_saga import agreed_on_starter

#: The calls of an upgrade in the order of the saga, each with how often it was made before.
CALLS = [
    ("billing.snapshot", 0),
    ("erp.check", 0),
    ("support.organization", 0),
    ("billing.documents", 0),
    ("erp.post", 0),
    ("support.publish", 0),
    ("erp.read", 0),
    ("support.organization", 1),
    ("billing.record_sync", 0),
]
WRITES = [call for call in CALLS if call[0] in ("erp.post", "support.publish")]
WRITES.append(("billing.record_sync", 0))


def script(sagas: Sagas, call: tuple[str, int], fault: Planned) -> None:
    """Let the (n+1)th call of this name from now on fail once."""
    name, before = call
    seen = 0

    def arm(called: str) -> None:
        nonlocal seen
        if called != name:
            return
        if seen == before:
            sagas.systems.script.faults[name] = [fault]
            sagas.systems.script.on_call = None
        seen += 1

    sagas.systems.script.on_call = arm


async def agreement(sagas: Sagas, change_id: str) -> None:
    """What an undisturbed upgrade leaves behind, and nothing more."""
    assert (await sagas.change(change_id)).outcome == "completed"
    assert [d.net.minor for d in sagas.systems.erp.documents] == [5000, 7500]
    assert {(g.feature, g.quantity) for g in await sagas.grants()} == {("seats", 5), ("sso", 1)}
    assert sagas.systems.support.shown["cus_1"].tier == "premium"
    assert sagas.systems.billing.synced["sub_1"].state == "synchronised"


async def untouched(sagas: Sagas, change_id: str, *, posted: bool = False) -> None:
    """As before the upgrade; what was posted has been reversed, or is a fact."""
    change = await sagas.change(change_id)
    assert change.state == "settled"
    assert change.outcome in ("compensated", "cancelled")
    assert sagas.systems.erp.balance == 5000 + (7500 if posted else 0)
    assert {(g.feature, g.quantity) for g in await sagas.grants()} == {("seats", 5)}
    assert sagas.systems.support.shown["cus_1"].tier == "standard"
    async with sagas.database.statement() as conn:
        # Whoever writes the organisation next shows what is asked for.
        (asked,) = await support_contributions.asked_for(conn, "acme", "cus_1")
    assert asked.tier == "standard"
    assert {
        effect.state
        for step, effect in (await sagas.effects(change_id)).items()
        if not step.startswith("billing.") and not (posted and step.startswith("erp."))
    } <= {"compensated", "rejected"}


@pytest.mark.parametrize("call", WRITES, ids=str)
@pytest.mark.parametrize("happened", [True, False], ids=["happened", "never happened"])
async def test_a_lost_answer_is_found_out_and_done_once(
    sagas: Sagas, call: tuple[str, int], happened: bool
) -> None:
    await agreed_on_starter(sagas)
    script(sagas, call, lost(call[0].split(".")[0], happened=happened))

    await sagas.finish("chg_1")

    await agreement(sagas, "chg_1")


@pytest.mark.parametrize("call", CALLS, ids=str)
async def test_a_passing_fault_is_retried(sagas: Sagas, call: tuple[str, int]) -> None:
    await agreed_on_starter(sagas)
    away = Planned(lambda: TransientFailure("scripted", system="erp", retry_after=0.01))
    script(sagas, call, away)

    await sagas.finish("chg_1")

    await agreement(sagas, "chg_1")


@pytest.mark.parametrize("call", CALLS, ids=str)
@pytest.mark.parametrize("action", [Action.RETRY, Action.ABORT])
async def test_a_refusal_waits_for_a_person_who_retries_or_aborts(
    sagas: Sagas, call: tuple[str, int], action: Action
) -> None:
    await agreed_on_starter(sagas)
    script(sagas, call, refused(RejectionCode.DOCUMENT_REFUSED))
    handle = await sagas.start("chg_1")
    waiting = await sagas.exception("chg_1")

    await sagas.resolve(handle, waiting.exception_id, action)
    await handle.result()

    if action is Action.RETRY:
        await agreement(sagas, "chg_1")
    else:
        await untouched(sagas, "chg_1")


@pytest.mark.parametrize("call", CALLS, ids=str)
async def test_cancelling_at_any_moment_leaves_all_or_nothing(
    sagas: Sagas, call: tuple[str, int]
) -> None:
    await agreed_on_starter(sagas)
    script(sagas, call, refused(RejectionCode.DOCUMENT_REFUSED))
    handle = await sagas.start("chg_1")
    await sagas.exception("chg_1")

    await handle.cancel()
    with pytest.raises(WorkflowFailureError):
        await handle.result()

    posted = any(d.external_id == "in_2" for d in sagas.systems.erp.documents)
    await untouched(sagas, "chg_1", posted=posted)


async def in_doubt(sagas: Sagas, *, happened: bool) -> Handle:
    """Every answer about the second document is lost, and so it stays, try by try."""
    never = [lost("erp", happened=False) for _ in range(5)]
    sagas.systems.script.faults["erp.post"] = [lost(happened=happened), *never]
    sagas.systems.script.faults["erp.find"] = [
        Planned(lambda: TransientFailure("scripted", system="erp")) for _ in range(20)
    ]
    handle = await sagas.start("chg_1")

    async def uncertain() -> bool:
        effects = await sagas.effects("chg_1")
        return "erp.document/in_2" in effects and effects["erp.document/in_2"].state == "uncertain"

    await until(uncertain, "a document in doubt")
    return handle


@pytest.mark.parametrize("happened", [True, False], ids=["happened", "never happened"])
async def test_what_a_terminated_saga_left_is_made_certain_by_the_next_run(
    sagas: Sagas, happened: bool
) -> None:
    await agreed_on_starter(sagas)
    handle = await in_doubt(sagas, happened=happened)
    await handle.terminate()
    sagas.systems.script.faults.clear()
    again = await sagas.again("chg_1")

    assert (await again.result()).outcome == "completed"

    assert sagas.systems.erp.balance == 5000 + 7500
    assert len(sagas.systems.erp.documents) == 2
    assert {(g.feature, g.quantity) for g in await sagas.grants()} == {("seats", 5), ("sso", 1)}


@pytest.mark.parametrize("happened", [True, False])
async def test_what_was_in_doubt_is_told_when_it_is_cancelled(sagas: Sagas, happened: bool) -> None:
    """It stands in the ERP, as billing has issued it, or was never there; nobody is left to ask."""
    await agreed_on_starter(sagas)
    handle = await in_doubt(sagas, happened=happened)
    await handle.cancel()
    sagas.systems.script.faults["erp.find"].clear()
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    sagas.systems.script.faults.clear()

    told = (await sagas.effects("chg_1"))["erp.document/in_2"]
    assert told.state == ("confirmed" if happened else "planned")
    record = await sagas.record("in_2")
    assert record.in_books is happened
    assert len(sagas.systems.erp.documents) == 1 + happened
    # What comes next finds it so.
    assert (await sagas.finish("chg_2", documents=("in_2",))).outcome == "completed"
    assert sagas.systems.erp.balance == 5000 + 7500
    assert len(sagas.systems.erp.documents) == 2


async def test_what_support_shows_already_is_made_certain_by_the_next_run(sagas: Sagas) -> None:
    await agreed_on_starter(sagas)
    sagas.systems.script.faults["erp.post"] = [refused(RejectionCode.DOCUMENT_REFUSED)]
    handle = await sagas.start("chg_1")
    await sagas.exception("chg_1")
    assert sagas.systems.support.shown["cus_1"].tier == "premium"
    await handle.terminate()
    # As where its process has died between the answer and our commit.
    await write(
        sagas.database,
        "update effects set state = 'attempting', result = null, confirmed_at = null, "
        "lands_until = clock_timestamp() where step = %(step)s and change_id = 'chg_1'",
        step=SUPPORT,
    )
    again = await sagas.again("chg_1")

    assert (await again.result()).outcome == "completed"
    await agreement(sagas, "chg_1")
    assert {effect.state for effect in (await sagas.effects("chg_1")).values()} == {"confirmed"}


async def test_a_cancellation_during_the_write_back_comes_too_late(sagas: Sagas) -> None:
    await agreed_on_starter(sagas)
    cancelled: list[asyncio.Task[None]] = []

    def cancel(called: str) -> None:
        if called == "billing.record_sync":
            # Longer than a heartbeat takes to carry a cancellation to the activity.
            sagas.systems.script.seconds = 4.5
            cancelled.append(asyncio.create_task(handle.cancel()))

    sagas.systems.script.on_call = cancel
    handle = await sagas.start("chg_1")

    assert (await handle.result()).outcome == "completed"
    assert len(cancelled) == 1
    await agreement(sagas, "chg_1")
