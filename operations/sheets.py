"""Many causes of one kind as a sheet, one answer each: what is said of each is kept as a draft, in
force nowhere, until all of it is foreseen and released as one list."""

from collections.abc import Sequence
from enum import StrEnum
from functools import cache

from pydantic import Field

from canonical_models.base import Canonical, Instant
from canonical_models.batch import BatchKind
from canonical_models.mends import ACCOUNT, ITEM, OF_CUSTOMERS, OF_ITEMS, FormInput, form_of
from canonical_models.preview import Mend
from operations import batches, mappings, preview
from operations.batches import Begun
from operations.context import AppContext
from operations.erp_names import require_in_erp
from operations.errors import Conflict, Invalid, NotFound
from operations.paging import cursor, cut, moment
from operations.preview import CausePreview
from operations.proposing import Proposal
from persistence import drafts
from persistence.connection import Connection
from persistence.drafts import Drafted, DraftRow

#: Rows of one file or paste.
MOST = 5000


class SheetKind(StrEnum):
    """What each row of a sheet is about: one mend answers all cases of its cause."""

    CUSTOMERS = "customers"
    ITEMS = "items"


CODES: dict[SheetKind, tuple[str, ...]] = {
    SheetKind.CUSTOMERS: OF_CUSTOMERS,
    SheetKind.ITEMS: OF_ITEMS,
}
_INPUTS = {SheetKind.CUSTOMERS: ACCOUNT, SheetKind.ITEMS: ITEM}


class SheetRow(Canonical):
    """One cause: `mend` is what somebody has said, `proposal` what other systems say. A proposal
    counts for nothing until a person takes it."""

    cause: DraftRow
    proposal: Proposal | None

    @property
    def subject(self) -> str:
        return self.cause.subject or ""


class Sheet(Canonical):
    """`given` is the form that each row is filled in by; `next` continues the rows."""

    kind: SheetKind
    given: FormInput
    counted: Drafted
    rows: tuple[SheetRow, ...]
    next: str | None


def usual(kind: SheetKind, row: SheetRow) -> dict[str, str]:
    """What a row has before anybody has said anything: what accounts that we open ourselves have.
    Nothing of it counts until the rest is said."""
    if kind is not SheetKind.CUSTOMERS:
        return {}
    entity = row.proposal.entity if row.proposal else None
    return {"support_organization": row.subject, "legal_entity": entity or ""}


class Said(Canonical):
    """A row as it is filled in: `cause_id`, and the `version` of it that was looked at. A `mend` of
    None takes back what was said."""

    cause_id: str
    version: int = Field(ge=0)
    mend: Mend | None = None


class RowSaid(Canonical):
    """`subject` names the row of a file. Without a `version` it is filled in as it is now."""

    line: int
    subject: str
    version: int | None
    mend: Mend


class WrongRow(Canonical):
    """`line` is that of the file, 1 for its first."""

    line: int
    subject: str
    why: str


class WrongRows(Invalid):
    """A file of which nothing was taken."""

    def __init__(self, wrong: Sequence[WrongRow]) -> None:
        lines = ", ".join(str(each.line) for each in wrong[:10])
        super().__init__(
            f"nothing was taken: {len(wrong)} rows are wrong, in line {lines}"
            f"{' and more' if len(wrong) > 10 else ''}",
            remedy="correct each as it is said beside it, and give all of them again",
        )
        self.wrong = tuple(wrong)


class Taken(Canonical):
    rows: int


class Kept(Canonical):
    """`already` where it had been said so before."""

    cause_id: str
    version: int
    said_at: Instant | None
    already: bool


@cache
def form(kind: SheetKind) -> FormInput:
    """What a row takes; what it is of is the row's own."""
    asked = form_of(CODES[kind][0], known={})
    return next(each for each in asked.inputs if each.name == _INPUTS[kind].name)


def source_of(kind: SheetKind) -> str:
    """The field that says what a row is of."""
    return _INPUTS[kind].source


async def show(
    context: AppContext, tenant: str, kind: SheetKind, *, after: str | None = None, limit: int = 50
) -> Sheet:
    """Those that are due first."""
    async with context.database.statement() as conn:
        counted = await drafts.counted(conn, tenant, CODES[kind])
        found = await drafts.page(conn, tenant, CODES[kind], after=moment(after), limit=limit + 1)
    rows, more = cut(found, limit)
    following = cursor(rows[-1].due_at.isoformat(), rows[-1].cause_id) if more else None
    return Sheet(
        kind=kind,
        given=form(kind),
        counted=counted,
        rows=tuple(SheetRow(cause=row, proposal=Proposal.kept(row.proposed)) for row in rows),
        next=following,
    )


async def rows(
    context: AppContext, tenant: str, kind: SheetKind, causes: Sequence[str]
) -> tuple[SheetRow, ...]:
    """Those of these causes that are still open."""
    async with context.database.statement() as conn:
        found = await drafts.of_causes(conn, tenant, CODES[kind], causes)
    return tuple(SheetRow(cause=row, proposal=Proposal.kept(row.proposed)) for row in found)


async def whole(context: AppContext, tenant: str, kind: SheetKind) -> tuple[SheetRow, ...]:
    """All rows, up to as many as a file takes back; those that are due first."""
    async with context.database.statement() as conn:
        found = await drafts.page(conn, tenant, CODES[kind], limit=MOST)
    return tuple(SheetRow(cause=row, proposal=Proposal.kept(row.proposed)) for row in found)


async def say(context: AppContext, tenant: str, kind: SheetKind, said: Said, *, by: str) -> Kept:
    """Keep one row, in force nowhere; what it names is looked up in the ERP where that answers.
    Raises NotFound, Invalid for what is none of the row or what the ERP does not have, Conflict
    where somebody has filled it in since."""
    async with context.database.statement() as conn:
        row = await _open(conn, tenant, kind, said.cause_id)
    if said.mend == row.mend:
        return Kept(cause_id=row.cause_id, version=row.version, said_at=row.said_at, already=True)
    if said.mend is not None:
        _require_own(context, tenant, kind, row, said.mend)
        for mapping in (said.mend.account, said.mend.item):
            if mapping is not None:
                await require_in_erp(context, tenant, mapping)
    async with context.database.transaction() as conn:
        kept = await drafts.say(conn, tenant, row.cause_id, said.mend, by=by, version=said.version)
        now = await _open(conn, tenant, kind, said.cause_id)
    if not kept:
        raise _first_was(now)
    return Kept(cause_id=now.cause_id, version=now.version, said_at=now.said_at, already=False)


async def take_proposals(context: AppContext, tenant: str, kind: SheetKind, *, by: str) -> Taken:
    """Of every row that nobody has filled in, what is proposed for certain. What is ambiguous is
    left to be chosen."""
    async with context.database.transaction() as conn:
        return Taken(rows=await drafts.take_all(conn, tenant, CODES[kind], by=by))


async def import_(
    context: AppContext, tenant: str, kind: SheetKind, rows: Sequence[RowSaid], *, by: str
) -> Taken:
    """All rows or none. Whether the ERP has what they name is seen by the preview. Raises WrongRows
    with each that is wrong, and why."""
    if len(rows) > MOST:
        raise Invalid(f"{len(rows)} rows are more than {MOST}", remedy="give them in several parts")
    async with context.database.transaction() as conn:
        subjects = [row.subject for row in rows]
        found = await drafts.of_subjects(conn, tenant, CODES[kind], subjects)
        known = {row.subject: row for row in found}
        wrong = [
            WrongRow(line=row.line, subject=row.subject, why=why)
            for row in rows
            if (why := _wrong(context, tenant, kind, row, known, subjects)) is not None
        ]
        if wrong:
            raise WrongRows(wrong)
        taken = 0
        for row in rows:
            now = known[row.subject]
            if row.mend == now.mend:
                continue
            version = now.version
            if not await drafts.say(conn, tenant, now.cause_id, row.mend, by=by, version=version):
                why = "somebody has filled it in at this moment"
                raise WrongRows([WrongRow(line=row.line, subject=row.subject, why=why)])
            taken += 1
    return Taken(rows=taken)


async def foresee(context: AppContext, tenant: str, kind: SheetKind, *, by: str) -> CausePreview:
    """What each open case of every row that is filled in would come to, each with its own mend,
    frozen as they are now. Raises Invalid where none is."""
    async with context.database.transaction() as conn:
        made = await batches.begin(
            conn,
            tenant,
            Begun(kind=BatchKind.PREVIEW, given={"sheet": kind.value, "mend": {}}, by=by),
        )
        if not await drafts.freeze(conn, tenant, made, CODES[kind]):
            raise Invalid(
                "no row is filled in",
                remedy="take what is proposed, or fill in at least one row",
            )
    return await preview.show(context, tenant, made)


async def _open(conn: Connection, tenant: str, kind: SheetKind, cause_id: str) -> DraftRow:
    row = await drafts.of_cause(conn, tenant, cause_id)
    if row is None or row.code not in CODES[kind]:
        raise NotFound(
            f"no open cause {cause_id} is on this sheet",
            remedy="it may have been answered meanwhile: open the sheet again",
            see=("causes", ""),
        )
    return row


def _wrong(
    context: AppContext,
    tenant: str,
    kind: SheetKind,
    row: RowSaid,
    known: dict[str | None, DraftRow],
    subjects: Sequence[str],
) -> str | None:
    """Why it cannot be taken."""
    now = known.get(row.subject)
    if now is None:
        return "nothing waits for it: it was answered, or is called otherwise"
    if subjects.count(row.subject) > 1:
        return "it stands there more than once"
    if row.version is not None and row.version != now.version and row.mend != now.mend:
        return f"{now.said_by} has filled it in since the table was made"
    try:
        _require_own(context, tenant, kind, now, row.mend)
    except Invalid as fault:
        return fault.detail
    return None


def _require_own(
    context: AppContext, tenant: str, kind: SheetKind, row: DraftRow, mend: Mend
) -> None:
    """Raises Invalid for what is another row's, or not of the kind."""
    said = mend.account if kind is SheetKind.CUSTOMERS else mend.item
    if said is None or mappings.named(said)[1] != row.subject:
        raise Invalid(
            f"what is said of {row.subject} is of something else",
            remedy="fill each row in by itself",
        )
    if mend.item is not None:
        mappings.check_tier(context, tenant, mend.item)


def _first_was(row: DraftRow) -> Conflict:
    return Conflict(
        f"{row.said_by} has filled in {row.subject} since you looked",
        remedy="look at what is said there now; what you have typed is kept on this page",
        facts={
            "by": row.said_by,
            "at": row.said_at.isoformat() if row.said_at else None,
            "action": "filled in",
        },
    )
