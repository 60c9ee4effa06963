"""A batch of documents that a release has posted, each taken back by a change of its own; what held
before the release holds again. What is settled or credited since is set aside."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime

from activities.batch_approved import may_go_on
from activities.tenants import Tenant
from canonical_models.batch import Batch, ItemOutcome
from canonical_models.decisions import DecisionMade, Entrance, Scope, Target
from canonical_models.occasion import DocumentDecided
from canonical_models.records import DocumentRecord, Hold, HoldKind
from persistence import (
    batches,
    change_queue,
    decisions,
    document_decisions,
    documents,
    mappings,
    releases,
)
from persistence.batches import ToDo
from persistence.connection import Connection
from persistence.database import Database
from persistence.document_decisions import Decided, Said
from planning.taking_back import why_not

_ACTION = "take_back"


class UndoingMany:
    at_once = 20
    together: int | None = None

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list_on(self, tenant: Tenant, batch: Batch) -> None:
        raise AssertionError(f"the list of {batch.batch_id} of {tenant.name} was frozen whole")

    async def carry_out(self, tenant: Tenant, batch: Batch, items: Sequence[ToDo]) -> None:
        if not batch.trial:
            async with self._database.transaction() as conn:
                if not await may_go_on(conn, tenant, batch):
                    return
                await _as_before(conn, tenant.name, batch)
        for item in items:
            async with self._database.transaction() as conn:
                await _take_back(conn, tenant.name, batch, item)


async def _take_back(conn: Connection, tenant: str, batch: Batch, item: ToDo) -> None:
    """The decision is written with where the item stands: whoever is killed, it is one."""
    if not await batches.untouched(conn, tenant, batch.batch_id, item.number):
        return
    record = await documents.get(conn, tenant, item.key)
    if record is None or (why := _apart(item, record)) is not None:
        why = "it is not known" if record is None else why
        await batches.stands(
            conn, tenant, batch.batch_id, item.number, ItemOutcome.SET_ASIDE, reason=why
        )
        if batch.trial:
            first = f"the first, {item.key}, is not what was looked at: look at the undo anew"
            await batches.stop(conn, tenant, batch.batch_id, first)
        return
    hold = Hold(
        kind=HoldKind.ABORTED,
        reason=f"undo {batch.batch_id} of release {batch.given['release']}: "
        f"{batch.given['reason']}"[:2000],
        by=batch.begun_by,
        at=datetime.now(UTC),
    )
    await documents.take_back(conn, tenant, item.key, hold)
    change_id = await _follow(conn, tenant, batch, record, hold)
    await batches.stands(
        conn,
        tenant,
        batch.batch_id,
        item.number,
        ItemOutcome.HANDED_OVER,
        change_id=change_id,
        found={"subject": record.subject, "documents": [{"document_id": item.key}]},
    )


def _apart(item: ToDo, record: DocumentRecord) -> str | None:
    """Why it is not taken back."""
    if (why := why_not(record)) is not None:
        return f"it {why}"
    if record.hold is not None and record.hold.kind is HoldKind.ABORTED:
        return f"{record.hold.by} is taking it back already"
    posted = record.posted.document_id if record.posted else None
    return None if posted == item.given["posted"] else "it is no longer what was looked at"


async def _follow(
    conn: Connection, tenant: str, batch: Batch, record: DocumentRecord, hold: Hold
) -> str:
    """The change that takes it back, told to who subscribes."""
    document_id = record.document.document_id
    asking = hashlib.sha256(f"{batch.batch_id}/{document_id}".encode()).hexdigest()
    said = Said(decision=_ACTION, by=hold.by, reason=hold.reason)
    before = {"hold": record.hold.model_dump(mode="json") if record.hold else None}
    after = {"hold": hold.model_dump(mode="json")}
    return await document_decisions.write(
        conn,
        tenant,
        Entrance(),
        said,
        [Decided(record, before, after)],
        why=DocumentDecided(asking[:24], _ACTION, asking[-16:], document_id),
        lane=change_queue.BULK,
    )


async def _as_before(conn: Connection, tenant: str, batch: Batch) -> None:
    """From now on what held before the release holds again, where its mend still does; once,
    whoever comes here again."""
    release = await batches.get(conn, tenant, batch.given["release"])
    if release is None:
        raise AssertionError(f"release {batch.given['release']} of {batch.batch_id} is not known")
    for cause_id, mend in (await releases.mends_of(conn, tenant, release)).items():
        named = f"undo/{batch.batch_id}/{cause_id}"
        if await decisions.made_once(conn, tenant, named) is not None:
            continue
        now = {}
        for mapping in (mend.account, mend.item):
            if mapping is None:
                continue
            holds, before = await mappings.replaced_by(conn, tenant, mapping)
            if not holds:
                continue
            if before is None:
                await mappings.end(conn, tenant, mapping)
            else:
                await mappings.put(conn, tenant, before, by=batch.begun_by)
            name = "account" if mapping is mend.account else "item"
            now[name] = before.model_dump(mode="json") if before else None
        decided = DecisionMade(
            by=batch.begun_by,
            action="undo_release",
            target_kind=Target.CAUSE,
            target_id=cause_id,
            scope=Scope.CAUSE,
            before=mend.model_dump(mode="json", exclude_none=True),
            after=now,
            reason=batch.given["reason"],
            once=named,
        )
        await decisions.record(conn, tenant, Entrance(), decided)
