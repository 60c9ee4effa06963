"""A credit above the tenant's limit waits for a person's yes, which is to exactly that document."""

from collections.abc import AsyncIterator

import pytest
from temporalio.client import WorkflowFailureError, WorkflowUpdateFailedError
from temporalio.testing import WorkflowEnvironment

from canonical_models.exceptions import Action
from canonical_models.failures import RejectionCode
from canonical_models.policy import TenantPolicy
from canonical_models.records import HoldKind
from persistence import documents
from persistence.database import Database
from tests.harness.sagas import Handle, Sagas, sagas_at_work
from tests.harness.subscriptions import invoice, item, line, snapshot, subscription
from tests.harness.systems import Systems, refused

LIMIT = TenantPolicy.model_validate(
    {"books": {"approvals": [{"on": "credit", "above": {"EUR": "20.00", "USD": 0}}]}}
)


@pytest.fixture
async def sagas(temporal: WorkflowEnvironment, database: Database) -> AsyncIterator[Sagas]:
    """`pro` has been sold and posted for 200.00."""
    async with sagas_at_work(temporal.client, database, Systems(policy=LIMIT)) as working:
        working.systems.billing.snapshots["sub_1"] = snapshot(
            subscription(item("pro", 5)), invoice(line("il_1", 20000), key="in_0")
        )
        assert (await working.finish("chg_0")).outcome == "completed"
        yield working


def credited(sagas: Sagas, *minors: int, key: str = "in_1") -> None:
    """Billing shows a downgrade whose invoice has these lines."""
    new = [line(f"ii_{n}", minor) for n, minor in enumerate(minors)]
    sagas.systems.billing.snapshots["sub_1"] = snapshot(
        subscription(item("starter", 5, 1000)),
        invoice(line("il_1", 20000), key="in_0"),
        invoice(*new, key=key),
    )


async def asked(sagas: Sagas, *minors: int) -> tuple[Handle, str]:
    credited(sagas, *minors)
    handle = await sagas.start("chg_1")
    waiting = await sagas.exception("chg_1")
    assert (waiting.code, waiting.owner) == (RejectionCode.APPROVAL_NEEDED.value, "finance")
    given = -sum(minor for minor in minors if minor < 0)
    assert f"credits {given / 100:.2f} EUR, more than 20.00 EUR" in waiting.message
    assert waiting.subject == "in_1"
    assert posted(sagas) == [20000]
    return handle, waiting.exception_id


def posted(sagas: Sagas) -> list[int]:
    return [document.net.minor for document in sagas.systems.erp.documents]


async def approvals(sagas: Sagas) -> list[tuple[str, str]]:
    async with sagas.database.statement() as conn:
        found = await conn.execute("select document_id, approved_by from approvals")
        return [(row[0], row[1]) for row in await found.fetchall()]


async def test_exactly_what_was_approved_is_posted(sagas: Sagas) -> None:
    handle, exception_id = await asked(sagas, -9000, 1000)
    assert (await sagas.change("chg_1")).state == "waiting"

    await sagas.resolve(handle, exception_id, Action.APPROVE)

    assert (await handle.result()).outcome == "completed"
    assert posted(sagas) == [20000, -8000]
    assert await approvals(sagas) == [("in_1", "tester")]
    assert {(g.feature, g.quantity) for g in await sagas.grants()} == {("seats", 5)}


async def test_another_document_is_asked_about_again(sagas: Sagas) -> None:
    handle, first = await asked(sagas, -8000)
    credited(sagas, -8000, -500)

    await sagas.resolve(handle, first, Action.APPROVE)

    second = await sagas.exception("chg_1")
    assert second.exception_id != first
    assert "credits 85.00 EUR" in second.message
    assert posted(sagas) == [20000]
    await sagas.resolve(handle, second.exception_id, Action.APPROVE)
    assert (await handle.result()).outcome == "completed"
    assert posted(sagas) == [20000, -8500]
    assert len(await approvals(sagas)) == 2


async def test_what_no_longer_needs_a_yes_passes_without(sagas: Sagas) -> None:
    handle, first = await asked(sagas, -8000)
    credited(sagas, -1000)
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


async def test_a_yes_is_for_one_document_whichever_change_posts_it(sagas: Sagas) -> None:
    handle, first = await asked(sagas, -8000)
    sagas.systems.script.faults["erp.post"] = [refused(RejectionCode.PERIOD_CLOSED)]
    await sagas.resolve(handle, first, Action.APPROVE)
    failed = await sagas.exception("chg_1")
    await sagas.resolve(handle, failed.exception_id, Action.ABORT)
    await handle.result()

    async with sagas.database.transaction() as conn:
        await documents.hold(conn, "acme", "in_1", None)
    assert (await sagas.finish("chg_2", documents=("in_1",))).outcome == "completed"
    assert posted(sagas) == [20000, -8000]


async def test_a_credit_is_not_hidden_by_a_charge_on_another_document(sagas: Sagas) -> None:
    """90.00 that is given beside 90.01 that is charged is asked about."""
    sagas.systems.billing.snapshots["sub_1"] = snapshot(
        subscription(item("starter", 5, 1000)),
        invoice(line("il_1", 20000), key="in_0"),
        invoice(line("ii_1", -9000), key="in_1"),
        invoice(line("ii_2", 9001), key="in_2"),
    )
    await sagas.start("chg_1", documents=("in_1", "in_2"))
    waiting = await sagas.exception("chg_1")
    assert (waiting.code, waiting.subject) == ("approval_needed", "in_1")


async def test_nor_by_one_on_the_same_document(sagas: Sagas) -> None:
    handle, first = await asked(sagas, -9000, 9001)
    await sagas.resolve(handle, first, Action.APPROVE)
    assert (await handle.result()).outcome == "completed"
    assert posted(sagas) == [20000, 1]


@pytest.mark.parametrize("minors", [(-2000,), (-1500, -500, 90000), (-1,), (500,)])
async def test_small_credits_and_charges_pass(sagas: Sagas, minors: tuple[int, ...]) -> None:
    credited(sagas, *minors)
    assert (await sagas.finish("chg_1")).outcome == "completed"
    assert sum(posted(sagas)) == 20000 + sum(minors)


async def test_a_cent_above_the_limit_is_asked_about(sagas: Sagas) -> None:
    await asked(sagas, -2001)


async def test_access_does_not_wait_and_goes_back_where_the_document_is_aborted(
    sagas: Sagas,
) -> None:
    held = await sagas.grants()
    handle, exception_id = await asked(sagas, -8000)
    await sagas.given(("seats", 5))

    await sagas.resolve(handle, exception_id, Action.ABORT)

    assert (await handle.result()).outcome == "compensated"
    assert posted(sagas) == [20000]
    assert await sagas.grants() == held
    assert await approvals(sagas) == []


async def test_what_was_aborted_is_held_and_not_asked_again(sagas: Sagas) -> None:
    handle, exception_id = await asked(sagas, -8000)
    await sagas.resolve(handle, exception_id, Action.ABORT)
    await handle.result()
    kept = await sagas.record("in_1")
    assert kept.hold is not None
    assert (kept.hold.kind, kept.hold.by) == (HoldKind.HELD, "tester")

    assert (await sagas.finish("chg_2", documents=("in_1",))).outcome == "no_change"
    assert posted(sagas) == [20000]

    async with sagas.database.transaction() as conn:
        await documents.hold(conn, "acme", "in_1", None)
    await sagas.start("chg_3", documents=("in_1",))
    assert (await sagas.exception("chg_3")).code == RejectionCode.APPROVAL_NEEDED.value


async def test_cancelling_while_it_waits_posts_nothing(sagas: Sagas) -> None:
    handle, _ = await asked(sagas, -8000)
    await handle.cancel()
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    assert posted(sagas) == [20000]
    change = await sagas.change("chg_1")
    assert (change.state, change.outcome) == ("settled", "compensated")


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
    assert "(period_closed) takes retry, correct, skip, abort" in str(refusal.value.cause)
    await sagas.resolve(handle, waiting.exception_id, Action.RETRY)
    assert (await handle.result()).outcome == "completed"


async def test_a_person_sees_what_is_at_risk(sagas: Sagas) -> None:
    await asked(sagas, -8000)
    waiting = await sagas.exception("chg_1")
    assert waiting.at_risk is not None
    assert waiting.at_risk.minor == -8000
