"""A batch of open cases of one cause, or of several with a mend for each, that go on: one with the
mend for itself alone, then the mend in force and the others as they were foreseen. What is no
longer so is set aside."""

from collections.abc import Sequence

from activities.batch_approved import may_go_on
from activities.gather import each_of
from activities.preview import Foreseeing
from activities.tenants import Tenant
from canonical_models.batch import Batch, ItemOutcome
from canonical_models.decisions import (
    DecisionMade,
    Entrance,
    Scope,
    Target,
    of_exception,
)
from canonical_models.exceptions import Action, Resolution
from canonical_models.preview import Comes, Foreseen, Mend, mend_of
from canonical_models.states import ExceptionState
from persistence import batches, changes, decisions, documents, exceptions, mappings, releases
from persistence.batches import ToDo
from persistence.connection import Connection
from persistence.database import Database

_AT_ONCE = 4


class ReleasingMany:
    at_once = 20
    together: int | None = None

    def __init__(self, database: Database) -> None:
        self._database = database
        self._foreseeing = Foreseeing(database)

    async def list_on(self, tenant: Tenant, batch: Batch) -> None:
        raise AssertionError(f"the list of {batch.batch_id} of {tenant.name} was frozen whole")

    async def carry_out(self, tenant: Tenant, batch: Batch, items: Sequence[ToDo]) -> None:
        if not batch.trial:
            async with self._database.transaction() as conn:
                if not await may_go_on(conn, tenant, batch):
                    return
                await _in_force(conn, tenant.name, batch)

        async def one(item: ToDo) -> None:
            mend = mend_of(batch.given, item.given)
            now = await self._foreseeing.of_exception(tenant, item.key, mend.overlay)
            async with self._database.transaction() as conn:
                await _hand_over(conn, tenant.name, batch, item, mend, now)

        await each_of(items, one, at_once=_AT_ONCE)


async def _hand_over(
    conn: Connection, tenant: str, batch: Batch, item: ToDo, mend: Mend, now: Foreseen
) -> None:
    """The decision is written with where the item stands: whoever is killed, it is one."""
    if not await batches.untouched(conn, tenant, batch.batch_id, item.number):
        return
    apart = _apart(item, now)
    asked = await exceptions.get(conn, tenant, item.key, locked=True)
    if apart is None and (asked is None or asked.state is not ExceptionState.OPEN):
        apart = ItemOutcome.SET_ASIDE, "it was closed meanwhile"
    if apart is None and await decisions.underway(conn, tenant, Target.EXCEPTION, item.key):
        apart = ItemOutcome.SET_ASIDE, "somebody has decided it meanwhile"
    if apart is not None or asked is None:
        outcome, reason = apart or (ItemOutcome.SET_ASIDE, "it is not known")
        await batches.stands(conn, tenant, batch.batch_id, item.number, outcome, reason=reason)
        if batch.trial and outcome is ItemOutcome.SET_ASIDE:
            await batches.stop(
                conn,
                tenant,
                batch.batch_id,
                f"the trial {item.key} is not what was looked at: foresee the cause anew",
            )
        return
    if batch.trial:
        await changes.mended(conn, tenant, asked.change_id, mend.overlay)
    resolution = Resolution(
        exception_id=item.key,
        action=Action.RETRY,
        by=batch.begun_by,
        note=f"release {batch.batch_id}: {batch.given['reason']}"[:2000],
    )
    decided = of_exception(asked, resolution).model_copy(
        update={"scope": Scope.CASE if batch.trial else Scope.CAUSE}
    )
    await decisions.record(conn, tenant, Entrance(), decided, outcome=None)
    await batches.stands(
        conn,
        tenant,
        batch.batch_id,
        item.number,
        ItemOutcome.HANDED_OVER,
        change_id=asked.change_id,
        found=now.model_dump(mode="json"),
    )


def _apart(item: ToDo, now: Foreseen) -> tuple[ItemOutcome, str] | None:
    """Why it is not handed over."""
    match now.comes:
        case Comes.UNTOLD:
            return ItemOutcome.FAILED, f"nothing was done: {now.why}"
        case Comes.NOT_AFFECTED:
            return ItemOutcome.SET_ASIDE, now.why or "it was closed meanwhile"
        case Comes.THEN_WAITS | Comes.NEEDS_APPROVAL:
            waits = f"it would wait now: {now.code} {now.about or ''}"
            return ItemOutcome.SET_ASIDE, waits
        case Comes.GOES_THROUGH if now.digest != item.given["digest"]:
            return (
                ItemOutcome.SET_ASIDE,
                f"it is no longer what was looked at: {item.given['summary']}; now {now.summary}",
            )
        case Comes.GOES_THROUGH:
            return None


async def _in_force(conn: Connection, tenant: str, batch: Batch) -> None:
    """From now on what is on the list holds for all that it mends; once, whoever comes here
    again."""
    if "sheet" in batch.given:
        by_cause = await releases.mends(conn, tenant, batch.batch_id)
    else:
        by_cause = {batch.given["cause_id"]: mend_of(batch.given, {})}
    for cause_id, mend in by_cause.items():
        named = f"release/{batch.batch_id}" + (f"/{cause_id}" if "sheet" in batch.given else "")
        if await decisions.made_once(conn, tenant, named) is not None:
            continue
        for mapping in (mend.account, mend.item):
            if mapping is not None:
                await mappings.put(conn, tenant, mapping, by=batch.begun_by)
        if mend.document is not None:
            await documents.correct(conn, tenant, mend.document)
        decided = DecisionMade(
            by=batch.begun_by,
            action="release",
            target_kind=Target.CAUSE,
            target_id=cause_id,
            scope=Scope.CAUSE,
            after=mend.model_dump(mode="json", exclude_none=True),
            reason=batch.given["reason"],
            once=named,
        )
        await decisions.record(conn, tenant, Entrance(), decided)
