"""A release, or its undo, as a whole needs a second person where policy says so: until then the one
that is tried goes alone, by whichever door it is pressed on."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from temporalio.testing import WorkflowEnvironment

from canonical_models.acts import ADMIN, Role
from canonical_models.batch import BatchState, ItemOutcome
from canonical_models.policy import TenantPolicy
from operations import batches, preview, release_approving, releases, undoing_releases
from operations.errors import Conflict, NotFound
from operations.permissions import Forbidden, Principal
from operations.release_approving import ReleaseApproval, ReleaseYes
from operations.releases import MoreAsked
from operations.undoing_releases import ReleaseUndoAsked
from persistence import batches as kept
from persistence.database import Database
from runtime.settings import ConnectionSettings, TenantSettings
from tests.batches.bulk import Bulk, at_work
from tests.harness.sagas import sagas_at_work
from tests.harness.systems import Systems
from tests.releases.test_releases import in_force, looked_at, posted, released, several

#: Of two or more cases, somebody else of finance; of more than 1,000 euros, two people.
POLICY = TenantPolicy.model_validate(
    {
        "releases": {
            "approvals": [
                {"cases": 1, "roles": ["finance"]},
                {"above": {"EUR": 1000}, "people": 2},
            ]
        }
    }
)
_ANY = ConnectionSettings(vendor="stripe", base_url="http://127.0.0.1:9", books_from="2026-01-01")


def someone(name: str, *roles: Role) -> Principal:
    return Principal("acme", name, frozenset({ADMIN}), frozenset(roles), person_id=f"per_{name}")


FAY, CHRIS = someone("fay", Role.FINANCE), someone("chris", Role.FINANCE)
OLU = someone("olu", Role.OPERATIONS)
PROGRAM = Principal("acme", "a-program", frozenset({ADMIN}))


@pytest.fixture
async def bulk(temporal: WorkflowEnvironment, database: Database) -> AsyncIterator[Bulk]:
    async with (
        sagas_at_work(temporal.client, database, Systems(policy=POLICY)) as sagas,
        at_work(sagas) as working,
    ):
        settings = TenantSettings(
            billing="one", erp="one", support="one", connections={"one": _ANY}, policy=POLICY
        )
        yield Bulk(sagas, replace(working.context, tenants={"acme": settings}))


async def approved(bulk: Bulk, key: str, who: Principal) -> ReleaseApproval:
    now = await release_approving.show(bulk.context, "acme", key)
    yes = ReleaseYes(digest=now.content, note="checked")
    return await release_approving.approve(bulk.context, "acme", key, yes, who=who)


async def test_only_the_trial_goes_before_a_second_person_has_approved(bulk: Bulk) -> None:
    waiting = await several(bulk, 3)
    made = await released(bulk, await looked_at(bulk, waiting[0]))
    key = made.batch.batch_id
    await bulk.came_to(key, BatchState.PAUSED)
    assert sum(posted(bulk, each) for each in waiting) == 1

    now = await release_approving.show(bulk.context, "acme", key)
    ((need, given, missing),) = [(e.need, e.given, e.missing) for e in now.standing]
    assert (need.why, need.roles, given, missing) == ("is of 3, more than 1", ("finance",), (), 1)
    assert now.caused_by == ("fay",)
    (listed,) = await release_approving.waiting(bulk.context, "acme")
    assert listed.batch.batch_id == key
    with pytest.raises(Conflict, match="is of 3, more than 1: it needs the yes of 1 person of fin"):
        await batches.resume(bulk.context, "acme", key)
    # Whoever has it run past the operation meets the worker.
    async with bulk.sagas.database.transaction() as conn:
        assert await kept.resume(conn, "acme", key)
    paused = await bulk.came_to(key, BatchState.PAUSED)
    assert paused.why == "it is of 3, more than 1: it waits for a yes"
    assert paused.counts == {ItemOutcome.DONE: 1, ItemOutcome.NOT_BEGUN: 2}
    assert not await in_force(bulk)

    for nobody, why in (
        (FAY, "fay has caused release"),
        (OLU, "olu may not approve release"),
        (PROGRAM, "a-program may not approve release"),
    ):
        with pytest.raises(Forbidden, match=why):
            await approved(bulk, key, nobody)
    other = ReleaseYes(digest="0" * 64)
    with pytest.raises(Conflict, match="something else than what was looked at") as refused:
        await release_approving.approve(bulk.context, "acme", key, other, who=CHRIS)
    assert refused.value.facts == {"digest": now.content}
    assert not (await approved(bulk, key, CHRIS)).missing
    with pytest.raises(Conflict, match="chris has approved release"):
        await approved(bulk, key, CHRIS)
    assert await release_approving.waiting(bulk.context, "acme") == ()
    await batches.resume(bulk.context, "acme", key)
    ended = await bulk.came_to(key, BatchState.ENDED)
    assert ended.counts == {ItemOutcome.DONE: 3}
    assert [posted(bulk, each) for each in waiting] == [1, 1, 1]
    with pytest.raises(Conflict, match="is ended"):
        await approved(bulk, key, someone("kim", Role.FINANCE))
    async with bulk.sagas.database.statement() as conn:
        found = await conn.execute(
            "select decided_by, reason, shown_digest from decisions where target_kind = 'batch'"
        )
        assert await found.fetchall() == [("chris", "checked", now.content)]

    # Its undo is looked at by a second person as well.
    asked = ReleaseUndoAsked(reason="another article", rate=6000)
    undo = await undoing_releases.begin(bulk.context, "acme", key, asked, who=CHRIS)
    await bulk.came_to(undo.batch_id, BatchState.PAUSED)
    with pytest.raises(Conflict, match=f"undo {undo.batch_id} is of 3, more than 1"):
        await batches.resume(bulk.context, "acme", undo.batch_id)
    with pytest.raises(Forbidden, match="chris has caused"):
        await approved(bulk, undo.batch_id, CHRIS)
    await approved(bulk, undo.batch_id, FAY)
    await batches.resume(bulk.context, "acme", undo.batch_id)
    back = await bulk.came_to(undo.batch_id, BatchState.ENDED)
    assert back.counts == {ItemOutcome.DONE: 3}


async def test_what_joins_is_asked_about_with_all_of_it(bulk: Bulk) -> None:
    waiting = await several(bulk, 2)
    made = await released(bulk, await looked_at(bulk, waiting[0]))
    key = made.batch.batch_id
    await bulk.came_to(key, BatchState.PAUSED)
    assert not (await approved(bulk, key, CHRIS)).missing

    waiting += await several(bulk, 1)
    seen = await releases.look_at_joined(bulk.context, "acme", key, by="dan")
    await bulk.came_to(seen.batch.batch_id, BatchState.ENDED)
    await preview.show(bulk.context, "acme", seen.batch.batch_id)
    await releases.add(bulk.context, "acme", key, MoreAsked(preview=seen.batch.batch_id))
    now = await release_approving.show(bulk.context, "acme", key)
    assert (now.missing, now.before, now.caused_by) == (True, ("chris",), ("dan", "fay"))
    with pytest.raises(Conflict, match="is of 3, more than 1"):
        await batches.resume(bulk.context, "acme", key)
    with pytest.raises(Forbidden, match="dan has caused"):
        await approved(bulk, key, someone("dan", Role.FINANCE))
    await approved(bulk, key, CHRIS)
    await batches.resume(bulk.context, "acme", key)
    ended = await bulk.came_to(key, BatchState.ENDED)
    assert ended.counts == {ItemOutcome.DONE: 3}


async def test_what_is_below_goes_as_ever(bulk: Bulk) -> None:
    (one,) = await several(bulk, 1)
    made = await released(bulk, await looked_at(bulk, one))
    ended = await bulk.came_to(made.batch.batch_id, BatchState.ENDED)
    assert ended.counts == {ItemOutcome.DONE: 1}
    now = await release_approving.show(bulk.context, "acme", made.batch.batch_id)
    assert now.standing == ()
    with pytest.raises(NotFound, match="is no release, and no undo of one"):
        await release_approving.show(bulk.context, "acme", made.preview)
