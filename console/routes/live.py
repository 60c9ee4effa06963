"""/live: a stream of what has changed, never of contents; and the lines that tell it on a page."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from canonical_models.acts import Act
from console import live, render
from console.asked import Known, Word
from console.guard import Entered, csrf_of, session_of, signed_in
from console.here import Here, Needs
from console.live import Live
from operations import causes, sign_in
from operations.sign_in import SignedIn

router = APIRouter(dependencies=[Known])

Person = Annotated[SignedIn, Depends(signed_in)]
Reader = Annotated[Here, Depends(Needs(Act.EXCEPTIONS_READ))]
#: When a page was made, in milliseconds.
Since = Annotated[int, Query(ge=0, le=250_000_000_000_000)]

_UNBUFFERED = {"x-accel-buffering": "no"}


@router.get("/live")
async def stream(request: Request, entered: Entered, person: Person, since: Since) -> Response:
    """Beats, and positions: `company/topic`, and when it came to be seen. Ends with the session."""
    hub: Live = request.app.state.live
    listener = hub.join(person)
    token = session_of(request) or ""

    async def still() -> SignedIn | None:
        return await sign_in.found(entered.context, token, entered.settings, used=False)

    async def lines() -> AsyncIterator[str]:
        try:
            listener.tell(await live.missed(entered.context, person, since))
            async for line in live.events(listener, still):
                yield line
        finally:
            hub.leave(listener)

    return StreamingResponse(lines(), media_type="text/event-stream", headers=_UNBUFFERED)


@router.get("/live/positions")
async def positions(entered: Entered, person: Person, since: Since) -> Response:
    """The same, asked for: where a browser shares no stream."""
    found = await live.missed(entered.context, person, since)
    told = [{"topic": topic, "number": number} for topic, number in sorted(found.items())]
    return JSONResponse({"at": live.now_ms(), "positions": told})


@router.get("/live/session")
async def session(request: Request, person: Person) -> Response:
    """Whether what is sent now is taken, asked before it is sent: 401 where nobody is signed in.
    The token of forms is another one after another sign-in; `left` is how many seconds there are
    until it is over, and `whole` how many at the most, whatever is done."""
    told = {"csrf": csrf_of(request), "left": person.left, "whole": int(person.whole)}
    return JSONResponse(told)


@router.get("/{company}/news")
async def news(here: Reader, since: Since, team: Word = None, about: Word = None) -> Response:
    """A line of a page, asked for by it: what is read never moves, so it is told beside it."""
    then = datetime.fromtimestamp(since / 1000, UTC)
    who = here.who.name
    found, said = None, None
    if about:
        said = await causes.said_since(here.context, here.company, about, then, who=who)
    else:
        owner = None if team in {None, "all"} else team
        found = await causes.news(here.context, here.company, then, who=who, owner=owner)
    return render.page(here, "parts/news.html", found=found, said=said)
