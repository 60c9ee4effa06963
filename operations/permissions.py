"""Who may do what: the one place that decides it, for the API, the command line and the console.

`may` answers from the table of acts alone. What a door shows of a refusal is in `Forbidden`, whose
sentence names, after `explained`, the colleagues who can.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import assert_never

from canonical_models.acts import ACTS, Act, Role, of_scopes, scope_of
from canonical_models.exceptions import Action, Resolution
from canonical_models.failures import Team
from canonical_models.mends import scopes_of
from operations.context import AppContext
from operations.errors import NotDone, NotFound
from persistence import exceptions, people
from persistence.keys import ApiKey


@dataclass(frozen=True)
class Principal:
    """Somebody, in one tenant; `name` is what is recorded as the author of what they do.

    A program has the scopes of its key. A person has roles besides, and may what both allow.
    """

    tenant: str
    name: str
    scopes: frozenset[str]
    roles: frozenset[Role] | None = None
    #: Of the key that was sent, for logs; None where there was none.
    key_id: str | None = None
    person_id: str | None = None

    @property
    def acts(self) -> frozenset[Act]:
        scoped = of_scopes(self.scopes)
        if self.roles is None:
            return scoped
        own = {Act.OWN_ACCOUNT} if self.person_id else set()
        return scoped & _of_roles(self.roles) | own


@dataclass(frozen=True)
class Thing:
    """What an act is about: something of a tenant, that a team may have to answer."""

    tenant: str
    owner: Team | None = None


@dataclass(frozen=True)
class Yes:
    pass


@dataclass(frozen=True)
class No:
    """`why` stands after the name; `roles` are those of whoever can."""

    why: str
    roles: tuple[Role, ...]


@dataclass(frozen=True)
class Hidden:
    """They may not even know that it exists."""


Answer = Yes | No | Hidden


class Forbidden(NotDone):
    """Known, and not allowed. `scope` is what a key for it needs; `roles` have whoever can, save
    the one who is called `but`."""

    title = "Not allowed"

    def __init__(
        self,
        detail: str,
        *,
        remedy: str,
        act: Act,
        tenant: str,
        roles: tuple[Role, ...] = (),
        but: str | None = None,
        see: tuple[str, str] | None = None,
    ) -> None:
        super().__init__(detail, remedy=remedy, see=see)
        self.but = but
        self.act = act
        self.scope = scope_of(act)
        self.tenant = tenant
        self.roles = roles


class Concealed(NotFound):
    """Known, and not even told that there is such a thing; logs say so."""

    def __init__(self, who: str, act: Act, tenant: str) -> None:
        super().__init__(
            "there is no such thing here", remedy="look at how it is called, and for whom"
        )
        self.act, self.tenant = act, tenant
        #: For logs alone.
        self.why = f"{who} may not {ACTS[act].what}, nor know of it"


def of_key(key: ApiKey) -> Principal:
    return Principal(
        tenant=key.tenant,
        name=key.name,
        scopes=frozenset(key.scopes),
        roles=None if key.person_id is None else frozenset(key.roles),
        key_id=key.key_id,
        person_id=key.person_id,
    )


def may(person: Principal, act: Act, thing: Thing) -> Answer:
    """Whether they may do it to that."""
    if thing.tenant != person.tenant:
        return Hidden()
    rule = ACTS[act]
    can = _able(act, thing)
    if act in person.acts and (person.roles is None or person.roles & can):
        return Yes()
    if rule.hidden and person.person_id is not None:
        return Hidden()
    if act in person.acts:
        return No(f"may not {rule.what} that {_said(can)} answers", _ordered(can))
    return No(f"may not {rule.what}", _ordered(can))


def require(person: Principal, act: Act, thing: Thing | None = None) -> None:
    """Raises Forbidden, and NotFound where nothing may be known of it."""
    about = thing or Thing(person.tenant)
    answer = may(person, act, about)
    match answer:
        case Yes():
            return
        case Hidden():
            raise Concealed(_called(person), act, about.tenant)
        case No(why, roles):
            raise Forbidden(
                f"{_called(person)} {why}",
                remedy=_remedy(person, act, roles),
                act=act,
                tenant=about.tenant,
                roles=() if person.person_id is None else roles,
                see=("login", "") if _nobody(person) else None,
            )
        case _:
            assert_never(answer)


async def explained(context: AppContext, refusal: Forbidden) -> Forbidden:
    """The same, with the names of who can."""
    if not refusal.roles:
        return refusal
    async with context.database.statement() as conn:
        holders = await people.holders(conn, refusal.tenant, refusal.roles)
    names = [name for name in holders if name != refusal.but]
    who = f": {', '.join(names)}" if names else ", whom nobody here has"
    return Forbidden(
        refusal.detail,
        remedy=f"{refusal.remedy}{who}",
        act=refusal.act,
        tenant=refusal.tenant,
        roles=refusal.roles,
        see=refusal.see,
    )


async def require_decision(context: AppContext, person: Principal, resolution: Resolution) -> None:
    """Of an exception: the decision, for the team whose it is, and whatever it sets on its way.
    Raises NotFound, Forbidden."""
    async with context.database.statement() as conn:
        found = await exceptions.get(conn, person.tenant, resolution.exception_id)
    if found is None:
        raise NotFound(
            f"there is no exception {resolution.exception_id}",
            remedy="list them",
            see=("all_exceptions", ""),
        )
    thing = Thing(person.tenant, Team(found.owner) if found.owner in set(Team) else None)
    for act in acts_of(resolution):
        require(person, act, thing)


def acts_of(resolution: Resolution) -> tuple[Act, ...]:
    """The decision, and whatever it sets on its way."""
    sets = (Act(scope) for scope in scopes_of(resolution))
    return (
        _DECISIONS[resolution.action],
        *(act for act in sets if act is not Act.EXCEPTIONS_WRITE),
    )


_DECISIONS = {
    Action.RETRY: Act.EXCEPTIONS_WRITE,
    Action.CORRECT: Act.EXCEPTIONS_DECIDE,
    Action.ABORT: Act.EXCEPTIONS_DECIDE,
    Action.SKIP: Act.EXCEPTIONS_DECIDE,
    Action.APPROVE: Act.EXCEPTIONS_APPROVE,
    Action.EXTEND: Act.EXCEPTIONS_DECIDE,
    Action.CREDIT: Act.EXCEPTIONS_DECIDE,
    Action.WRITE_OFF: Act.EXCEPTIONS_DECIDE,
}
_TEAMS = {Role(team.value) for team in Team}


def _of_roles(roles: Collection[Role]) -> frozenset[Act]:
    return frozenset(act for act, rule in ACTS.items() if rule.roles & frozenset(roles))


def _able(act: Act, thing: Thing) -> frozenset[Role]:
    """Of the teams its own alone, where that matters."""
    rule = ACTS[act]
    if not rule.own_team or thing.owner is None:
        return rule.roles
    return rule.roles - _TEAMS | {Role(thing.owner.value)}


def _called(person: Principal) -> str:
    return "this API key" if person.roles is None else person.name


def _nobody(person: Principal) -> bool:
    """With roles, and known by no name of a person: who has the settings at hand."""
    return person.roles is not None and person.person_id is None


def _remedy(person: Principal, act: Act, roles: tuple[Role, ...]) -> str:
    if person.roles is None:
        return f"use a key that has the scope {scope_of(act)}"
    if _nobody(person):
        return (
            "set TRUEUP_KEY to a personal key, which an administrator gives by an invitation, "
            "or sign in"
        )
    return f"ask somebody who has the role {_said(roles)}"


def _ordered(roles: Collection[Role]) -> tuple[Role, ...]:
    return tuple(role for role in Role if role in roles)


def _said(roles: Collection[Role]) -> str:
    return " or ".join(_ordered(roles))
