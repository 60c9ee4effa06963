"""Where customers' accounts stand among others: who is above, who pays, what others call them.

Carried and shown, and kept with who said so; whose documents are whose is billing's to say.
"""

from collections.abc import Mapping

from pydantic import Field

from canonical_models.base import Canonical, Identifier, Slug
from canonical_models.decisions import DecisionMade, Target
from canonical_models.mapping import AccountPlace
from operations.context import AppContext
from operations.errors import Conflict, Invalid, NotFound
from operations.paging import Page, cursor, cut, words
from persistence import account_places, decisions, lookups
from persistence.account_places import AccountRow
from persistence.connection import Connection


class PlaceRequest(Canonical):
    """The whole of it: what is left out is nobody and nothing. Ids are billing's customers."""

    parent: Identifier | None = None
    payer: Identifier | None = None
    external_ids: dict[Slug, Identifier] = Field(default_factory=dict, max_length=20)


class AccountPlaced(Canonical):
    """`before` is how it stood until now; None where nothing was said of it. `changed` is False
    when it stood so already."""

    place: AccountPlace
    before: AccountPlace | None
    changed: bool


async def list_(
    context: AppContext,
    tenant: str,
    *,
    parent: str | None = None,
    payer: str | None = None,
    external: str | None = None,
    after: str | None = None,
    limit: int = 50,
) -> Page[AccountRow]:
    """All that are mapped or stand somewhere, by customer. `external` is `program:id`. Raises
    Invalid."""
    position = words(after, 1)
    async with context.database.statement() as conn:
        found = await account_places.page(
            conn,
            tenant,
            parent=parent,
            payer=payer,
            external=None if external is None else _external(external),
            after=position[0] if position else None,
            limit=limit + 1,
        )
    items, more = cut(found, limit)
    return Page[AccountRow](items=items, next=cursor(items[-1].customer_id) if more else None)


async def place(
    context: AppContext, tenant: str, customer_id: str, asked: PlaceRequest, *, by: str
) -> AccountPlaced:
    """From now on it stands so. Raises NotFound for a customer that nothing is known of, Invalid
    for a parent or payer that is unknown or stands below it, Conflict for a name that another
    has."""
    async with context.database.transaction() as conn:
        if not await lookups.known(conn, tenant, customer_id):
            raise NotFound(
                f"there is no account of customer {customer_id}: nothing of it has arrived",
                remedy="see the customers that are mapped",
                see=("customers", ""),
            )
        given = AccountPlace(customer_id=customer_id, **asked.model_dump())
        return await put(conn, context, tenant, given, by=by)


async def put(
    conn: Connection,
    context: AppContext,
    tenant: str,
    given: AccountPlace,
    *,
    by: str,
    wanted: bool = False,
) -> AccountPlaced:
    """As `place` does; with `wanted` the account is asked for itself, known or not."""
    given = await allowed(conn, tenant, given)
    before = await account_places.get(conn, tenant, given.customer_id)
    changed = before != given
    await account_places.put(conn, tenant, given, by=by, wanted=wanted)
    if changed and (before is not None or given != AccountPlace(customer_id=given.customer_id)):
        decided = DecisionMade(
            by=by,
            action="place",
            target_kind=Target.ACCOUNT,
            target_id=f"account/{given.customer_id}",
            before=before.model_dump(mode="json") if before else None,
            after=given.model_dump(mode="json"),
        )
        await decisions.record(conn, tenant, context.entrance, decided)
    return AccountPlaced(place=given, before=before, changed=changed)


async def allowed(conn: Connection, tenant: str, given: AccountPlace) -> AccountPlace:
    """As it can be kept: who pays for itself has nobody who does. Raises as `place` does. Until the
    commit no account is moved by anybody else."""
    await account_places.lock(conn, tenant)
    if given.payer == given.customer_id:
        given = given.model_copy(update={"payer": None})
    await _require_parent(conn, tenant, given)
    await _require_payer(conn, tenant, given)
    taken = await account_places.called(conn, tenant, given.external_ids, besides=given.customer_id)
    for program, other in taken.items():
        raise Conflict(
            f"{program} calls customer {other} {given.external_ids[program]} already, and not "
            f"{given.customer_id}",
            remedy="take the name from that one first, or send the right one",
        )
    return given


async def _require_parent(conn: Connection, tenant: str, given: AccountPlace) -> None:
    parent, own = given.parent, given.customer_id
    if parent is None:
        return
    if parent == own:
        raise Invalid(f"customer {own} cannot be its own parent", remedy="leave `parent` out")
    await _require_known(conn, tenant, parent, f"the parent of customer {own}")
    above = await account_places.above(conn, tenant, parent)
    if own in above:
        way = " under ".join(above[: above.index(own) + 1])
        raise Invalid(
            f"customer {own} cannot stand under {parent}, which stands under it already: {way}",
            remedy="take that one out of it first",
        )
    if len(above) > account_places.DEEPEST:
        raise Invalid(
            f"customer {own} would stand more than {account_places.DEEPEST} levels deep",
            remedy="name a parent that is higher up",
        )


async def _require_payer(conn: Connection, tenant: str, given: AccountPlace) -> None:
    """Who pays for others pays for itself: money has one step to go."""
    payer, own = given.payer, given.customer_id
    if payer is None:
        return
    await _require_known(conn, tenant, payer, f"who pays for customer {own}")
    theirs = await account_places.get(conn, tenant, payer)
    if theirs is not None and theirs.payer is not None:
        raise Invalid(
            f"customer {payer} cannot pay for {own}: {theirs.payer} pays for {payer} itself",
            remedy=f"name {theirs.payer}, or say that {payer} pays for itself",
        )
    if paying := await account_places.paid_by(conn, tenant, own):
        raise Invalid(
            f"customer {own} pays for {', '.join(paying[:5])}, and so for itself",
            remedy="say first who pays for those",
        )


async def _require_known(conn: Connection, tenant: str, customer_id: str, what: str) -> None:
    if not await lookups.known(conn, tenant, customer_id):
        raise Invalid(
            f"{what} is said to be {customer_id}, of whom nothing has arrived",
            remedy="send billing's id of a customer that is known here, or its account first",
        )


def _external(given: str) -> Mapping[str, str]:
    program, colon, name = given.partition(":")
    if not (program and colon and name):
        raise Invalid(
            "a name at another program is written `program:id`", remedy="such as `crm:0015`"
        )
    return {program: name}
