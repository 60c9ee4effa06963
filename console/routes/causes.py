"""/{company}/causes/{id}: what is wrong, all that it holds, and the mend that answers all of it."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import RedirectResponse, Response

from canonical_models.acts import Act
from canonical_models.exceptions import Action
from canonical_models.preview import Mend
from console import render
from console.asked import After, Id, Known
from console.forms import Wrong, decision_of, inputs_of, taken
from console.guard import Form
from console.here import Here, Needs
from console.problems import NOTHING_SENT, Refused, refused
from console.routes.look_up import known as all_of
from operations import cases, causes, exceptions, preview
from operations.cases import AssignRequest, CommentRequest, TagsRequest
from operations.causes import Which
from operations.errors import NotDone

router = APIRouter(dependencies=[Known])

Reader = Annotated[Here, Depends(Needs(Act.EXCEPTIONS_READ))]
Writer = Annotated[Here, Depends(Needs(Act.EXCEPTIONS_WRITE))]


@router.get("/{company}/causes/{cause_id}")
async def show(here: Reader, cause_id: Id, after: After = None, whole: bool = False) -> Response:
    """Where all that waits is one change, its case is shown, unless the cause itself is wanted:
    that of the books where access waits as well, since the same mend answers both."""
    found = await causes.show(here.context, here.company, cause_id)
    if len({each.change_id for each in found.cases}) == 1 and not found.next and not whole:
        first = min(found.cases, key=lambda each: each.track != "books")
        return RedirectResponse(here.url("cases", first.exception_id), 303)
    return await _page(here, cause_id, known=found, after=after)


async def _page(
    here: Here,
    cause_id: str,
    refusal: Refused = NOTHING_SENT,
    *,
    known: causes.CauseDetail | None = None,
    after: str | None = None,
) -> Response:
    found = known or await causes.show(here.context, here.company, cause_id)
    items, following = found.cases, found.next
    if after is not None:
        page = await exceptions.list_(
            here.context, here.company, which=Which(cause=cause_id), after=after
        )
        items, following = page.items, page.next
    return render.page(
        here,
        "pages/cause.html",
        status=refusal.status,
        cause=found.cause,
        cases=items,
        following=following and here.url("causes", cause_id, after=following, whole="true"),
        inputs=inputs_of(found.form, all_of(here)) if found.form else (),
        history=found.history,
        problem=refusal.problem,
        sent=refusal.sent,
        faults=refusal.faults,
    )


@router.post("/{company}/causes/{cause_id}/preview")
async def foresee(given: Form, here: Writer, cause_id: Id) -> Response:
    """What each open case would come to with this mend; in force nowhere."""
    found = await causes.show(here.context, here.company, cause_id)
    try:
        mend = mend_of(found, given)
        made = await preview.of_cause(here.context, here.company, cause_id, mend, by=here.who.name)
    except (NotDone, Wrong) as fault:
        return await _page(here, cause_id, await refused(here, fault, given))
    return RedirectResponse(here.url("previews", made.batch.batch_id), 303)


def mend_of(found: causes.CauseDetail, given: dict[str, str]) -> Mend:
    """As it was filled in; empty where it was mended elsewhere. Raises Wrong."""
    if not given.get("input") or found.form is None:
        return Mend()
    decision = decision_of(found.form, Action.CORRECT, given)
    return Mend(account=decision.account, item=decision.item, document=decision.document)


@router.post("/{company}/causes/{cause_id}/assign")
async def assign(given: Form, here: Writer, cause_id: Id) -> Response:
    to, note = given.get("to", "").strip()[:200] or None, given.get("note", "").strip()[:2000]
    asked = AssignRequest(to=to, note=note)
    await cases.assign(here.context, "causes", here.company, cause_id, asked, by=here.who.name)
    return _back(here, cause_id, "assigned")


@router.post("/{company}/causes/{cause_id}/tags")
async def tag(given: Form, here: Writer, cause_id: Id) -> Response:
    try:
        asked = taken(TagsRequest, tags=words_of(given.get("tags", "")))
    except Wrong as fault:
        return await _page(here, cause_id, await refused(here, fault, given))
    await cases.tag(here.context, "causes", here.company, cause_id, asked, by=here.who.name)
    return _back(here, cause_id, "tagged")


@router.post("/{company}/causes/{cause_id}/comments")
async def comment(given: Form, here: Writer, cause_id: Id) -> Response:
    try:
        asked = taken(CommentRequest, text=given.get("text", "").strip())
    except Wrong as fault:
        return await _page(here, cause_id, await refused(here, fault, given))
    await cases.comment(here.context, "causes", here.company, cause_id, asked, by=here.who.name)
    return _back(here, cause_id, "commented")


def words_of(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text.replace(",", " ").lower().split()))


def _back(here: Here, cause_id: str, done: str) -> Response:
    return RedirectResponse(here.url("causes", cause_id, done=done, whole="true"), 303)
