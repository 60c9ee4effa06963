"""/{company}/kinds/{kind}: many causes of one kind as a sheet, one answer each, kept row by row."""

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.responses import RedirectResponse, Response

from canonical_models.acts import Act
from canonical_models.preview import Mend
from console import render, tables
from console.asked import After, Known
from console.forms import Field, Options, Wrong, fields_of, filled, taken
from console.guard import Form, Table
from console.here import Here, Needs
from console.problems import NOTHING_SENT, Refused, refused
from console.routes.look_up import known
from console.words import plural
from operations import proposing, sheets
from operations.errors import Conflict, NotDone
from operations.sheets import CODES, RowSaid, Said, SheetKind, SheetRow, WrongRow, WrongRows

router = APIRouter(dependencies=[Known])

Reader = Annotated[Here, Depends(Needs(Act.EXCEPTIONS_READ))]
Filler = Annotated[Here, Depends(Needs(Act.MAPPINGS_WRITE))]

#: Rows of one page that are kept side by side: each asks the ERP.
_SIDE_BY_SIDE = 6
#: What the address says where nothing was looked up in time.
_SILENT = "silent"


@dataclass(frozen=True)
class Shown:
    """A row as it is filled in, or as somebody has typed it; `key` is empty where nothing is."""

    row: SheetRow
    fields: tuple[Field, ...]
    #: Of what was shown, so that a row that nobody touches is not sent for it.
    was: str
    faults: Mapping[str, str] = field(default_factory=dict)
    why: str | None = None

    @property
    def id(self) -> str:
        return self.row.cause.cause_id

    @property
    def filled(self) -> bool:
        return self.row.cause.mend is not None


@dataclass(frozen=True)
class Typed:
    """What was sent, and what of it is wrong, by row."""

    sent: Mapping[str, str] = field(default_factory=dict)
    faults: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    why: Mapping[str, str] = field(default_factory=dict)


@router.get("/{company}/kinds/{kind}")
async def show(here: Reader, kind: SheetKind, after: After = None) -> Response:
    return await _page(here, kind, after=after)


async def _page(
    here: Here,
    kind: SheetKind,
    refusal: Refused = NOTHING_SENT,
    *,
    typed: Typed | None = None,
    wrong: tuple[WrongRow, ...] = (),
    after: str | None = None,
) -> Response:
    """What somebody has typed stays, whatever came in between."""
    found = await sheets.show(here.context, here.company, kind, after=after, limit=here.rows)
    options, told = known(here), typed or Typed()
    return render.page(
        here,
        "pages/sheet.html",
        status=refusal.status,
        problem=refusal.problem,
        kind=kind.value,
        found=found,
        counted=found.counted,
        columns=_fields(kind, options),
        rows=[_shown(row, kind, options, told) for row in found.rows],
        wrong=wrong,
        # As long as each time some answer, and nothing stands here that somebody has typed.
        by_itself=found.counted.unseen > 0
        and here.request.method == "GET"
        and here.request.query_params.get("done") != _SILENT
        and bool(here.may(Act.MAPPINGS_WRITE)),
        text=refusal.sent.get("text", ""),
        codes=CODES[kind],
        following=found.next and here.url("kinds", kind.value, after=found.next),
    )


def _fields(kind: SheetKind, options: Options) -> list[Field]:
    """The columns to fill in; what a row is of is its first cell."""
    source = f"{sheets.form(kind).name}.{sheets.source_of(kind)}"
    return [each for each in fields_of(sheets.form(kind), options) if each.name != source]


def _shown(row: SheetRow, kind: SheetKind, options: Options, typed: Typed) -> Shown:
    said, cause_id = values(row, kind), row.cause.cause_id
    cells = []
    for each in _fields(kind, options):
        name = each.name.rpartition(".")[2]
        sent = f"{cause_id}.{name}"
        value = typed.sent.get(sent, said.get(name, ""))
        cells.append(Field(**{**vars(each), "name": sent, "value": value}))
    faults, why = typed.faults.get(cause_id, {}), typed.why.get(cause_id)
    return Shown(row, tuple(cells), _mark(kind, said), faults, why)


def _mark(kind: SheetKind, said: Mapping[str, str]) -> str:
    told = "\0".join(said.get(name, "").strip() for name in _names(kind))
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def values(row: SheetRow, kind: SheetKind) -> dict[str, str]:
    """What is said of a row; before anything is, what accounts have that we open ourselves."""
    mend = row.cause.mend
    mapping: Any = None
    if mend is not None:
        mapping = mend.account or mend.item
    if mapping is None:
        return sheets.usual(kind, row)
    told = mapping.model_dump(mode="json", exclude_none=True)
    return {name: ", ".join(v) if isinstance(v, list) else str(v) for name, v in told.items()}


def key_of(kind: SheetKind) -> str:
    """The field without which nothing is said of a row."""
    return _fields(kind, {})[0].name.rpartition(".")[2]


def mend_of(kind: SheetKind, subject: str, said: Mapping[str, str]) -> Mend | None:
    """As a row is filled in; None where it is not. Raises Wrong."""
    if not said.get(key_of(kind), "").strip():
        return None
    given = sheets.form(kind)
    sent = {f"{given.name}.{name}": value for name, value in said.items()}
    sent[f"{given.name}.{sheets.source_of(kind)}"] = subject
    try:
        return taken(Mend, **{given.name: filled(given, sent)})
    except Wrong as fault:
        raise Wrong({name.partition(".")[2]: why for name, why in fault.faults.items()}) from None


@router.post("/{company}/kinds/{kind}/rows")
async def keep(given: Table, here: Filler, kind: SheetKind) -> Response:
    """Each row that was filled in is kept by itself; one that is wrong stays as it was typed."""
    rows = await sheets.rows(here.context, here.company, kind, _sent_rows(given))
    turns, why = asyncio.Semaphore(_SIDE_BY_SIDE), dict[str, str]()
    faults: dict[str, Mapping[str, str]] = {}
    conflicts: list[NotDone] = []
    take = given.get("take")

    async def one(row: SheetRow) -> None:
        cause_id = row.cause.cause_id
        said = {name: given.get(f"{cause_id}.{name}", "") for name in _names(kind)}
        try:
            if take != cause_id and _mark(kind, said) == given.get(f"{cause_id}.was"):
                return
            mend = mend_of(kind, row.subject, said)
            if take == cause_id and row.proposal is not None:
                mend = row.proposal.mend or mend
            if mend is None and row.cause.mend is None:
                return
            version = taken(Said, cause_id=cause_id, version=given.get(f"{cause_id}.version", "0"))
            async with turns:
                await sheets.say(
                    here.context,
                    here.company,
                    kind,
                    version.model_copy(update={"mend": mend}),
                    by=here.who.name,
                )
        except Wrong as fault:
            faults[cause_id] = fault.faults
        except NotDone as fault:
            why[cause_id] = f"{fault.detail}. {fault.remedy.capitalize()}."
            conflicts.append(fault)

    await asyncio.gather(*(one(row) for row in rows))
    if faults or why:
        status = 409 if not faults and all(isinstance(f, Conflict) for f in conflicts) else 422
        left = {name: v for name, v in given.items() if name.partition(".")[0] in {*faults, *why}}
        # What is sent next is about what is shown now.
        left = {n: v for n, v in left.items() if not n.endswith((".version", ".was"))}
        problem = {
            "title": "There is a problem",
            "detail": f"{plural(len({*faults, *why}), 'row was', 'rows were')} not kept, and says "
            "why; all others were kept",
            "remedy": "correct them and keep them again: what was typed is still there",
        }
        refusal = Refused(status, problem, given)
        return await _page(here, kind, refusal, typed=Typed(left, faults, why))
    if given.get("then") == "preview":
        return await _foreseen(here, kind)
    return RedirectResponse(here.url("kinds", kind.value, done="rows"), 303)


async def _foreseen(here: Here, kind: SheetKind) -> Response:
    try:
        made = await sheets.foresee(here.context, here.company, kind, by=here.who.name)
    except NotDone as fault:
        return await _page(here, kind, await refused(here, fault, {}))
    return RedirectResponse(here.url("previews", made.batch.batch_id), 303)


def _names(kind: SheetKind) -> list[str]:
    return [each.name.rpartition(".")[2] for each in _fields(kind, {})]


def _sent_rows(given: Mapping[str, str]) -> list[str]:
    return [name.removesuffix(".version") for name in given if name.endswith(".version")]


@router.post("/{company}/kinds/{kind}/take-all")
async def take_all(given: Form, here: Filler, kind: SheetKind) -> Response:
    del given
    await sheets.take_proposals(here.context, here.company, kind, by=here.who.name)
    return RedirectResponse(here.url("kinds", kind.value, done="proposals"), 303)


@router.post("/{company}/kinds/{kind}/propose")
async def propose(given: Form, here: Filler, kind: SheetKind) -> Response:
    """The next twenty are looked up in billing and the ERP, in some seconds."""
    del given
    found = await proposing.look(here.context, here.company, CODES[kind])
    left = (await sheets.show(here.context, here.company, kind, limit=1)).counted.unseen
    done = _SILENT if left and not found.rows else "proposed"
    return RedirectResponse(here.url("kinds", kind.value, done=done), 303)


@router.get("/{company}/kinds/{kind}/table")
async def table(here: Reader, kind: SheetKind) -> Response:
    """All rows as a file that a spreadsheet opens and that comes back as it is."""
    columns, lines = _columns(kind), []
    for row in await sheets.whole(here.context, here.company, kind):
        said, told = values(row, kind), row.proposal
        told_by = (", ".join(told.said), told.why or _candidates(told)) if told else ("", "")
        cells = [row.subject, *(said.get(name, "") for name in columns[1:-3])]
        lines.append(tables.row([*cells, *told_by, row.cause.version]))
    headers = {"content-disposition": f'attachment; filename="{kind.value}-{here.company}.csv"'}
    text = "\ufeff" + tables.row(columns) + "".join(lines)
    return Response(text, media_type="text/csv; charset=utf-8", headers=headers)


def _candidates(told: proposing.Proposal) -> str:
    return "; ".join(f"{each.id} ({each.why})" for each in told.candidates)


def _columns(kind: SheetKind) -> list[str]:
    return [sheets.source_of(kind), *_names(kind), "billing_says", "proposed", "version"]


@router.post("/{company}/kinds/{kind}/import")
async def bring(given: Table, here: Filler, kind: SheetKind) -> Response:
    """All of it or nothing; each row that is wrong is named with its line and why."""
    text = given.get("file") or given.get("text", "")
    try:
        read = tables.read(text, _columns(kind), most=sheets.MOST)
        done = await sheets.import_(
            here.context, here.company, kind, _rows(kind, read), by=here.who.name
        )
    except tables.Unreadable as fault:
        said = {"title": "Nothing was taken", "detail": f"This is no table: {fault}"}
        problem = {**said, "remedy": "give the table that this page has sent, filled in"}
        return await _page(here, kind, Refused(422, problem, given))
    except WrongRows as fault:
        return await _page(here, kind, await refused(here, fault, given), wrong=fault.wrong)
    except NotDone as fault:
        return await _page(here, kind, await refused(here, fault, given))
    what = "rows" if done.rows else "same"
    return RedirectResponse(here.url("kinds", kind.value, done=what), 303)


def _rows(kind: SheetKind, read: list[tuple[int, dict[str, str]]]) -> list[RowSaid]:
    """Rows that say something. Raises WrongRows where some cannot be read."""
    rows, wrong = [], []
    source = sheets.source_of(kind)
    for line, cells in read:
        subject = ""
        try:
            subject = tables.up(cells.get(source, ""))
            said = {name: tables.up(cells.get(name, "")) for name in _names(kind)}
            version = tables.up(cells.get("version", ""))
            mend = mend_of(kind, subject, said)
        except tables.Formula as fault:
            why = f"{str(fault)[:60]} is a formula: give what it comes to"
        except Wrong as fault:
            why = "; ".join(f"{name}: {each}" for name, each in fault.faults.items())
        else:
            if mend is None:
                continue
            if not version or version.isdecimal():
                number = int(version) if version else None
                rows.append(RowSaid(line=line, subject=subject, version=number, mend=mend))
                continue
            why = "its version is no number: leave that column as it was"
        wrong.append(WrongRow(line=line, subject=subject, why=why))
    if wrong:
        raise WrongRows(wrong)
    return rows
