"""/{company}/accounts: customers' accounts, where each stands, and what becomes of one that is to
be in the ERP: matched, proposed to a person, or made."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.responses import RedirectResponse, Response

from canonical_models.acts import Act
from console import render
from console.asked import After, Id, Known, Word
from console.forms import Wrong, taken
from console.guard import Form
from console.here import Here, Needs
from console.problems import NOTHING_SENT, Refused, refused
from operations import account_places, account_sync, accounts
from operations.account_places import PlaceRequest
from operations.account_sync import AccountAsked, AccountSynced
from operations.errors import NotDone

router = APIRouter(dependencies=[Known])

Reader = Annotated[Here, Depends(Needs(Act.ACCOUNTS_READ))]
Writer = Annotated[Here, Depends(Needs(Act.ACCOUNTS_WRITE))]


@router.get("/{company}/accounts")
async def list_(
    here: Reader, parent: Word = None, payer: Word = None, after: After = None
) -> Response:
    return await _list(here, parent=parent, payer=payer, after=after)


async def _list(
    here: Here,
    refusal: Refused = NOTHING_SENT,
    *,
    would: AccountSynced | None = None,
    parent: str | None = None,
    payer: str | None = None,
    after: str | None = None,
) -> Response:
    found = await account_places.list_(
        here.context, here.company, parent=parent, payer=payer, after=after, limit=here.rows
    )
    return render.page(
        here,
        "pages/accounts.html",
        status=refusal.status,
        accounts=found.items,
        chosen={"parent": parent, "payer": payer},
        following=found.next and here.url("accounts", parent=parent, payer=payer, after=found.next),
        would=would,
        may=here.may("accounts:write"),
        problem=refusal.problem,
        sent=refusal.sent,
        faults=refusal.faults,
    )


@router.post("/{company}/accounts/look")
async def look(given: Form, here: Writer) -> Response:
    """What would become of it: billing and the ERP are asked now, and nothing is done."""
    try:
        would = await account_sync.sync(
            here.context, here.company, _asked(given), by=here.who.name, dry_run=True
        )
    except (NotDone, Wrong) as fault:
        return await _list(here, await refused(here, fault, given))
    return await _list(here, Refused(sent=given), would=would)


@router.post("/{company}/accounts/bring")
async def bring(given: Form, here: Writer) -> Response:
    """By the account's own change, once whoever asks."""
    try:
        made = await account_sync.sync(here.context, here.company, _asked(given), by=here.who.name)
    except (NotDone, Wrong) as fault:
        return await _list(here, await refused(here, fault, given))
    done = f"account-{made.outcome}"
    return RedirectResponse(here.url("accounts", made.customer_id, done=done), 303)


def _asked(given: dict[str, str]) -> AccountAsked:
    """What is left empty is not said: it stays as it is. Raises Wrong."""
    said: dict[str, Any] = {"customer_id": given.get("customer_id", "").strip()}
    said |= {name: text for name in ("parent", "payer") if (text := given.get(name, "").strip())}
    return taken(AccountAsked, **said)


@router.get("/{company}/accounts/{customer_id}")
async def show(here: Reader, customer_id: Id) -> Response:
    return await _account(here, customer_id)


async def _account(here: Here, customer_id: str, refusal: Refused = NOTHING_SENT) -> Response:
    found = await accounts.show(here.context, here.company, customer_id)
    place = found.place
    names = place.external_ids if place else {}
    stands = {
        "parent": (place and place.parent) or "",
        "payer": (place and place.payer) or "",
        "external": ", ".join(f"{program}:{name}" for program, name in sorted(names.items())),
    }
    return render.page(
        here,
        "pages/account.html",
        status=refusal.status,
        found=found,
        proposals=[each for each in found.exceptions if each.code in account_sync.PROPOSALS],
        may=here.may("accounts:write"),
        stands=stands,
        problem=refusal.problem,
        sent=refusal.sent,
        faults=refusal.faults,
    )


@router.post("/{company}/accounts/{customer_id}/place")
async def place(given: Form, here: Writer, customer_id: Id) -> Response:
    """From now on it stands so: what is left empty is nobody, and no name."""
    try:
        asked = taken(
            PlaceRequest,
            parent=given.get("parent", "").strip() or None,
            payer=given.get("payer", "").strip() or None,
            external_ids=_names(given.get("external", "")),
        )
        made = await account_places.place(
            here.context, here.company, customer_id, asked, by=here.who.name
        )
    except (NotDone, Wrong) as fault:
        return await _account(here, customer_id, await refused(here, fault, given))
    done = "placed" if made.changed else "placed-already"
    return RedirectResponse(here.url("accounts", customer_id, done=done), 303)


def _names(text: str) -> dict[str, str]:
    """Such as `crm:0015, shop:9`. Raises Wrong."""
    names: dict[str, str] = {}
    for each in filter(None, (part.strip() for part in text.split(","))):
        program, _, name = each.partition(":")
        if not program or not name or program in names:
            why = f"{each!r} is not one name a program: write `crm:0015, shop:9`"
            raise Wrong({"external": why})
        names[program] = name
    return names
