"""/{company}/messages: what billing and support have sent, what became of it, and again."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import RedirectResponse, Response

from canonical_models.acts import Act
from canonical_models.states import InboxStatus
from console import render
from console.asked import After, Id, Known, Word
from console.guard import Form
from console.here import Here, Needs
from console.problems import NOTHING_SENT, Refused, refused
from operations import inbox
from operations.errors import NotDone
from operations.inbox import Replay

router = APIRouter(dependencies=[Known])

Reader = Annotated[Here, Depends(Needs(Act.INBOX_READ))]
BodyReader = Annotated[Here, Depends(Needs(Act.INBOX_BODIES))]
Writer = Annotated[Here, Depends(Needs(Act.INBOX_WRITE))]


@router.get("/{company}/messages")
async def list_(
    here: Reader,
    state: InboxStatus | None = None,
    type: Word = None,  # noqa: A002 - as it is called in the address
    after: After = None,
) -> Response:
    found = await inbox.list_(
        here.context, here.company, status=state, event_type=type, after=after, limit=here.rows
    )
    return render.page(
        here,
        "pages/messages.html",
        messages=found.items,
        chosen={"state": state.value if state else None, "type": type},
        states=tuple(InboxStatus),
        following=found.next and here.url("messages", state=state, type=type, after=found.next),
    )


@router.get("/{company}/messages/{receipt}")
async def show(here: Reader, receipt: Id) -> Response:
    return await _page(here, receipt)


async def _page(
    here: Here,
    receipt: str,
    refusal: Refused = NOTHING_SENT,
    *,
    would: Replay | None = None,
    raw: bool = False,
) -> Response:
    found = await inbox.show(here.context, here.company, receipt, raw=raw)
    return render.page(
        here,
        "pages/message.html",
        status=refusal.status,
        problem=refusal.problem,
        found=found,
        item=found.item,
        would=would,
    )


@router.get("/{company}/messages/{receipt}/body")
async def body(here: BodyReader, receipt: Id) -> Response:
    """It may be personal: shown to whom that is allowed, and nowhere else."""
    return await _page(here, receipt, raw=True)


@router.post("/{company}/messages/{receipt}/try")
async def try_out(given: Form, here: Writer, receipt: Id) -> Response:
    """What reading it again would come to; nothing is done."""
    del given
    return await _again(here, receipt, dry_run=True)


@router.post("/{company}/messages/{receipt}/again")
async def again(given: Form, here: Writer, receipt: Id) -> Response:
    del given
    return await _again(here, receipt, dry_run=False)


async def _again(here: Here, receipt: str, *, dry_run: bool) -> Response:
    try:
        told = await inbox.replay(here.context, here.company, receipt, dry_run=dry_run)
    except NotDone as fault:
        return await _page(here, receipt, await refused(here, fault, {}))
    if not dry_run and told.done:
        return RedirectResponse(here.url("messages", receipt, done="read"), 303)
    return await _page(here, receipt, would=told)
