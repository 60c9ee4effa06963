"""A release undone: what it has posted is taken back, one first; what held before holds again; what
is settled or credited stays, and says why."""

import pytest

from canonical_models.acts import ADMIN
from canonical_models.batch import BatchState, ItemOutcome
from canonical_models.mapping import ItemMapping
from canonical_models.money import Money
from canonical_models.records import HoldKind, RecordState
from canonical_models.states import ChangeState
from operations import batches, deciding, decisions, releases, undoing_releases
from operations.decisions import TakeBackRequest
from operations.errors import Conflict, Invalid, NotFound
from operations.permissions import Forbidden, Principal
from operations.undoing_releases import ReleaseUndoAsked
from persistence import documents, mappings
from tests.api.stuck import Stuck
from tests.batches.bulk import Bulk
from tests.harness.flow import write
from tests.harness.waiting import until
from tests.releases.test_releases import NEW, in_force, looked_at, released, several

FAY = Principal("acme", "fay", frozenset({ADMIN}))
ASKED = ReleaseUndoAsked(reason="it is another article", rate=6000)


async def gone_through(bulk: Bulk, count: int) -> tuple[str, list[Stuck]]:
    """A release at its end, and its cases."""
    waiting = await several(bulk, count)
    made = await released(bulk, await looked_at(bulk, waiting[0]))
    key = made.batch.batch_id
    if count > 1:
        await bulk.came_to(key, BatchState.PAUSED)
        await batches.resume(bulk.context, "acme", key)
    await bulk.came_to(key, BatchState.ENDED)
    return key, waiting


def in_erp(bulk: Bulk, of: Stuck) -> list[int]:
    """The sums of all that the ERP has for it, in its order."""
    return [
        each.gross.minor
        for each in bulk.sagas.systems.erp.documents
        if each.external_id.partition("/")[0] == of.document_id
    ]


async def settled(bulk: Bulk, change_id: str) -> None:
    async def there() -> bool:
        return (await bulk.sagas.change(change_id)).state is ChangeState.SETTLED

    await until(there, f"{change_id} is settled", seconds=60)


async def test_one_is_taken_back_alone_and_then_all_are(bulk: Bulk) -> None:
    release, waiting = await gone_through(bulk, 3)
    assert await in_force(bulk)
    would = await undoing_releases.foresee(bulk.context, "acme", release)
    assert (would.many, would.totals) == (3, (Money(minor=15000, currency="EUR"),))
    (back,) = would.mappings
    assert (back.kind, back.source, back.holds, back.before) == ("item", "new", True, None)

    hands_off = Principal("acme", "kit", frozenset({"invoices:decide"}))
    with pytest.raises(Forbidden):
        await undoing_releases.begin(bulk.context, "acme", release, ASKED, who=hands_off)

    chosen = ASKED.model_copy(update={"first": waiting[1].document_id})
    made = await undoing_releases.begin(bulk.context, "acme", release, chosen, who=FAY)
    assert made.trial
    with pytest.raises(Conflict, match=made.batch_id):
        await undoing_releases.begin(bulk.context, "acme", release, ASKED, who=FAY)
    paused = await bulk.came_to(made.batch_id, BatchState.PAUSED)
    assert paused.counts == {ItemOutcome.DONE: 1, ItemOutcome.NOT_BEGUN: 2}
    assert [in_erp(bulk, each) for each in waiting] == [[5000], [5000, -5000], [5000]]
    assert await in_force(bulk)

    await batches.resume(bulk.context, "acme", made.batch_id)
    ended = await bulk.came_to(made.batch_id, BatchState.ENDED)
    assert ended.counts == {ItemOutcome.DONE: 3}
    assert [in_erp(bulk, each) for each in waiting] == [[5000, -5000]] * 3
    assert not await in_force(bulk)
    async with bulk.sagas.database.statement() as conn:
        for each in waiting:
            record = await documents.get(conn, "acme", each.document_id)
            assert record is not None
            assert (record.state, record.in_books) == (RecordState.REVERSED, False)
            assert record.hold is not None
            assert (record.hold.kind, record.hold.by) == (HoldKind.ABORTED, "fay")
            assert "it is another article" in record.hold.reason
        found = await conn.execute(
            "select action, decided_by, count(*) from decisions "
            "where action in ('take_back', 'undo_release') group by 1, 2 order by 1"
        )
        assert await found.fetchall() == [("take_back", "fay", 3), ("undo_release", "fay", 1)]

    again = await undoing_releases.foresee(bulk.context, "acme", release)
    assert (again.many, {each.why for each in again.documents}) == (
        0,
        {"does not stand in the books"},
    )
    with pytest.raises(Invalid, match="nothing that can be taken back"):
        await undoing_releases.begin(bulk.context, "acme", release, ASKED, who=FAY)

    # Released, it is posted once the item has its article.
    async with bulk.sagas.database.transaction() as conn:
        await mappings.put(conn, "acme", NEW, by="fay")
    one = waiting[0]
    decided = await deciding.decide(
        bulk.context, "acme", one.document_id, decisions.release(by="fay")
    )
    assert decided.change_id is not None
    await settled(bulk, decided.change_id)
    assert in_erp(bulk, one) == [5000, -5000, 5000]


async def test_what_held_before_the_release_holds_again(bulk: Bulk) -> None:
    old = ItemMapping(item="new", erp_item="OLD")
    async with bulk.sagas.database.transaction() as conn:
        await mappings.put(conn, "acme", old, by="ann")
        await mappings.end(conn, "acme", old)
    release, _ = await gone_through(bulk, 1)
    # As if it had held until the release began.
    await write(
        bulk.sagas.database,
        "update mappings o set valid_to = n.valid_from from mappings n "
        "where o.target ->> 'erp_item' = 'OLD' and n.target ->> 'erp_item' = 'NEW'",
    )
    (back,) = (await undoing_releases.foresee(bulk.context, "acme", release)).mappings
    assert back.before is not None
    assert back.before["erp_item"] == "OLD"
    made = await undoing_releases.begin(bulk.context, "acme", release, ASKED, who=FAY)
    assert not made.trial
    await bulk.came_to(made.batch_id, BatchState.ENDED)
    async with bulk.sagas.database.statement() as conn:
        now = await mappings.get(conn, "acme", "item", "new")
    assert now is not None
    assert (now.target["erp_item"], now.set_by) == ("OLD", "fay")


async def test_what_was_set_since_stays_and_what_is_settled_since_is_set_aside(bulk: Bulk) -> None:
    release, waiting = await gone_through(bulk, 3)
    newest = ItemMapping(item="new", erp_item="NEWEST")
    async with bulk.sagas.database.transaction() as conn:
        await mappings.put(conn, "acme", newest, by="ann")
    made = await undoing_releases.begin(bulk.context, "acme", release, ASKED, who=FAY)
    await bulk.came_to(made.batch_id, BatchState.PAUSED)
    (paid, *_) = [each for each in waiting if in_erp(bulk, each) == [5000]]
    await write(
        bulk.sagas.database,
        "update documents set posted = jsonb_set(posted, '{open,minor}', '0') "
        "where document_id = %(of)s",
        of=paid.document_id,
    )
    await batches.resume(bulk.context, "acme", made.batch_id)
    ended = await bulk.came_to(made.batch_id, BatchState.ENDED)
    assert ended.counts == {ItemOutcome.DONE: 2, ItemOutcome.SET_ASIDE: 1}
    assert in_erp(bulk, paid) == [5000]
    async with bulk.sagas.database.statement() as conn:
        now = await mappings.get(conn, "acme", "item", "new")
    assert now is not None
    assert now.target["erp_item"] == "NEWEST"
    would = await undoing_releases.foresee(bulk.context, "acme", release)
    reasons = {each.document_id: each.why or "" for each in would.documents}
    assert reasons[paid.document_id].startswith("is settled, at least in part")


async def test_what_cannot_be_undone_is_refused(bulk: Bulk) -> None:
    waiting = await several(bulk, 2)
    made = await released(bulk, await looked_at(bulk, waiting[0]))
    release = made.batch.batch_id
    await bulk.came_to(release, BatchState.PAUSED)
    with pytest.raises(Conflict, match="is paused"):
        await undoing_releases.begin(bulk.context, "acme", release, ASKED, who=FAY)
    await batches.stop(bulk.context, "acme", release, by="fay")
    other = ASKED.model_copy(update={"first": "in_other"})
    with pytest.raises(Invalid, match="in_other is none of the documents"):
        await undoing_releases.begin(bulk.context, "acme", release, other, who=FAY)
    with pytest.raises(NotFound):
        await undoing_releases.foresee(bulk.context, "acme", made.preview)
    # The trial has put nothing in force.
    would = await undoing_releases.foresee(bulk.context, "acme", release)
    assert (would.many, [each.holds for each in would.mappings]) == (1, [False])
    assert (await releases.show(bulk.context, "acme", release)).batch.state is BatchState.STOPPED

    (tried,) = would.documents
    wrong = decisions.take_back(TakeBackRequest(reason="wrong article"), by="fay")
    decided = await deciding.decide(bulk.context, "acme", tried.document_id, wrong)
    assert decided.change_id is not None
    again = await deciding.decide(bulk.context, "acme", tried.document_id, wrong)
    assert not again.changed
    await settled(bulk, decided.change_id)
    (one,) = [each for each in waiting if each.document_id == tried.document_id]
    assert in_erp(bulk, one) == [5000, -5000]
    for each in waiting:
        if each is not one:
            await each.handle.terminate()


async def test_who_undoes_many_says_how_many(bulk: Bulk, monkeypatch: pytest.MonkeyPatch) -> None:
    release, _ = await gone_through(bulk, 2)
    monkeypatch.setattr(undoing_releases, "MANY", 1)
    with pytest.raises(Invalid, match="2 documents would be taken back"):
        await undoing_releases.begin(bulk.context, "acme", release, ASKED, who=FAY)
    counted = ASKED.model_copy(update={"count": 2})
    assert (
        await undoing_releases.begin(bulk.context, "acme", release, counted, who=FAY)
    ).total == 2
