"""A release undone: the documents that it has posted are taken back, one first, and what held
before its mend holds again."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from canonical_models.acts import Act
from canonical_models.base import Canonical, Identifier
from canonical_models.batch import Batch, BatchKind, BatchState
from canonical_models.money import Money
from canonical_models.records import DocumentRecord
from operations import batches, releases
from operations.batches import Begun
from operations.context import AppContext
from operations.decisions import why_it_is_not_taken_back
from operations.errors import Conflict, Invalid
from operations.mappings import named
from operations.permissions import Principal, require
from operations.undoing import MANY
from persistence import batches as kept
from persistence import documents, mappings
from persistence import releases as released
from persistence.batches import Listed
from persistence.connection import Connection
from persistence.together import together

_OPEN = (BatchState.RUNNING, BatchState.PAUSED)


class TakenBack(Canonical):
    """A document that the release has posted. Not taken back where `why` says why it stays, in
    words that stand after its name."""

    document_id: str
    number: str | None
    subject: str
    gross: Money
    erp_number: str | None
    erp_url: str | None
    why: str | None


class SetBack(Canonical):
    """A mapping of the release: `before` held until it, and holds again; None where none did, and
    none does then. Not `holds` where something else has been set since, which stays."""

    kind: str
    source: str
    holds: bool
    before: dict[str, Any] | None


class ReleaseUndo(Canonical):
    """What undoing the release would do now. `many` is how many documents would be taken back,
    `totals` their sums, one a currency. What is posted goes out with a document of its own on the
    day that it is done; access and support follow what holds then."""

    release: str
    many: int
    totals: tuple[Money, ...]
    documents: tuple[TakenBack, ...]
    mappings: tuple[SetBack, ...]


class ReleaseUndoAsked(Canonical):
    """`first` is the document that is taken back alone, by default the smallest amount. Who takes
    back more than ten says how many they are, as `count`. `rate` is how many a minute after the
    first 1, 5 and 20."""

    reason: str = Field(min_length=1, max_length=2000)
    count: int | None = Field(default=None, ge=1)
    first: Identifier | None = None
    rate: int = Field(default=60, ge=1, le=6000)


async def foresee(context: AppContext, tenant: str, release: str) -> ReleaseUndo:
    """Nothing is done. Raises NotFound for what is no release."""
    async with context.database.transaction() as conn:
        found = await kept.get(conn, tenant, release)
        if found is None or found.kind is not BatchKind.RELEASE:
            raise releases.unknown(release)
        records, back = await together(
            conn,
            lambda on: _posted(on, tenant, release),
            lambda on: _mappings(on, tenant, found),
        )
    return _undo(release, records, back)


async def begin(
    context: AppContext, tenant: str, release: str, asked: ReleaseUndoAsked, *, who: Principal
) -> Batch:
    """The first document is taken back alone; then it waits to be resumed, which sets mappings back
    and hands the others over. A single one goes at once. Raises NotFound; Conflict where the
    release is still open, or an undo of it is; Forbidden where it has set mappings and they may not
    set them back; Invalid where nothing can be taken back, or it was not said how many."""
    found = (await releases.show(context, tenant, release)).batch
    if found.state in _OPEN:
        raise Conflict(
            f"release {release} is {found.state.value}",
            remedy="stop it first: what it has done stays done until it is undone",
            see=("batch", release),
        )
    async with context.database.transaction() as conn:
        if await _mappings(conn, tenant, found):
            require(who, Act.MAPPINGS_WRITE)
        records = [
            r for r in await _posted(conn, tenant, release) if why_it_is_not_taken_back(r) is None
        ]
        _require_counted(release, records, asked)
        first = _first(release, records, asked.first)
        made = await batches.begin(
            conn,
            tenant,
            Begun(
                kind=BatchKind.UNDO,
                subject=release,
                given={"release": release, "reason": asked.reason},
                by=who.name,
                rate=asked.rate,
                trial=len(records) > 1,
            ),
        )
        ordered = sorted(records, key=lambda record: record is not first)
        await kept.add(conn, tenant, made, [_listed(record) for record in ordered])
    return await batches.show(context, tenant, made)


def _require_counted(release: str, records: list[DocumentRecord], asked: ReleaseUndoAsked) -> None:
    if not records:
        raise Invalid(
            f"release {release} has posted nothing that can be taken back",
            remedy="look at what it has posted, and why each stays",
            see=("batch", release),
        )
    if len(records) > MANY and asked.count != len(records):
        raise Invalid(
            f"{len(records)} documents would be taken back, and that number was not given",
            remedy=f"look at the list, and give {len(records)} as how many they are",
        )


def _first(release: str, records: list[DocumentRecord], wanted: str | None) -> DocumentRecord:
    if wanted is None:
        return min(records, key=lambda record: abs(record.document.gross.minor))
    for record in records:
        if record.document.document_id == wanted:
            return record
    raise Invalid(
        f"{wanted} is none of the documents of release {release} that are taken back",
        remedy="choose one of them",
    )


def _listed(record: DocumentRecord) -> Listed:
    posted = record.posted.document_id if record.posted else None
    gross = record.posted.gross if record.posted else record.document.gross
    looked_at = {
        "posted": posted,
        "subject": record.subject,
        "gross": [gross.model_dump(mode="json")],
    }
    return Listed(record.document.document_id, looked_at)


async def _posted(conn: Connection, tenant: str, release: str) -> list[DocumentRecord]:
    ids = await released.posted(conn, tenant, release)
    found = await documents.named(conn, tenant, ids)
    return sorted(found.values(), key=lambda record: record.document.document_id)


async def _mappings(conn: Connection, tenant: str, release: Batch) -> tuple[SetBack, ...]:
    """Those that the release has put in force: a trial alone has set none."""
    told = []
    for mend in (await released.mends_of(conn, tenant, release)).values():
        for name, mapping in (("account", mend.account), ("item", mend.item)):
            if mapping is None:
                continue
            holds, before = await mappings.replaced_by(conn, tenant, mapping)
            shown = before.model_dump(mode="json", exclude_none=True) if before else None
            source = named(mapping)[1]
            told.append(SetBack(kind=name, source=source, holds=holds, before=shown))
    return tuple(told)


def _undo(release: str, records: list[DocumentRecord], back: tuple[SetBack, ...]) -> ReleaseUndo:
    told = tuple(_taken(record) for record in records)
    sums: dict[str, int] = {}
    for each in told:
        if each.why is None:
            sums[each.gross.currency] = sums.get(each.gross.currency, 0) + each.gross.minor
    return ReleaseUndo(
        release=release,
        many=sum(each.why is None for each in told),
        totals=_money(sums),
        documents=told,
        mappings=back,
    )


def _money(sums: Mapping[str, int]) -> tuple[Money, ...]:
    return tuple(Money(minor=minor, currency=currency) for currency, minor in sorted(sums.items()))


def _taken(record: DocumentRecord) -> TakenBack:
    posted = record.posted
    return TakenBack(
        document_id=record.document.document_id,
        number=record.document.number,
        subject=record.subject,
        gross=posted.gross if posted else record.document.gross,
        erp_number=posted.number if posted else None,
        erp_url=posted.url if posted else None,
        why=why_it_is_not_taken_back(record),
    )
