"""/{company}/work: what waits for people, a row a cause."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from starlette.responses import Response

from canonical_models.acts import Act
from canonical_models.failures import Team
from canonical_models.states import CauseState
from console import render
from console.asked import After, Known, Word
from console.here import Here, Needs
from operations import causes, connections
from operations.causes import Which

router = APIRouter(dependencies=[Known])

Reader = Annotated[Here, Depends(Needs(Act.EXCEPTIONS_READ))]
_TEAMS = ("finance", "support", "operations")


@router.get("/{company}/work")
async def work(
    here: Reader,
    team: Literal["finance", "support", "operations", "all"] | None = None,
    who: Literal["me", "none", "anyone"] = "anyone",
    state: Literal["open", "closed"] = "open",
    system: Word = None,
    tag: Word = None,
    after: After = None,
) -> Response:
    """Of one's own team, where that is one; those that are due first."""
    shown = team or own_team(here) or "all"
    assignee = {"me": here.who.name, "none": "", "anyone": None}[who]
    which = Which(
        owner=None if shown == "all" else shown, system=system, assignee=assignee, tag=tag
    )
    page = await causes.list_(
        here.context,
        here.company,
        state=CauseState(state),
        which=which,
        after=after,
        limit=here.rows,
    )
    counted = await causes.waiting(here.context, here.company, here.who.name)
    away = [
        each
        for each in (await connections.list_(here.context, here.company)).items
        if each.state == "open"
    ]
    return render.page(
        here,
        "pages/work.html",
        causes=page.items,
        following=page.next
        and here.url(
            "work", team=team, who=who, state=state, system=system, tag=tag, after=page.next
        ),
        counts={each.owner: each for each in counted},
        sheets=[
            (kind, count)
            for kind in ("customers", "items")
            if (count := sum(getattr(each, kind) for each in counted)) > 1
        ],
        mine=sum(each.mine for each in counted),
        late=sum(each.late for each in counted),
        chosen={"team": shown, "who": who, "state": state, "system": system, "tag": tag},
        filtered=any((system, tag, who != "anyone")),
        away=away,
        teams=_TEAMS,
    )


def own_team(here: Here) -> str | None:
    """The one whose member somebody is; None for several, and for none."""
    teams = {team.value for team in Team} & {role.value for role in here.who.roles or ()}
    return teams.pop() if len(teams) == 1 else None
