"""Books and access have a question each: one never holds up what only the other needs."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from temporalio.testing import WorkflowEnvironment

from canonical_models.commerce import Subscription, SubscriptionStatus
from canonical_models.exceptions import Action, Track
from canonical_models.failures import RejectionCode
from canonical_models.policy import TenantPolicy
from canonical_models.views import ExceptionView
from persistence import exceptions
from persistence.database import Database
from tests.harness.sagas import Handle, Sagas, sagas_at_work
from tests.harness.subscriptions import (
    ITEMS,
    invoice,
    item,
    line,
    paid,
    payment,
    snapshot,
    subscription,
)
from tests.harness.systems import Systems, refused
from tests.harness.waiting import until
from workflows.names import NEWER_CHANGE

FIRST = invoice(line("il_1", 5000, "starter"), key="in_1")
SECOND = invoice(line("ii_2", 7500), key="in_2")
STARTER = subscription(item("starter", 5, 1000))
PRO = subscription(item("pro", 5))
GONE = subscription(item("pro", 5), status=SubscriptionStatus.CANCELLED)
HELD = (("seats", 5),)
BOUGHT = (("seats", 5), ("sso", 1))

AFTER_POSTING = TenantPolicy(access="after_posting")


@pytest.fixture(params=[TenantPolicy()])
async def sagas(
    request: pytest.FixtureRequest, temporal: WorkflowEnvironment, database: Database
) -> AsyncIterator[Sagas]:
    """`starter` has been sold and agreed; `pro` has been bought since."""
    async with sagas_at_work(temporal.client, database, Systems(policy=request.param)) as working:
        working.systems.billing.snapshots["sub_1"] = snapshot(STARTER, FIRST)
        assert (await working.finish("chg_0")).outcome == "completed"
        shows(working, PRO)
        working.systems.script.calls.clear()
        yield working


after_posting = pytest.mark.parametrize("sagas", [AFTER_POSTING], indirect=True)


def shows(sagas: Sagas, now: Subscription) -> None:
    sagas.systems.billing.snapshots["sub_1"] = snapshot(now, FIRST, SECOND)


def posted(sagas: Sagas) -> list[int]:
    return [document.net.minor for document in sagas.systems.erp.documents]


async def ever_asked(sagas: Sagas) -> list[ExceptionView]:
    async with sagas.database.transaction() as conn:
        return [*await exceptions.page(conn, "acme", state=None, change_id="chg_1")]


async def both_asked(sagas: Sagas) -> tuple[Handle, dict[str, str]]:
    """The saga that waits twice, and its exceptions by track."""
    faults = sagas.systems.script.faults
    faults["erp.post"] = [refused(RejectionCode.PERIOD_CLOSED)]
    faults["support.publish"] = [refused(RejectionCode.SUPPORT_REFUSED, "support")]
    handle = await sagas.start("chg_1")
    asked = {step: await sagas.exception("chg_1", step=step) for step in ("books", "access")}
    assert {step: (each.track, each.code, each.owner) for step, each in asked.items()} == {
        "books": (Track.BOOKS.value, "period_closed", "finance"),
        "access": (Track.ACCESS.value, "support_refused", "support"),
    }
    return handle, {step: each.exception_id for step, each in asked.items()}


@pytest.mark.parametrize("first", ["books", "access"])
async def test_two_questions_are_open_and_each_is_answered_by_its_own_id(
    sagas: Sagas, first: str
) -> None:
    handle, asked = await both_asked(sagas)
    second = "access" if first == "books" else "books"
    # What is not answered would be refused once more.
    sagas.systems.script.faults |= {
        "books": {"support.publish": [refused(RejectionCode.SUPPORT_REFUSED, "support")]},
        "access": {"erp.post": [refused(RejectionCode.PERIOD_CLOSED)]},
    }[first]

    await sagas.resolve(handle, asked[first], Action.RETRY)

    async def only_the_other() -> bool:
        async with sagas.database.transaction() as conn:
            still = await exceptions.page(conn, "acme", change_id="chg_1")
        return [each.exception_id for each in still] == [asked[second]]

    await until(only_the_other, "the other question is still asked, under the same id")
    if first == "books":
        await until(lambda: _is_posted(sagas), "the books are right")
    else:
        await sagas.shown("premium")

    async def waits_still() -> bool:
        return (await sagas.change("chg_1")).state == "waiting"

    # It takes no place in flight, and hears of newer changes.
    await until(waits_still, "it waits for one person still")

    await sagas.resolve(handle, asked[second], Action.RETRY)

    assert (await handle.result()).outcome == "completed"
    assert posted(sagas) == [5000, 7500]
    assert sagas.systems.support.shown["cus_1"].tier == "premium"
    assert len(await ever_asked(sagas)) == 2


async def _is_posted(sagas: Sagas) -> bool:
    return (await sagas.record("in_2")).in_books


async def test_aborting_one_question_undoes_both_tracks_and_closes_the_other(
    sagas: Sagas,
) -> None:
    handle, asked = await both_asked(sagas)
    await sagas.resolve(handle, asked["access"], Action.ABORT)
    assert (await handle.result()).outcome == "compensated"
    assert posted(sagas) == [5000]
    await sagas.given(*HELD)
    closed = {each.exception_id: each.resolution for each in await ever_asked(sagas)}
    assert closed == {asked["access"]: "abort", asked["books"]: "cancelled"}


async def test_what_a_decision_brings_is_used_though_a_plan_is_being_made(sagas: Sagas) -> None:
    """One question is answered, and while all is planned again the other one is: with a mapping
    that the plan in the making does not know."""
    script = sagas.systems.script
    more = subscription(item("pro", 5), item("new", 1, key="si_2"))
    shows(sagas, more)
    script.faults["erp.post"] = [refused(RejectionCode.PERIOD_CLOSED)]
    handle = await sagas.start("chg_1")
    books = await sagas.exception("chg_1", step="books")
    access = await sagas.exception("chg_1", step="access")
    assert (books.code, access.code) == ("period_closed", "item_unmapped")

    script.seconds = 1
    looks = script.calls.count("support.organization")
    retried = asyncio.create_task(sagas.resolve(handle, books.exception_id, Action.RETRY))

    async def master_data_is_read() -> bool:
        return script.calls.count("support.organization") > looks

    await until(master_data_is_read, "the plan is in the making")
    mapping = ITEMS["ai"].model_copy(update={"item": "new"})
    await sagas.resolve(handle, access.exception_id, Action.CORRECT, item=mapping)
    script.seconds = 0
    await retried

    assert (await handle.result()).outcome == "completed"
    await sagas.given(*BOUGHT, ("assistant", 1))
    assert len(await ever_asked(sagas)) == 2


@after_posting
async def test_access_after_posting_waits_for_the_books(sagas: Sagas) -> None:
    script = sagas.systems.script
    script.faults["erp.check"] = [refused(RejectionCode.PERIOD_CLOSED)] * 2
    handle = await sagas.start("chg_1")
    first = await sagas.exception("chg_1", step="books")
    # The same plan once more, and the same answer.
    await sagas.resolve(handle, first.exception_id, Action.RETRY)
    second = await sagas.exception("chg_1", step="books")
    # The same question, with its clock.
    assert (second.exception_id, second.due_at) == (first.exception_id, first.due_at)
    await sagas.given(*HELD)

    await sagas.resolve(handle, second.exception_id, Action.RETRY)

    assert (await handle.result()).outcome == "completed"
    await sagas.given(*BOUGHT)
    # Nothing was given before the ERP had the document.
    assert script.calls.index("erp.post") < script.calls.index("support.publish")
    given = (await sagas.effects("chg_1"))["entitlements.grants"]
    document = (await sagas.effects("chg_1"))["erp.document/in_2"]
    assert given.confirmed_at is not None
    assert document.confirmed_at is not None
    assert given.confirmed_at > document.confirmed_at


@after_posting
async def test_what_billing_has_ended_is_taken_without_waiting(sagas: Sagas) -> None:
    shows(sagas, GONE)
    sagas.systems.script.faults["erp.check"] = [refused(RejectionCode.PERIOD_CLOSED)]
    handle = await sagas.start("chg_1")
    waiting = await sagas.exception("chg_1", step="books")

    await sagas.given()
    await sagas.shown(None)

    assert posted(sagas) == [5000]
    await sagas.resolve(handle, waiting.exception_id, Action.RETRY)
    assert (await handle.result()).outcome == "completed"


@after_posting
async def test_what_was_to_be_given_later_is_not_given_to_who_leaves_meanwhile(
    sagas: Sagas,
) -> None:
    sagas.systems.script.faults["erp.check"] = [refused(RejectionCode.PERIOD_CLOSED)] * 2
    handle = await sagas.start("chg_1")
    waiting = await sagas.exception("chg_1", step="books")
    await sagas.given(*HELD)
    shows(sagas, GONE)

    await handle.signal(NEWER_CHANGE)

    await sagas.given()
    await sagas.resolve(handle, waiting.exception_id, Action.RETRY)
    assert (await handle.result()).outcome == "completed"
    assert sagas.systems.support.shown["cus_1"].tier is None
    assert posted(sagas) == [5000, 7500]


async def test_who_leaves_behind_a_question_about_the_proof_loses_access_at_once(
    sagas: Sagas,
) -> None:
    """All is done, and the ERP does not say what billing says: that is asked until it does."""
    sagas.systems.billing.snapshots["sub_1"] = snapshot(
        PRO, FIRST, paid(SECOND, payment(500, of="in_2"))
    )
    sagas.systems.script.on_call = lambda call: _pays_twice(sagas, call)
    handle = await sagas.start("chg_1")
    waiting = await sagas.exception("chg_1", step="prove and write back")
    assert (waiting.code, waiting.track) == ("outcome_mismatch", Track.PROCESS.value)
    await sagas.given(*BOUGHT)

    sagas.systems.billing.snapshots["sub_1"] = snapshot(
        GONE, FIRST, paid(SECOND, payment(500, of="in_2"))
    )
    await handle.signal(NEWER_CHANGE)

    await sagas.given()
    await sagas.shown(None)

    async def proven_again() -> bool:
        return sagas.systems.script.calls.count("erp.read") > reads

    reads = sagas.systems.script.calls.count("erp.read")
    await handle.signal(NEWER_CHANGE)
    await until(proven_again, "all is looked at again")
    (still,) = await ever_asked(sagas)
    assert (still.exception_id, still.state) == (waiting.exception_id, "open")

    # Nobody decides: the ERP is mended, and the next news finds it so.
    sagas.systems.erp.entries[:] = [
        e for e in sagas.systems.erp.entries if "hand" not in e.external_id
    ]
    await handle.signal(NEWER_CHANGE)
    assert (await handle.result()).outcome == "completed"
    (closed,) = await ever_asked(sagas)
    assert (closed.state, closed.resolved_by) == ("resolved", "trueup")


def _pays_twice(sagas: Sagas, call: str) -> None:
    if call == "erp.read":
        sagas.systems.script.on_call = None
        sagas.systems.erp.pay_by_hand("2", 500)
