"""What would happen, against what then does; and nothing is done by asking."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from temporalio.testing import WorkflowEnvironment

from canonical_models.batch import BatchState, ItemOutcome
from canonical_models.exceptions import Action, DocumentCorrection, Resolution
from canonical_models.failures import TransientFailure
from canonical_models.mapping import ItemMapping
from canonical_models.preview import Comes, Mend
from canonical_models.states import ChangeOutcome
from operations import batches, preview
from operations.context import AppContext
from operations.errors import Invalid, NotFound
from persistence.database import Database
from tests.adoption.golive import WRITES
from tests.api.stuck import Stuck, stuck
from tests.batches.bulk import Bulk, at_work
from tests.harness.deciding import taken
from tests.harness.sagas import Sagas, sagas_at_work
from tests.harness.subscriptions import ACCOUNT, ITEMS
from tests.harness.systems import Planned, Systems
from tests.harness.waiting import until

NEW = ItemMapping(item="new", erp_item="NEW", included=("assistant",))
MEND = Mend(item=NEW)
#: What a preview that is kept writes of itself.
OWN = ("batches", "batch_items", "processes")


@pytest.fixture
async def bulk(temporal: WorkflowEnvironment, database: Database) -> AsyncIterator[Bulk]:
    async with (
        sagas_at_work(temporal.client, database, Systems()) as working,
        at_work(working) as made,
    ):
        yield made


@pytest.fixture
def sagas(bulk: Bulk) -> Sagas:
    return bulk.sagas


@pytest.fixture
def context(bulk: Bulk) -> AppContext:
    return bulk.context


async def resting(sagas: Sagas) -> dict[str, list[str]]:
    """Everything, once no saga is at work any more: both tracks of one have come to rest."""
    seen: list[dict[str, list[str]]] = [{}]

    async def rests() -> bool:
        seen.append(await everything(sagas))
        return len(seen) > 5 and seen[-1] == seen[-5]

    await until(rests, "all sagas rest", seconds=60, every=0.3)
    return seen[-1]


async def everything(sagas: Sagas) -> dict[str, list[str]]:
    """Every row of every table, but those that a preview is kept in."""
    async with sagas.database.statement() as conn:
        names = await conn.execute("select tablename from pg_tables where schemaname = 'public'")
        held = {}
        for (name,) in await names.fetchall():
            if name not in OWN:
                rows = await conn.execute(f"select t::text from {name} t order by 1".encode())
                held[name] = [row[0] for row in await rows.fetchall()]
        return held


async def corrected(sagas: Sagas, of: Stuck) -> None:
    key = of.exception.exception_id
    decided = Resolution(exception_id=key, action=Action.CORRECT, by="tester", item=NEW)
    await taken(sagas.database, "acme", decided, seconds=60)


def written(sagas: Sagas) -> list[str]:
    return [call for call in sagas.systems.script.calls if call in WRITES]


async def test_it_says_what_the_saga_then_does(sagas: Sagas, context: AppContext) -> None:
    waiting = await stuck(sagas)
    held, did = await resting(sagas), written(sagas)
    foreseen = await preview.of_exception(context, "acme", waiting.exception.exception_id, MEND)
    assert await everything(sagas) == held
    assert written(sagas) == did

    assert (foreseen.comes, foreseen.why) == (Comes.GOES_THROUGH, None)
    (document,) = foreseen.documents
    assert document.document_id == waiting.document_id
    assert [line.item for line in document.lines] == ["NEW"]
    assert document.gross == document.net
    assert str(document.gross) == "50.00 EUR"

    again = await preview.of_exception(context, "acme", waiting.exception.exception_id, MEND)
    assert (again.digest, again.documents) == (foreseen.digest, foreseen.documents)

    await corrected(sagas, waiting)
    assert (await waiting.handle.result()).outcome == ChangeOutcome.COMPLETED
    (posted,) = [
        each for each in sagas.systems.erp.documents if waiting.document_id in each.external_id
    ]
    assert (posted.net, posted.legal_entity, posted.party) == (
        document.net,
        document.legal_entity,
        document.party,
    )


async def test_another_mend_is_another_plan(sagas: Sagas, context: AppContext) -> None:
    waiting = await stuck(sagas)
    one, other = [
        await preview.of_exception(context, "acme", waiting.exception.exception_id, mend)
        for mend in (MEND, Mend(item=NEW.model_copy(update={"erp_item": "OTHER"})))
    ]
    assert one.digest != other.digest
    assert [line.item for line in other.documents[0].lines] == ["OTHER"]


async def test_what_is_still_missing_is_named(sagas: Sagas, context: AppContext) -> None:
    waiting = await stuck(sagas)
    foreseen = await preview.of_exception(context, "acme", waiting.exception.exception_id, Mend())
    assert foreseen.comes is Comes.THEN_WAITS
    assert (foreseen.code, foreseen.about) == ("item_unmapped", waiting.exception.subject)


async def test_what_is_away_is_not_told(sagas: Sagas, context: AppContext) -> None:
    waiting = await stuck(sagas)
    sagas.systems.script.faults["billing.snapshot"] = [
        Planned(lambda: TransientFailure("away", system="billing"))
    ]
    foreseen = await preview.of_exception(context, "acme", waiting.exception.exception_id, MEND)
    assert (foreseen.comes, foreseen.why) == (Comes.UNTOLD, "away")


async def test_what_is_closed_is_not_affected(sagas: Sagas, context: AppContext) -> None:
    waiting = await stuck(sagas)
    key = waiting.exception.exception_id
    await corrected(sagas, waiting)
    await waiting.handle.result()
    foreseen = await preview.of_exception(context, "acme", key, Mend())
    assert foreseen.comes is Comes.NOT_AFFECTED
    assert foreseen.why == "it was closed by tester: correct"


async def test_a_mend_of_something_else_is_refused(sagas: Sagas, context: AppContext) -> None:
    waiting = await stuck(sagas)
    key = waiting.exception.exception_id
    other = Mend(item=NEW.model_copy(update={"item": "another"}))
    with pytest.raises(Invalid, match="maps something else"):
        await preview.of_exception(context, "acme", key, other)
    other = Mend(document=DocumentCorrection(document_id="in_none", tax_code="DE-RC"))
    with pytest.raises(Invalid, match="documents of"):
        await preview.of_exception(context, "acme", key, other)
    with pytest.raises(NotFound):
        await preview.of_exception(context, "acme", "exc_none", MEND)


async def test_a_saga_at_work_on_the_same_goes_first(sagas: Sagas, context: AppContext) -> None:
    waiting = await stuck(sagas)
    async with sagas.database.transaction() as conn:
        await conn.execute("select 1 from documents for update")
        await conn.execute(
            "select pg_advisory_xact_lock(hashtextextended('mapping/acme/item/new', 0))"
        )
        foreseen = await preview.of_exception(context, "acme", waiting.exception.exception_id, MEND)
    assert foreseen.comes is Comes.UNTOLD
    assert "at work on it" in (foreseen.why or "")


async def several(sagas: Sagas, count: int) -> list[Stuck]:
    return [await stuck(sagas) for _ in range(count)]


async def ended(context: AppContext, made: preview.CausePreview) -> preview.CausePreview:
    async def so() -> bool:
        found = await preview.show(context, "acme", made.batch.batch_id)
        return found.batch.state is BatchState.ENDED

    await until(so, "the preview is whole", seconds=60)
    return await preview.show(context, "acme", made.batch.batch_id)


async def test_a_cause_is_foreseen_case_by_case(sagas: Sagas, context: AppContext) -> None:
    waiting = await several(sagas, 5)
    key = waiting[0].exception.cause_id
    assert {each.exception.cause_id for each in waiting} == {key}
    held, did = await resting(sagas), written(sagas)
    made = await preview.of_cause(context, "acme", key, MEND, by="fay")
    found = await ended(context, made)
    assert await everything(sagas) == held
    assert written(sagas) == did

    assert found.comes == {Comes.GOES_THROUGH: 5}
    (total,) = found.totals
    assert (total.documents, str(total.gross), total.legal_entity) == (5, "250.00 EUR", "LE-DE")
    items = (await batches.items(context, "acme", made.batch.batch_id)).items
    assert [item.key for item in items] == [each.exception.exception_id for each in waiting]
    kept: list[dict[str, Any]] = [item.found or {} for item in items]
    assert all(each["digest"] and each["documents"][0]["digest"] for each in kept)


async def test_a_case_that_was_closed_meanwhile_is_told(sagas: Sagas, context: AppContext) -> None:
    waiting = await several(sagas, 2)
    async with sagas.database.transaction() as conn:
        await conn.execute(
            "update exceptions set state = 'resolved', resolution = 'retry', "
            "resolved_by = 'sam', resolved_at = now() where id = %s",
            (waiting[0].exception.exception_id,),
        )
    made = await preview.of_cause(context, "acme", waiting[0].exception.cause_id, MEND, by="fay")
    assert (await ended(context, made)).batch.counts == {ItemOutcome.DONE: 1}
    with pytest.raises(NotFound, match="no open exception has the cause"):
        await preview.of_cause(context, "acme", "0" * 16, MEND, by="fay")


async def test_a_mapping_is_foreseen_over_what_it_is_about(
    sagas: Sagas, context: AppContext
) -> None:
    for number in (1, 2):
        await (await sagas.sell(number)).result()
    held, did = await resting(sagas), written(sagas)
    other = ITEMS["pro"].model_copy(update={"included": ("sso", "audit")})
    made = await preview.of_mapping(context, "acme", other, by="fay")
    found = await ended(context, made)
    assert await everything(sagas) == held
    assert written(sagas) == did
    assert found.comes == {Comes.GOES_THROUGH: 2}
    items = (await batches.items(context, "acme", made.batch.batch_id)).items
    gives = [(item.found or {})["features"] for item in items]
    assert [item.key for item in items] == ["sub_1", "sub_2"]
    assert all("audit" in each for each in gives)
    nobody = ACCOUNT.model_copy(update={"billing_customer": "cus_none"})
    with pytest.raises(Invalid, match="no subscription is known"):
        await preview.of_mapping(context, "acme", nobody, by="fay")


async def test_a_replay_is_foreseen_the_same_way(sagas: Sagas, context: AppContext) -> None:
    await (await sagas.sell(1)).result()
    again = await preview.of_subject(context, "acme", "sub_1", ("in_1",))
    assert (again.comes, again.documents) == (Comes.GOES_THROUGH, ())
    new = await preview.of_subject(context, "acme", "account:cus_1")
    assert (new.comes, new.summary) == (Comes.GOES_THROUGH, "already agreed everywhere")
