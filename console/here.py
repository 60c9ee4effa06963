"""Who looks at what: a page of one company, by somebody who may see it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import quote, urlencode

from fastapi import Depends, Request

from canonical_models.acts import ACTS, Act
from canonical_models.decisions import Door
from canonical_models.decisions import Entrance as CameBy
from canonical_models.failures import Team
from console.figures import Clock
from console.guard import Entered, address_of, csrf_of, signed_in
from operations import permissions
from operations.context import AppContext
from operations.errors import NotFound
from operations.permissions import Principal, Thing
from operations.sign_in import SignedIn

_REQUEST_ID = re.compile(r"[!-~]{1,100}")


@dataclass(frozen=True)
class Able:
    """Whether somebody may; where not, `why` stands after their name, and `who` has the roles."""

    yes: bool
    why: str = ""
    who: str = ""

    def __bool__(self) -> bool:
        return self.yes


@dataclass(frozen=True)
class Here:
    """`company` is the tenant whose page it is, `who` what the person is to it."""

    request: Request
    context: AppContext
    person: SignedIn
    who: Principal
    company: str
    clock: Clock

    @property
    def csrf(self) -> str:
        return csrf_of(self.request)

    @property
    def made_at(self) -> int:
        """When the page was made, in milliseconds: what is newer is news to it."""
        return int(self.clock.now.timestamp() * 1000)

    @property
    def rows(self) -> int:
        """Of one page of a list, as they wish."""
        return self.person.settings.page_size

    def may(self, act: str, owner: str | None = None) -> Able:
        """For what a team has to answer: whether they may, too."""
        team = Team(owner) if owner in set(Team) else None
        match permissions.may(self.who, Act(act), Thing(self.company, team)):
            case permissions.Yes():
                return Able(yes=True)
            case permissions.No(why, roles):
                return Able(yes=False, why=why, who=" or ".join(roles))
            case _:
                return Able(yes=False, why=f"may not {ACTS[Act(act)].what}", who="nobody here")

    def knows(self, act: str) -> bool:
        """Whether they may know that there is such a thing at all."""
        answer = permissions.may(self.who, Act(act), Thing(self.company))
        return not isinstance(answer, permissions.Hidden)

    def url(self, *parts: str, **query: str | int | None) -> str:
        """Of a page of this company; what is None is left out."""
        return address(self.company, *parts, **query)


def address(*parts: str, **query: str | int | None) -> str:
    path = "/" + "/".join(quote(part, safe="") for part in parts)
    asked = urlencode({name: value for name, value in query.items() if value not in (None, "")})
    return f"{path}?{asked}" if asked else path


class Needs:
    """The dependency of a page or a form: who is here, who has to be allowed to do `act`."""

    def __init__(self, act: Act) -> None:
        self.act = act

    async def __call__(
        self,
        request: Request,
        company: str,
        entered: Entered,
        person: Annotated[SignedIn, Depends(signed_in)],
    ) -> Here:
        """Raises NotFound, Forbidden."""
        here = within(request, company, entered.context, person)
        request.state.here = here
        permissions.require(here.who, self.act)
        return here


def within(request: Request, company: str, context: AppContext, person: SignedIn) -> Here:
    """Raises NotFound for a company that they may not know of."""
    who = person.within(company)
    if who is None:
        raise NotFound("there is no such page", remedy="look at the address, or begin at your work")
    named = request.headers.get("x-request-id", "")
    came = CameBy(
        door=Door.CONSOLE,
        address=address_of(request),
        request_id=named if _REQUEST_ID.fullmatch(named) else None,
    )
    return Here(
        request=request,
        context=replace(context, entrance=came),
        person=person,
        who=who,
        company=company,
        clock=Clock(datetime.now(UTC), person.settings.zone or zone_of(context, company)),
    )


def zone_of(context: AppContext, company: str) -> str | None:
    settings = context.tenants.get(company)
    return settings.policy.time_zone if settings else None


def shown(here: Here, known: Mapping[str, frozenset[str]]) -> list[str]:
    """Companies to go over to, this one left out."""
    return [company for company in sorted(known) if company != here.company]
