"""Cases of one cause that go on together: what was foreseen, tried on one, then released."""

from datetime import UTC, datetime, timedelta

from pydantic import Field

from canonical_models.base import Canonical, Identifier
from canonical_models.batch import Batch, BatchKind, BatchState
from canonical_models.preview import Foreseen, Mend
from operations import batches, preview
from operations.batches import Begun
from operations.context import AppContext
from operations.errors import Conflict, Invalid, NotFound
from operations.preview import CausePreview
from persistence import previews, releases
from persistence.batches import Listed
from persistence.batches import add as put_on_the_list
from persistence.connection import Connection

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
    """`joined` are open cases of the cause that are on its list not yet: they are foreseen, looked
    at, and added."""

    batch: Batch
    cause_id: str
    preview: str
    mend: Mend
    joined: int


async def begin(
    context: AppContext, tenant: str, cause_id: str, asked: ReleaseAsked, *, by: str
) -> Release:
    """The mend rides on the first case alone; then the release waits to be resumed, which puts the
    mend in force and hands the others over. A single case goes at once. Raises NotFound, Invalid,
    and Conflict where the preview is not whole, is old, or another release is open."""
    looked_at = await _looked_at(context, tenant, asked.preview, cause_id)
    async with context.database.transaction() as conn:
        cases = await _cases(conn, tenant, asked.preview)
        if not cases:
            raise Invalid(
                f"none of preview {asked.preview} goes through",
                remedy="mend what they wait for, and foresee the cause anew",
            )
        first = asked.first or _smallest(cases)
        if first not in cases:
            raise Invalid(
                f"{first} is none of those of preview {asked.preview} that go through",
                remedy="choose one of its items that does",
            )
        made = await batches.begin(
            conn,
            tenant,
            Begun(
                kind=BatchKind.RELEASE,
                subject=cause_id,
                given={
                    "cause_id": cause_id,
                    "preview": asked.preview,
                    "mend": looked_at.mend.model_dump(mode="json", exclude_none=True),
                    "reason": asked.reason,
                },
                by=by,
                rate=asked.rate,
                trial=len(cases) > 1,
            ),
        )
        order = [first, *(key for key in cases if key != first)]
        await put_on_the_list(conn, tenant, made, [_listed(key, cases[key]) for key in order])
    return await show(context, tenant, made)


async def show(context: AppContext, tenant: str, release: str) -> Release:
    """Raises NotFound."""
    found = await batches.show(context, tenant, release)
    if found.kind is not BatchKind.RELEASE:
        raise NotFound(
            f"{release} is no release", remedy="list what is done in bulk", see=("batches", "")
        )
    cause_id = found.given["cause_id"]
    async with context.database.statement() as conn:
        joined = await releases.joined(conn, tenant, release, cause_id)
    return Release(
        batch=found,
        cause_id=cause_id,
        preview=found.given["preview"],
        mend=Mend.model_validate(found.given["mend"], strict=False),
        joined=joined,
    )


async def look_at_joined(
    context: AppContext, tenant: str, release: str, *, by: str
) -> CausePreview:
    """What the cases would come to that have joined since. Raises NotFound, Conflict."""
    found = await show(context, tenant, release)
    if not found.joined:
        raise Conflict(f"no case has joined release {release}", remedy="look again later")
    return await preview.of_cause(
        context, tenant, found.cause_id, found.mend, by=by, beside=release
    )


async def add(context: AppContext, tenant: str, release: str, asked: MoreAsked) -> Release:
    """Those of the preview that go through, behind the others. Raises NotFound, Conflict."""
    found = await show(context, tenant, release)
    looked_at = await _looked_at(context, tenant, asked.preview, found.cause_id)
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
        cases = await _cases(conn, tenant, asked.preview)
        more = [_listed(key, case) for key, case in cases.items()]
        await put_on_the_list(conn, tenant, release, more)
    return await show(context, tenant, release)


async def _looked_at(context: AppContext, tenant: str, named: str, cause_id: str) -> CausePreview:
    found = await preview.show(context, tenant, named)
    why = None
    if found.cause_id != cause_id:
        raise Invalid(
            f"preview {named} is of another cause", remedy="foresee this one, and release that"
        )
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


async def _cases(conn: Connection, tenant: str, named: str) -> dict[str, Foreseen]:
    """Those that go through, by exception, in the order of the preview."""
    return await previews.that_go_through(conn, tenant, named)


def _listed(key: str, case: Foreseen) -> Listed:
    return Listed(key, {"digest": case.digest, "summary": case.summary})


def _smallest(cases: dict[str, Foreseen]) -> str:
    """The smallest amount in the legal entity that most are posted for."""
    entities = [document.legal_entity for case in cases.values() for document in case.documents]
    commonest = max(sorted(set(entities)), key=entities.count, default=None)

    def amount(key: str) -> tuple[bool, int]:
        posted = [d for d in cases[key].documents if d.legal_entity == commonest and d.gross]
        return not posted, sum(abs(d.gross.minor) for d in posted if d.gross)

    return min(cases, key=amount)
