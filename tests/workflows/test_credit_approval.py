"""A credit above the tenant's limit waits for a person's yes, which is to exactly that document."""

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
from temporalio.client import WorkflowFailureError, WorkflowUpdateFailedError
from temporalio.testing import WorkflowEnvironment

from canonical_models.exceptions import Action
from canonical_models.failures import RejectionCode
from canonical_models.policy import TenantPolicy
from persistence.database import Database
from tests.harness.sagas import Handle, Sagas, sagas_at_work
from tests.harness.subscriptions import item, line, snapshot, subscription
from tests.harness.systems import Systems, refused

LIMIT = TenantPolicy(credit_limits={"EUR": Decimal("20.00"), "USD": Decimal(0)})


@pytest.fixture
async def sagas(temporal: WorkflowEnvironment, database: Database) -> AsyncIterator[Sagas]:
    """`pro` has been sold and posted for 200.00."""
    async with sagas_at_work(temporal.client, database, Systems(policy=LIMIT)) as working:
        working.systems.billing.snapshots["sub_1"] = snapshot(
            subscription(item("pro", 5)), line("il_1", 20000)
        )
        assert (await working.finish("chg_0")).outcome == "completed"
        yield working


def credited(sagas: Sagas, *minors: int) -> None:
    """Billing shows a downgrade with these lines."""
    new = [line(f"ii_{n}", minor) for n, minor in enumerate(minors)]
    sagas.systems.billing.snapshots["sub_1"] = snapshot(
        subscription(item("starter", 5, 1000)), line("il_1", 20000), *new
    )


async def asked(sagas: Sagas, *minors: int) -> tuple[Handle, str]:
    credited(sagas, *minors)
    handle = await sagas.start("chg_1")
    waiting = await sagas.exception("chg_1")
    assert (waiting.code, waiting.owner) == (RejectionCode.APPROVAL_NEEDED.value, "finance")
    assert f"a credit of {-sum(minors) / 100:.2f} EUR is above the limit" in waiting.message
    assert posted(sagas) == [20000]
    return handle, waiting.exception_id


def posted(sagas: Sagas) -> list[int]:
    return [document.net.minor for document in sagas.systems.erp.documents]


async def approvals(sagas: Sagas) -> list[tuple[str, str]]:
    async with sagas.database.statement() as raw:
        found = await raw.execute("select change_id, approved_by from approvals")
        return [(row[0], row[1]) for row in await found.fetchall()]


async def test_exactly_what_was_approved_is_posted(sagas: Sagas) -> None:
    handle, exception_id = await asked(sagas, -9000, 1000)
    assert (await sagas.change("chg_1")).state == "waiting"

    await sagas.resolve(handle, exception_id, Action.APPROVE)

    assert (await handle.result()).outcome == "completed"
    assert posted(sagas) == [20000, -8000]
    assert await approvals(sagas) == [("chg_1", "tester")]
    assert {(g.feature, g.quantity) for g in await sagas.grants()} == {("seats", 5)}


async def test_another_document_is_asked_about_again(sagas: Sagas) -> None:
    handle, first = await asked(sagas, -8000)
    credited(sagas, -8000, -500)

    await sagas.resolve(handle, first, Action.APPROVE)

    second = await sagas.exception("chg_1")
    assert second.exception_id != first
    assert "a credit of 85.00 EUR" in second.message
    assert posted(sagas) == [20000]
    await sagas.resolve(handle, second.exception_id, Action.APPROVE)
    assert (await handle.result()).outcome == "completed"
    assert posted(sagas) == [20000, -8500]
    assert len(await approvals(sagas)) == 2


async def test_what_no_longer_needs_a_yes_passes_without(sagas: Sagas) -> None:
    handle, first = await asked(sagas, -8000)
    credited(sagas, -8000, 7000)
    await sagas.resolve(handle, first, Action.APPROVE)
    assert (await handle.result()).outcome == "completed"
    assert posted(sagas) == [20000, -1000]


async def test_a_yes_outlives_a_fault_behind_it(sagas: Sagas) -> None:
    handle, first = await asked(sagas, -8000)
    sagas.systems.script.faults["erp.post"] = [refused(RejectionCode.PERIOD_CLOSED)]
    await sagas.resolve(handle, first, Action.APPROVE)

    closed = await sagas.exception("chg_1")
    assert closed.code == "period_closed"
    await sagas.resolve(handle, closed.exception_id, Action.RETRY)

    assert (await handle.result()).outcome == "completed"
    assert posted(sagas) == [20000, -8000]


async def test_a_yes_is_for_one_change(sagas: Sagas) -> None:
    handle, first = await asked(sagas, -8000)
    sagas.systems.script.faults["support.publish"] = [refused(RejectionCode.SUPPORT_REFUSED)]
    await sagas.resolve(handle, first, Action.APPROVE)
    failed = await sagas.exception("chg_1")
    await sagas.resolve(handle, failed.exception_id, Action.ABORT)
    assert (await handle.result()).outcome == "compensated"

    await sagas.start("chg_2")
    again = await sagas.exception("chg_2")
    assert again.code == "approval_needed"
    assert sum(posted(sagas)) == 20000


@pytest.mark.parametrize("minors", [(-2000,), (-8000, 6000), (-1,), (500,), (-8000, 8000)])
async def test_small_credits_and_charges_pass(sagas: Sagas, minors: tuple[int, ...]) -> None:
    credited(sagas, *minors)
    assert (await sagas.finish("chg_1")).outcome == "completed"
    assert sum(posted(sagas)) == 20000 + sum(minors)


async def test_a_cent_above_the_limit_is_asked_about(sagas: Sagas) -> None:
    await asked(sagas, -2001)


async def test_aborting_posts_nothing_and_changes_nothing(sagas: Sagas) -> None:
    held = await sagas.grants()
    handle, exception_id = await asked(sagas, -8000)

    await sagas.resolve(handle, exception_id, Action.ABORT)

    assert (await handle.result()).outcome == "cancelled"
    assert posted(sagas) == [20000]
    assert await sagas.grants() == held
    assert await approvals(sagas) == []


async def test_cancelling_while_it_waits_posts_nothing(sagas: Sagas) -> None:
    handle, _ = await asked(sagas, -8000)
    await handle.cancel()
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    assert posted(sagas) == [20000]
    change = await sagas.change("chg_1")
    assert (change.state, change.outcome) == ("settled", "cancelled")


@pytest.mark.parametrize(
    "action", [Action.RETRY, Action.CORRECT, Action.EXTEND, Action.CREDIT, Action.WRITE_OFF]
)
async def test_other_decisions_are_refused_and_say_which_fit(sagas: Sagas, action: Action) -> None:
    handle, exception_id = await asked(sagas, -8000)
    with pytest.raises(WorkflowUpdateFailedError) as refusal:
        await sagas.resolve(handle, exception_id, action)
    assert (
        f"exception {exception_id} (approval_needed) takes approve, abort, not {action.value}"
        in str(refusal.value.cause)
    )
    assert posted(sagas) == [20000]


@pytest.mark.parametrize("action", [Action.APPROVE, Action.EXTEND, Action.CREDIT, Action.WRITE_OFF])
async def test_an_approval_answers_no_other_exception(sagas: Sagas, action: Action) -> None:
    credited(sagas, -1000)
    sagas.systems.script.faults["erp.check"] = [refused(RejectionCode.PERIOD_CLOSED)]
    handle = await sagas.start("chg_1")
    waiting = await sagas.exception("chg_1")
    with pytest.raises(WorkflowUpdateFailedError) as refusal:
        await sagas.resolve(handle, waiting.exception_id, action)
    assert "(period_closed) takes retry, correct, abort" in str(refusal.value.cause)
    await sagas.resolve(handle, waiting.exception_id, Action.RETRY)
    assert (await handle.result()).outcome == "completed"


async def test_a_person_sees_what_is_at_risk(sagas: Sagas) -> None:
    await asked(sagas, -8000)
    waiting = await sagas.exception("chg_1")
    assert waiting.at_risk is not None
    assert waiting.at_risk.minor == -8000
