"""/{company}/cases/{id}: one case with its timeline, and what may be decided of it."""

import secrets
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.responses import RedirectResponse, Response

from canonical_models.acts import Act
from canonical_models.exceptions import Action
from canonical_models.preview import Foreseen, Mend
from console import render
from console.asked import Id, Known
from console.forms import Wrong, decision_of, inputs_of, taken
from console.guard import Form
from console.here import Here, Needs
from console.parts import part
from console.problems import NOTHING_SENT, Refused, refused
from console.routes.causes import words_of
from console.routes.look_up import known as all_of
from operations import cases, changes, exceptions, preview, undoing
from operations.cases import AssignRequest, CommentRequest, TagsRequest
from operations.errors import Invalid, NotDone
from operations.exceptions import Became, Resolved
from operations.permissions import require_decision
from operations.undoing import ReopenRequest

router = APIRouter(dependencies=[Known])

Reader = Annotated[Here, Depends(Needs(Act.EXCEPTIONS_READ))]
Writer = Annotated[Here, Depends(Needs(Act.EXCEPTIONS_WRITE))]
Decider = Annotated[Here, Depends(Needs(Act.INVOICES_DECIDE))]


@router.get("/{company}/cases/{exception_id}")
async def show(here: Reader, exception_id: Id) -> Response:
    return await page(here, exception_id)


async def page(
    here: Here,
    exception_id: str,
    refusal: Refused = NOTHING_SENT,
    *,
    template: str = "pages/case.html",
    known: exceptions.ExceptionDetail | None = None,
    foreseen: Foreseen | None = None,
    untold: str | None = None,
) -> Response:
    """What somebody has typed stays, whatever came in between."""
    found = known or await exceptions.show(here.context, here.company, exception_id)
    change = None
    if found.change is not None:
        showing = changes.show(here.context, here.company, found.change.change_id)
        change = await part("timeline", showing)
    return render.page(
        here,
        template,
        status=refusal.status,
        case=found.exception,
        found=found,
        change=change,
        inputs=inputs_of(found.form, all_of(here)),
        acts=_acts(here, found),
        once=secrets.token_urlsafe(16),
        problem=refusal.problem,
        sent=refusal.sent,
        faults=refusal.faults,
        foreseen=foreseen,
        untold=untold,
    )


def _acts(here: Here, found: exceptions.ExceptionDetail) -> dict[str, dict[str, Any]]:
    """By decision that it takes: whether they may, for whom it is otherwise."""
    needed = {
        Action.RETRY: "exceptions:write",
        Action.APPROVE: "exceptions:approve",
    }
    return {
        action.value: {
            "action": action,
            "may": here.may(needed.get(action, "exceptions:decide"), found.exception.owner),
        }
        for action in found.decisions
    }


@router.post("/{company}/cases/{exception_id}/preview")
async def foresee(given: Form, here: Reader, exception_id: Id) -> Response:
    """What deciding it so would come to, on the page itself; nothing is done."""
    found = await exceptions.show(here.context, here.company, exception_id)
    try:
        mend = Mend()
        if given.get("input"):
            decision = decision_of(found.form, Action.CORRECT, given)
            mend = Mend(account=decision.account, item=decision.item, document=decision.document)
        would = await preview.of_exception(here.context, here.company, exception_id, mend)
    except (NotDone, Wrong) as fault:
        return await page(here, exception_id, await refused(here, fault, given))
    return await page(here, exception_id, Refused(sent=given), foreseen=would)


@router.post("/{company}/cases/{exception_id}/decide")
async def decide(given: Form, here: Reader, exception_id: Id) -> Response:
    """Of two who decide, one is first, and the other is told who, when and what."""
    template = "pages/approval.html" if given.get("from") == "approvals" else "pages/case.html"
    found = await exceptions.show(here.context, here.company, exception_id)
    try:
        decision = decision_of(found.form, _action(given), given)
        if decision.action is Action.ABORT:
            typed = given.get("count", "")
            await undoing.counted(here.context, here.company, exception_id, typed)
        resolution = exceptions.resolution_of(exception_id, decision, by=here.who.name)
        await require_decision(here.context, here.who, resolution)
        done = await exceptions.resolve(
            here.context,
            here.company,
            resolution,
            digest=decision.digest,
            once=given.get("once") or None,
            roles=here.who.roles,
        )
    except (NotDone, Wrong) as fault:
        refusal = await refused(here, fault, given)
        if given.get("from") == "undo" and found.exception.state == "open":
            return await _undo(here, exception_id, refusal)
        return await page(here, exception_id, refusal, template=template)
    if template == "pages/approval.html":
        said = _done(done)
        told = "approved" if said == "decided" else said
        return RedirectResponse(here.url("approvals", done=told), 303)
    return RedirectResponse(here.url("cases", exception_id, done=_done(done)), 303)


def _action(given: dict[str, str]) -> Action:
    """Raises Invalid for what is no decision."""
    try:
        return Action(given.get("action", ""))
    except ValueError:
        raise Invalid(
            "it was not said what is decided", remedy="press one of the buttons"
        ) from None


def _done(resolved: Resolved) -> str:
    match resolved.became:
        case Became.KEPT:
            return "kept"
        case Became.NEEDS_ANOTHER:
            return "one-yes"
        case _:
            return "decided"


@router.get("/{company}/cases/{exception_id}/undo")
async def undo(here: Reader, exception_id: Id) -> Response:
    """A page of its own: what would be undone on each system, in its order, and what cannot be."""
    return await _undo(here, exception_id)


async def _undo(here: Here, exception_id: str, refusal: Refused = NOTHING_SENT) -> Response:
    found = await exceptions.show(here.context, here.company, exception_id)
    would = await undoing.abort_preview(
        here.context, here.company, exception_id, known=found.exception
    )
    return render.page(
        here,
        "pages/undo.html",
        status=refusal.status,
        case=found.exception,
        would=would,
        digest=found.digest,
        may=here.may("exceptions:decide", found.exception.owner),
        many=undoing.MANY,
        once=secrets.token_urlsafe(16),
        problem=refusal.problem,
        sent=refusal.sent,
        faults=refusal.faults,
    )


@router.post("/{company}/cases/{exception_id}/reopen")
async def reopen(given: Form, here: Decider, exception_id: Id) -> Response:
    try:
        asked = taken(ReopenRequest, reason=given.get("reason", "").strip())
        await undoing.reopen(here.context, here.company, exception_id, asked, by=here.who.name)
    except (NotDone, Wrong) as fault:
        return await page(here, exception_id, await refused(here, fault, given))
    return _back(here, exception_id, "reopened")


@router.post("/{company}/cases/{exception_id}/assign")
async def assign(given: Form, here: Writer, exception_id: Id) -> Response:
    to, note = given.get("to", "").strip()[:200] or None, given.get("note", "").strip()[:2000]
    asked = AssignRequest(to=to, note=note)
    who = here.who.name
    await cases.assign(here.context, "exceptions", here.company, exception_id, asked, by=who)
    return _back(here, exception_id, "assigned")


@router.post("/{company}/cases/{exception_id}/tags")
async def tag(given: Form, here: Writer, exception_id: Id) -> Response:
    try:
        asked = taken(TagsRequest, tags=words_of(given.get("tags", "")))
    except Wrong as fault:
        return await page(here, exception_id, await refused(here, fault, given))
    who = here.who.name
    await cases.tag(here.context, "exceptions", here.company, exception_id, asked, by=who)
    return _back(here, exception_id, "tagged")


@router.post("/{company}/cases/{exception_id}/comments")
async def comment(given: Form, here: Writer, exception_id: Id) -> Response:
    try:
        asked = taken(CommentRequest, text=given.get("text", "").strip())
    except Wrong as fault:
        return await page(here, exception_id, await refused(here, fault, given))
    who = here.who.name
    await cases.comment(here.context, "exceptions", here.company, exception_id, asked, by=who)
    return _back(here, exception_id, "commented")


def _back(here: Here, exception_id: str, done: str) -> Response:
    return RedirectResponse(here.url("cases", exception_id, done=done), 303)
