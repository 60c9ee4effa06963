"""What a release does of each of its cases, by what the case comes to at that moment, on a real
PostgreSQL: handed over as it was looked at, or set aside with the reason."""

from datetime import UTC, datetime
from typing import Any, cast

import pytest

from activities.batch_release import ReleasingMany
from activities.tenants import Tenant
from canonical_models.batch import Batch, BatchKind, BatchState, ItemOutcome
from canonical_models.decisions import DecisionMade, Entrance, Target
from canonical_models.exceptions import Action, DocumentCorrection, Resolution
from canonical_models.mapping import ItemMapping
from canonical_models.preview import Comes, Foreseen, Mend, Overlay
from persistence import batches, decisions, documents, exceptions
from persistence.batches import Listed, ToDo
from persistence.database import Database
from tests.api.seeding import Ids, seeded
from tests.harness.systems import Systems

MEND = Mend(item=ItemMapping(item="ai", erp_item="AI"))
LOOKED_AT = {"digest": "as looked at", "summary": "12.00 EUR"}


def comes(to: Comes = Comes.GOES_THROUGH, **said: Any) -> Foreseen:
    given: dict[str, Any] = {**LOOKED_AT, "at": datetime.now(UTC)}
    return Foreseen(subject="sub_acme", comes=to, **given | said)


class Foreseeing:
    """Says of every case that it comes to this, and knows under which mend it was asked."""

    def __init__(self, *found: Foreseen) -> None:
        self._found = list(found)
        self.overlays: list[Overlay] = []

    async def of_exception(self, _tenant: Tenant, _exception: str, overlay: Overlay) -> Foreseen:
        self.overlays.append(overlay)
        return self._found.pop(0)


@pytest.fixture
async def acme(database: Database) -> Ids:
    return await seeded(database, "acme")


async def begun(database: Database, *keys: str, mend: Mend = MEND, trial: bool = False) -> None:
    given = {
        "cause_id": "c",
        "preview": "pre_1",
        "mend": mend.model_dump(mode="json", exclude_none=True),
        "reason": "it has an article",
    }
    async with database.transaction() as conn:
        kind = BatchKind.RELEASE
        await batches.begin(
            conn, "acme", "rel_1", kind, subject="c", given=given, by="fay", trial=trial
        )
        await batches.add(conn, "acme", "rel_1", [Listed(key, LOOKED_AT) for key in keys])


async def batch_of(database: Database) -> Batch:
    async with database.statement() as conn:
        found = await batches.get(conn, "acme", "rel_1")
    assert found is not None
    return found


async def carried_out(
    database: Database, *found: Foreseen, read: list[ToDo] | None = None
) -> tuple[ItemOutcome, str | None]:
    """What the first item has come to, and why; `read` where the turn has read them before."""
    releasing, foreseeing = ReleasingMany(database), Foreseeing(*found)
    releasing._foreseeing = cast("Any", foreseeing)
    items = await to_do(database) if read is None else read
    await releasing.carry_out(Systems().tenant, await batch_of(database), items)
    assert [each.items for each in foreseeing.overlays] == [(MEND.item,)] * len(items)
    async with database.statement() as conn:
        (item, *_) = await batches.items(conn, "acme", "rel_1", limit=1)
    return item.outcome, item.reason


async def to_do(database: Database) -> list[ToDo]:
    async with database.statement() as conn:
        return await batches.to_do(conn, "acme", "rel_1", 20)


async def made_of(database: Database, acme: Ids) -> list[tuple[str, str]]:
    async with database.statement() as conn:
        found = await decisions.on(conn, "acme", Target.EXCEPTION, acme.exception, limit=9)
    return [(each.action, each.by) for each in found]


async def test_a_case_as_it_was_looked_at_is_decided_once(database: Database, acme: Ids) -> None:
    await begun(database, acme.exception)
    assert await carried_out(database, comes()) == (ItemOutcome.HANDED_OVER, None)
    assert await made_of(database, acme) == [("retry", "fay")]


@pytest.mark.parametrize("trial", [True, False])
async def test_a_turn_that_comes_late_leaves_what_another_has_handed_over(
    database: Database, acme: Ids, trial: bool
) -> None:
    await begun(database, acme.exception, trial=trial)
    read = await to_do(database)
    assert await carried_out(database, comes()) == (ItemOutcome.HANDED_OVER, None)
    assert await carried_out(database, comes(), read=read) == (ItemOutcome.HANDED_OVER, None)
    assert (await batch_of(database)).state is BatchState.RUNNING
    assert await made_of(database, acme) == [("retry", "fay")]


@pytest.mark.parametrize(
    ("found", "outcome", "reason"),
    [
        (
            comes(Comes.UNTOLD, why="the ERP is away"),
            ItemOutcome.FAILED,
            "nothing was done: the ERP is away",
        ),
        (
            comes(Comes.NOT_AFFECTED, why="it was closed by anna"),
            ItemOutcome.SET_ASIDE,
            "it was closed by anna",
        ),
        (comes(Comes.NOT_AFFECTED), ItemOutcome.SET_ASIDE, "it was closed meanwhile"),
        (
            comes(Comes.THEN_WAITS, code="period_closed", about="in_1"),
            ItemOutcome.SET_ASIDE,
            "it would wait now: period_closed in_1",
        ),
        (
            comes(Comes.NEEDS_APPROVAL, code="approval_needed"),
            ItemOutcome.SET_ASIDE,
            "it would wait now: approval_needed ",
        ),
        (
            comes(digest="another", summary="99.00 EUR"),
            ItemOutcome.SET_ASIDE,
            "it is no longer what was looked at: 12.00 EUR; now 99.00 EUR",
        ),
    ],
)
async def test_a_case_that_comes_to_something_else_is_not_decided(
    database: Database, acme: Ids, found: Foreseen, outcome: ItemOutcome, reason: str
) -> None:
    await begun(database, acme.exception)
    assert await carried_out(database, found) == (outcome, reason)
    assert await made_of(database, acme) == []
    assert (await batch_of(database)).state is BatchState.RUNNING


async def test_what_somebody_has_decided_or_closed_meanwhile_is_theirs(
    database: Database, acme: Ids
) -> None:
    """The plan was made before, and does not know it."""
    await begun(database, acme.exception)
    made = DecisionMade(
        by="sam", action="abort", target_kind=Target.EXCEPTION, target_id=acme.exception
    )
    async with database.transaction() as conn:
        await decisions.record(conn, "acme", Entrance(), made, outcome=None)
    aside = (ItemOutcome.SET_ASIDE, "somebody has decided it meanwhile")
    assert await carried_out(database, comes()) == aside
    assert await made_of(database, acme) == [("abort", "sam")]


async def test_what_was_closed_after_it_was_planned_is_set_aside(
    database: Database, acme: Ids
) -> None:
    await begun(database, acme.exception)
    abort = Resolution(exception_id=acme.exception, action=Action.ABORT, by="sam")
    async with database.transaction() as conn:
        await exceptions.resolve(conn, "acme", abort)
    aside = (ItemOutcome.SET_ASIDE, "it was closed meanwhile")
    assert await carried_out(database, comes()) == aside


async def test_a_trial_that_is_not_what_was_looked_at_ends_the_release(
    database: Database, acme: Ids
) -> None:
    await begun(database, acme.exception, trial=True)
    await carried_out(database, comes(digest="another"))
    stopped = await batch_of(database)
    assert stopped.state is BatchState.STOPPED
    assert f"the trial {acme.exception} is not what was looked at" in (stopped.why or "")


async def in_force(database: Database) -> list[tuple[str, str]]:
    async with database.statement() as conn:
        found = await conn.execute(
            "select target ->> 'erp_item', set_by from mappings where source = 'ai' order by 1"
        )
        return [(item, by) for item, by in await found.fetchall()]


async def test_a_trial_puts_the_mend_in_force_for_its_own_case_alone(
    database: Database, acme: Ids
) -> None:
    await begun(database, acme.exception, trial=True)
    assert (await carried_out(database, comes()))[0] is ItemOutcome.HANDED_OVER
    assert await in_force(database) == []
    async with database.statement() as conn:
        found = await conn.execute(
            "select mend #>> '{items,0,erp_item}' from changes where id = %s",
            (acme.change("waits"),),
        )
        assert await found.fetchone() == ("AI",)


async def test_the_mend_is_put_in_force_once_whoever_comes_again(
    database: Database, acme: Ids
) -> None:
    day = DocumentCorrection(document_id="in_acme_alone", tax_code="DE-RC", by="fay")
    await begun(database, acme.exception, mend=MEND.model_copy(update={"document": day}))
    await carried_out(database, comes())
    # The worker was killed before it had said so: it is done again.
    await carried_out(database)
    assert await in_force(database) == [("AI", "fay")]
    async with database.statement() as conn:
        record = await documents.get(conn, "acme", "in_acme_alone")
        released = await decisions.on(conn, "acme", Target.CAUSE, "c", limit=9)
    assert record is not None
    assert record.correction == day
    assert [(each.action, each.by, each.reason) for each in released] == [
        ("release", "fay", "it has an article")
    ]
