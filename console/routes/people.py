"""/{company}/people, /keys: who may come in, and which programs. Shown to administrators alone."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import RedirectResponse, Response

from canonical_models.acts import Act, Role
from console import render
from console.asked import After, Id, Known
from console.forms import Wrong, taken
from console.guard import Form
from console.here import Here, Needs
from console.problems import NOTHING_SENT, Refused, refused
from operations import keys, people
from operations.errors import Invalid, NotDone
from operations.keys import SCOPES, KeyMade
from operations.people import NewPerson

router = APIRouter(dependencies=[Known])

Reader = Annotated[Here, Depends(Needs(Act.PEOPLE_READ))]
Writer = Annotated[Here, Depends(Needs(Act.PEOPLE_WRITE))]
KeyReader = Annotated[Here, Depends(Needs(Act.KEYS_READ))]
KeyWriter = Annotated[Here, Depends(Needs(Act.KEYS_WRITE))]


@router.get("/{company}/people")
async def list_(here: Reader, after: After = None) -> Response:
    return await _people(here, after=after)


async def _people(
    here: Here,
    refusal: Refused = NOTHING_SENT,
    *,
    after: str | None = None,
    link: tuple[str, str] | None = None,
) -> Response:
    """`link` is of somebody who was invited, shown this once."""
    found = await people.list_(here.context, here.company, after=after, limit=here.rows)
    return render.page(
        here,
        "pages/people.html",
        status=refusal.status,
        problem=refusal.problem,
        sent=refusal.sent,
        people=found.items,
        following=found.next and here.url("people", after=found.next),
        roles=tuple(Role),
        link=link,
    )


@router.post("/{company}/people/add")
async def add(given: Form, here: Writer) -> Response:
    try:
        new = taken(
            NewPerson,
            name=given.get("name", "").strip().lower(),
            email=given.get("email", "").strip() or None,
            roles=roles_of(given),
        )
        await people.add(here.context, here.company, new, by=here.who.name)
    except (NotDone, Wrong) as fault:
        return await _people(here, await refused(here, fault, given))
    return RedirectResponse(here.url("people", done="person"), 303)


@router.post("/{company}/people/{name}/roles")
async def set_roles(given: Form, here: Writer, name: Id) -> Response:
    """These and no others, from their next page on."""
    try:
        chosen = roles_of(given)
        if not chosen:
            raise Invalid(f"{name} needs a role", remedy="choose one, or remove the person")
        await people.set_roles(here.context, here.company, name, chosen, by=here.who.name)
    except NotDone as fault:
        return await _people(here, await refused(here, fault, given))
    return RedirectResponse(here.url("people", done="roles"), 303)


@router.post("/{company}/people/{name}/invite")
async def invite(request: Request, given: Form, here: Writer, name: Id) -> Response:
    """The link is on this page and nowhere else."""
    del given
    try:
        made = await people.invite(here.context, here.company, name)
    except NotDone as fault:
        return await _people(here, await refused(here, fault, {}))
    link = f"{str(request.base_url).rstrip('/')}/sign-in/link/{made.invitation}"
    return await _people(here, link=(made.name, link))


@router.post("/{company}/people/{name}/remove")
async def remove(given: Form, here: Writer, name: Id) -> Response:
    del given
    try:
        await people.remove(here.context, here.company, name, by=here.who.name)
    except NotDone as fault:
        return await _people(here, await refused(here, fault, {}))
    return RedirectResponse(here.url("people", done="removed"), 303)


def roles_of(given: dict[str, str]) -> tuple[Role, ...]:
    return tuple(role for role in Role if given.get(f"role-{role.value}"))


@router.get("/{company}/keys")
async def list_keys(here: KeyReader, after: After = None) -> Response:
    return await _keys(here, after=after)


async def _keys(
    here: Here,
    refusal: Refused = NOTHING_SENT,
    *,
    after: str | None = None,
    made: KeyMade | None = None,
) -> Response:
    found = await keys.list_(here.context, here.company, after=after, limit=here.rows)
    return render.page(
        here,
        "pages/keys.html",
        status=refusal.status,
        problem=refusal.problem,
        sent=refusal.sent,
        keys=found.items,
        following=found.next and here.url("keys", after=found.next),
        scopes=SCOPES,
        made=made,
    )


@router.post("/{company}/keys/create")
async def create(given: Form, here: KeyWriter) -> Response:
    """Of a program. The key itself is on this page and nowhere else."""
    scopes = tuple(scope for scope in SCOPES if given.get(f"scope-{scope}"))
    name, days = given.get("name", "").strip(), given.get("days", "").strip()
    try:
        if not (name and scopes) or len(name) > 200 or not (days.isdigit() or not days):
            raise Invalid(
                "a key has a name, and something that it may do",
                remedy="name the program, choose what it may, and give days as a number or not",
            )
        lasts = timedelta(days=min(int(days), 3660)) if days else None
        made = await keys.create(here.context, here.company, name, scopes, lasts=lasts)
    except NotDone as fault:
        return await _keys(here, await refused(here, fault, given))
    return await _keys(here, made=made)


@router.post("/{company}/keys/{key_id}/rotate")
async def rotate(given: Form, here: KeyWriter, key_id: Id) -> Response:
    """A new one for the same holder; the one before opens for a day still."""
    del given
    try:
        made = await keys.rotate(here.context, here.company, key_id)
    except NotDone as fault:
        return await _keys(here, await refused(here, fault, {}))
    return await _keys(here, made=made)


@router.post("/{company}/keys/{key_id}/revoke")
async def revoke(given: Form, here: KeyWriter, key_id: Id) -> Response:
    del given
    try:
        await keys.revoke(here.context, here.company, key_id)
    except NotDone as fault:
        return await _keys(here, await refused(here, fault, {}))
    return RedirectResponse(here.url("keys", done="revoked"), 303)
