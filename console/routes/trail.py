"""/{company}/trail: who did what, to what; whether it stands as it was written; all of it as a
file."""

import json
from collections.abc import AsyncIterator
from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from starlette.responses import Response, StreamingResponse

from canonical_models.acts import Act
from canonical_models.audit import AuditEntry, Verification
from console import render, tables
from console.asked import After, Known, Word
from console.guard import Form
from console.here import Here, Needs
from operations import audit
from operations.audit import Which

router = APIRouter(dependencies=[Known])

Reader = Annotated[Here, Depends(Needs(Act.AUDIT_READ))]
_COLUMNS = ("number", "at", "source", "who", "origin", "action", "object", "reason", "digest")


@router.get("/{company}/trail")
async def list_(here: Reader, about: Word = None, after: After = None) -> Response:
    return await _page(here, about=about, after=after)


async def _page(
    here: Here,
    *,
    about: str | None = None,
    after: str | None = None,
    verified: Verification | None = None,
) -> Response:
    found = await audit.list_(
        here.context, here.company, Which(about=about), after=after, limit=here.rows
    )
    return render.page(
        here,
        "pages/trail.html",
        entries=found.items,
        about=about,
        verified=verified,
        following=found.next and here.url("trail", about=about, after=found.next),
    )


@router.post("/{company}/trail/verify")
async def verify(given: Form, here: Reader) -> Response:
    """Recomputed from the rows; it changes nothing."""
    del given
    found = await audit.verify(here.context, here.company)
    return await _page(here, verified=found)


@router.get("/{company}/trail/export")
async def export(here: Reader, form: Literal["csv", "jsonl"] = "csv") -> Response:
    """All of it, the oldest first, as it is read."""
    entries = audit.export(here.context, here.company)
    lines = _csv(entries) if form == "csv" else _json(entries)
    kind = "text/csv" if form == "csv" else "application/jsonl"
    headers = {"content-disposition": f'attachment; filename="trail-{here.company}.{form}"'}
    return StreamingResponse(lines, headers=headers, media_type=f"{kind}; charset=utf-8")


async def _json(entries: AsyncIterator[AuditEntry]) -> AsyncIterator[str]:
    async for entry in entries:
        yield json.dumps(entry.model_dump(mode="json"), ensure_ascii=False) + "\n"


async def _csv(entries: AsyncIterator[AuditEntry]) -> AsyncIterator[str]:
    yield tables.row(_COLUMNS)
    async for entry in entries:
        said = entry.model_dump(mode="json")
        yield tables.row([said[name] for name in _COLUMNS])
