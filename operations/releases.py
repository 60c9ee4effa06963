"""Cases of one cause that go on together: what was foreseen, tried on one, then released."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import Field

from canonical_models.base import Canonical, Identifier
from canonical_models.batch import Batch, BatchItem, BatchKind, BatchState
from canonical_models.money import Money
from canonical_models.preview import Mend
from canonical_models.records import DocumentRecord
from operations import batches, preview
from operations.batches import Begun
from operations.context import AppContext
from operations.errors import Conflict, Invalid, NotFound
from operations.preview import CausePreview
from persistence import documents, exceptions, previews, releases
from persistence.connection import Connection
from persistence.together import together

#: What was foreseen is believed for so long.
BELIEVED = timedelta(minutes=30)


class ReleaseAsked(Canonical):
    """`preview` is what was looked at: the cases of it that go through are released. `first` is the
    case that is tried alone, by default the smallest amount where most of them are posted. `rate`
    is how many a minute after the first 1, 5 and 20."""

    preview: Identifier
    first: Identifier | None = None
    rate: int = Field(default=60, ge=1, le=6000)
    reason: str = Field(min_length=1, max_length=2000)


class MoreAsked(Canonical):
    """`preview` is of the cases that have joined, and was looked at."""

    preview: Identifier


class Release(Canonical):
    """Of a cause, or of a `sheet`, whose items each have a mend of their own. `joined` are open
    cases of the cause that are on its list not yet: they are foreseen, looked at, and added."""

    batch: Batch
    cause_id: str | None
    sheet: str | None
    preview: str
    mend: Mend
    joined: int


class ReadBack(Canonical):
    """A document that a release has brought about: what billing asks for, and what the ERP has, as
    it was read back; None where it has none."""

    document_id: str
    number: str | None
    billing: Money
    erp: Money | None
    erp_number: str | None
    erp_url: str | None


class Beside(Canonical):
    """What a page of a release shows beside its rows, by the key of the item: `documents`, and
    `whose` case it is."""

    joined: int
    documents: dict[str, tuple[ReadBack, ...]]
    whose: dict[str, str]


async def beside(
    context: AppContext, tenant: str, release: Batch, items: tuple[BatchItem, ...]
) -> Beside:
    """Of these items of the release, what stands in the books now."""
    named = {item.key: _documents(item) for item in items}
    wanted = list(dict.fromkeys(each for ids in named.values() for each in ids))
    cause_id = release.given.get("cause_id")

    async def joined(conn: Connection) -> int:
        if cause_id is None:
            return 0
        return await releases.joined(conn, tenant, release.batch_id, cause_id)

    async with context.database.statement() as conn:
        known, count, whose = await together(
            conn,
            lambda on: documents.named(on, tenant, wanted),
            joined,
            lambda on: exceptions.whose(on, tenant, tuple(named)),
        )
    told = {
        key: tuple(_read_back(known[each]) for each in ids if each in known)
        for key, ids in named.items()
    }
    return Beside(joined=count, documents=told, whose=whose)


def _documents(item: BatchItem) -> tuple[str, ...]:
    foreseen = (item.found or {}).get("documents", ())
    return tuple(each["document_id"] for each in foreseen)


def _read_back(record: DocumentRecord) -> ReadBack:
    posted = record.posted if record.in_books else None
    return ReadBack(
        document_id=record.document.document_id,
        number=record.document.number,
        billing=record.document.gross,
        erp=posted.gross if posted else None,
        erp_number=posted.number if posted else None,
        erp_url=posted.url if posted else None,
    )


async def begin(
    context: AppContext, tenant: str, cause_id: str, asked: ReleaseAsked, *, by: str
) -> Release:
    """The mend rides on the first case alone; then the release waits to be resumed, which puts the
    mend in force and hands the others over. A single case goes at once. Raises NotFound, Invalid,
    and Conflict where the preview is not whole, is old, or another release is open."""
    looked_at = await _looked_at(context, tenant, asked.preview)
    _require_of(looked_at, cause_id, asked.preview)
    given = {
        "cause_id": cause_id,
        "mend": looked_at.mend.model_dump(mode="json", exclude_none=True),
    }
    return await _begin(context, tenant, cause_id, given, asked, by=by)


async def begin_sheet(context: AppContext, tenant: str, asked: ReleaseAsked, *, by: str) -> Release:
    """Of all rows of a sheet that go through: the mend of the first rides on its case alone, and
    what goes on puts that of each row in force. Raises as `begin`."""
    looked_at = await _looked_at(context, tenant, asked.preview)
    if looked_at.sheet is None:
        raise Invalid(
            f"preview {asked.preview} is of no sheet",
            remedy="release it by the cause that it is of",
        )
    given = {"sheet": looked_at.sheet, "mend": {}}
    return await _begin(context, tenant, f"sheet/{looked_at.sheet}", given, asked, by=by)


async def _begin(
    context: AppContext,
    tenant: str,
    subject: str,
    given: Mapping[str, Any],
    asked: ReleaseAsked,
    *,
    by: str,
) -> Release:
    async with context.database.transaction() as conn:
        cases, first = await previews.that_go_through(conn, tenant, asked.preview, asked.first)
        if not cases:
            raise Invalid(
                f"none of preview {asked.preview} goes through",
                remedy="mend what they wait for, and foresee the cause anew",
            )
        if first is None:
            raise Invalid(
                f"{asked.first} is none of those of preview {asked.preview} that go through",
                remedy="choose one of its items that does",
            )
        made = await batches.begin(
            conn,
            tenant,
            Begun(
                kind=BatchKind.RELEASE,
                subject=subject,
                given={**given, "preview": asked.preview, "reason": asked.reason},
                by=by,
                rate=asked.rate,
                trial=cases > 1,
            ),
        )
        await previews.release(conn, tenant, made, asked.preview, first)
    return await show(context, tenant, made)


async def show(context: AppContext, tenant: str, release: str) -> Release:
    """Raises NotFound."""
    found = await batches.show(context, tenant, release)
    if found.kind is not BatchKind.RELEASE:
        raise unknown(release)
    cause_id, joined = found.given.get("cause_id"), 0
    if cause_id is not None:
        async with context.database.statement() as conn:
            joined = await releases.joined(conn, tenant, release, cause_id)
    return Release(
        batch=found,
        cause_id=cause_id,
        sheet=found.given.get("sheet"),
        preview=found.given["preview"],
        mend=Mend.model_validate(found.given["mend"], strict=False),
        joined=joined,
    )


def unknown(release: str) -> NotFound:
    return NotFound(
        f"{release} is no release", remedy="list what is done in bulk", see=("batches", "")
    )


async def look_at_joined(
    context: AppContext, tenant: str, release: str, *, by: str
) -> CausePreview:
    """What the cases would come to that have joined since. Raises NotFound, Conflict."""
    found = await show(context, tenant, release)
    if not found.joined or found.cause_id is None:
        raise Conflict(f"no case has joined release {release}", remedy="look again later")
    return await preview.of_cause(
        context, tenant, found.cause_id, found.mend, by=by, beside=release
    )


async def add(context: AppContext, tenant: str, release: str, asked: MoreAsked) -> Release:
    """Those of the preview that go through, behind the others. Raises NotFound, Conflict."""
    found = await show(context, tenant, release)
    looked_at = await _looked_at(context, tenant, asked.preview)
    _require_of(looked_at, found.cause_id, asked.preview)
    if looked_at.mend != found.mend:
        raise Conflict(
            f"preview {asked.preview} is of another mend than release {release}",
            remedy="foresee the cases that have joined the release itself",
        )
    async with context.database.transaction() as conn:
        if not await releases.open_(conn, tenant, release):
            raise Conflict(
                f"release {release} has come to its end",
                remedy="begin another with the preview",
            )
        await previews.release(conn, tenant, release, asked.preview)
    return await show(context, tenant, release)


def _require_of(found: CausePreview, cause_id: str | None, named: str) -> None:
    if cause_id is None or found.cause_id != cause_id:
        raise Invalid(
            f"preview {named} is of another cause", remedy="foresee this one, and release that"
        )


async def _looked_at(context: AppContext, tenant: str, named: str) -> CausePreview:
    found = await preview.show(context, tenant, named)
    why = None
    if found.batch.state is not BatchState.ENDED:
        why = f"is {found.batch.state.value}"
    elif found.made_at < datetime.now(UTC) - BELIEVED:
        why = f"is older than {BELIEVED.seconds // 60} minutes"
    if why is not None:
        raise Conflict(
            f"preview {named} {why}",
            remedy="wait until it is whole" if "older" not in why else "foresee the cause anew",
        )
    return found
