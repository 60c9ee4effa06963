"""An adoption as a whole: rehearsed, killed, resumed, stopped, and in bounded pages."""

import asyncio
from datetime import timedelta

import pytest
from temporalio.client import WorkflowFailureError

from activities.batch_adopt import PAGE, AdoptingMany
from canonical_models.adoption import AdoptionResult, AdoptionState
from canonical_models.failures import CredentialsRefused, TransientFailure
from persistence import batches
from persistence.batches import AlreadyOpen
from tests.adoption.golive import CUTOVER, GoLive, causes, in_erp, old, sold
from tests.harness.systems import Planned
from tests.harness.waiting import until
from workflows.names import NEWS

AWAY = Planned(lambda: TransientFailure("scripted", system="erp", retry_after=0.01))


async def many(golive: GoLive, count: int) -> None:
    """Each with an open invoice that the ERP has, but for every tenth."""
    numbers = range(1000, 1000 + count)
    await golive.maps(*numbers)
    for number in numbers:
        document = old(f"in_{number}", number=number)
        golive.sells(sold(document, number=number))
        if number % 10:
            golive.systems.erp.documents.append(in_erp(document, str(number), party=f"C-{number}"))


async def test_a_rehearsal_writes_nothing_and_says_the_same(golive: GoLive) -> None:
    await many(golive, 20)
    held, kept = await golive.tables(), len(golive.systems.erp.documents)
    rehearsed = await golive.adopts("ado_1", rehearsal=True)

    assert await golive.tables() == held
    assert golive.written == []
    assert len(golive.systems.erp.documents) == kept
    assert golive.systems.billing.synced == {}
    assert {e.tier for e in golive.systems.support.shown.values()} == {None}

    assert await golive.adopts("ado_2") == rehearsed
    assert (await golive.adoption("ado_1")).counts == (await golive.adoption("ado_2")).counts
    assert set(golive.written) == {"support.publish"}


async def test_one_customer_alone(golive: GoLive) -> None:
    await many(golive, 3)
    found = await golive.adopts("ado_1", customer="cus_1001")
    assert set(found) == {"cus_1001"}
    assert not await golive.agreed("sub_1000")
    assert await golive.adopts("ado_2", customer="cus_none") == {}


async def test_a_worker_that_is_killed_leaves_nothing_undone_or_done_twice(
    golive: GoLive,
) -> None:
    await many(golive, 60)
    script = golive.systems.script
    halted = asyncio.Event()

    def halt(name: str) -> None:
        if name == "billing.account_snapshot" and script.calls.count(name) == 30:
            script.on_call = None
            halted.set()
            # As a worker that dies in the middle of the page.
            raise TransientFailure("the worker has gone", system="trueup", retry_after=0.01)

    script.on_call = halt
    await golive.begin("ado_1", rehearsal=False)
    handle = await golive.start("ado_1")
    await halted.wait()
    await handle.terminate("killed")
    before = set(await golive.found("ado_1"))
    await (await golive.start("ado_1")).result()

    found = await golive.found("ado_1")
    assert len(found) == 60
    assert len(before) < 60
    adoption = await golive.adoption("ado_1")
    assert adoption.state is AdoptionState.ENDED
    assert adoption.counts == {AdoptionResult.AGREED: 54, AdoptionResult.LEFT: 6}
    async with golive.database.statement() as conn:
        rows = await conn.execute(
            "select count(*), count(distinct (customer_id, feature)) from grants"
        )
        assert await rows.fetchone() == (120, 120)


async def test_who_is_done_is_not_looked_at_again(golive: GoLive) -> None:
    await many(golive, 3)
    script = golive.systems.script
    script.faults["erp.find_number"] = [AWAY]
    await golive.adopts("ado_1")
    # The one that could not be reached was tried once more, alone.
    assert script.calls.count("billing.account_snapshot") == 4
    assert script.calls.count("billing.customer_page") == 1


async def test_an_outage_ends_by_itself(golive: GoLive) -> None:
    await many(golive, 5)
    golive.systems.script.faults["erp.find_number"] = [AWAY] * 7
    found = await golive.adopts("ado_1")
    assert [causes(each) for each in found.values()].count([]) == 4
    assert (await golive.adoption("ado_1")).left == 1


async def test_one_that_is_never_reached_is_left_to_people(
    golive: GoLive, monkeypatch: pytest.MonkeyPatch
) -> None:
    await many(golive, 3)
    monkeypatch.setattr("persistence.batches.PATIENCE", 3)
    plain = golive.systems.billing.account_snapshot

    async def refuses(customer_id: str, **more: object) -> object:
        if customer_id == "cus_1001":
            raise TransientFailure("never here", system="billing", retry_after=0.01)
        return await plain(customer_id, **more)  # type: ignore[arg-type]  # as it came

    monkeypatch.setattr(golive.systems.billing, "account_snapshot", refuses)
    found = await golive.adopts("ado_1")
    assert causes(found["cus_1001"]) == ["unreachable"]
    assert "trueup adopt --apply --customer cus_1001" in found["cus_1001"].findings[0].message
    assert causes(found["cus_1002"]) == []


async def test_what_stops_it_waits_until_it_is_resumed(golive: GoLive) -> None:
    await many(golive, 3)
    golive.systems.script.faults["erp.find_number"] = [
        Planned(lambda: CredentialsRefused("the ERP takes no password", system="erp"))
    ]
    await golive.begin("ado_1", rehearsal=False)
    handle = await golive.start("ado_1")
    stopped = await golive.rests("ado_1")
    assert stopped.state is AdoptionState.STOPPED
    assert stopped.error is not None
    assert "the ERP takes no password" in stopped.error

    async with golive.database.transaction() as conn:
        assert await batches.resume(conn, "acme", "ado_1")
    await handle.signal(NEWS)
    await handle.result()
    resumed = await golive.adoption("ado_1")
    assert (resumed.state, resumed.error) == (AdoptionState.ENDED, None)
    assert resumed.customers == 3


async def test_a_worker_of_another_cutover_takes_nobody_over(golive: GoLive) -> None:
    await many(golive, 3)
    await golive.begin_by("ado_1", CUTOVER + timedelta(days=1), rehearsal=False)
    await golive.start("ado_1")
    assert "this worker was started with" in str((await golive.rests("ado_1")).error)
    assert await golive.found("ado_1") == {}
    assert golive.written == []


async def test_an_operator_can_cancel_it(golive: GoLive) -> None:
    await many(golive, 30)
    script = golive.systems.script

    def stands_still(call: str) -> None:
        """The ninth customer begins when one of the first eight is done."""
        if call == "billing.snapshot" and script.calls.count(call) > 8:
            script.seconds = 600

    script.on_call = stands_still
    await golive.begin("ado_1", rehearsal=True)
    handle = await golive.start("ado_1")

    async def begun() -> bool:
        return bool(await golive.found("ado_1"))

    await until(begun, "a customer is done")
    await handle.cancel()
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    cancelled = await golive.adoption("ado_1")
    assert (cancelled.state, cancelled.error) == (
        AdoptionState.STOPPED,
        "cancelled in Temporal by an unnamed operator",
    )
    assert 0 < cancelled.customers < 30


@pytest.mark.slow
@pytest.mark.long
async def test_a_thousand_customers_in_pages(golive: GoLive) -> None:
    await many(golive, 1000)
    await golive.begin("ado_1", rehearsal=False)
    await (await golive.start("ado_1")).result()
    assert len(await golive.found("ado_1")) == 1000
    assert golive.systems.script.calls.count("billing.customer_page") == 1000 // PAGE
    adoption = await golive.adoption("ado_1")
    assert adoption.counts == {AdoptionResult.AGREED: 900, AdoptionResult.LEFT: 100}


async def test_only_one_is_open_at_a_time(golive: GoLive) -> None:
    await golive.begin("ado_1", rehearsal=True)
    with pytest.raises(AlreadyOpen):
        await golive.begin("ado_2", rehearsal=False)


async def test_a_page_is_listed_once_whoever_reads_it(golive: GoLive) -> None:
    """An attempt that was believed to be dead comes late."""
    await many(golive, 3)
    await golive.begin("ado_1", rehearsal=True)
    async with golive.database.statement() as conn:
        batch = await batches.get(conn, "acme", "ado_1")
    assert batch is not None
    adopting = AdoptingMany(golive.database)
    tenant = golive.systems.tenant
    await asyncio.gather(*(adopting.list_on(tenant, batch) for _ in range(3)))
    async with golive.database.statement() as conn:
        listed = await batches.get(conn, "acme", "ado_1")
    assert listed is not None
    assert (listed.listed, listed.total) == (True, 3)
