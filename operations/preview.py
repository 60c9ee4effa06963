"""What would happen: asked of a worker, which plans as its sagas do. Nothing is done by asking."""

import secrets
from collections.abc import Mapping
from typing import Any

from canonical_models import mends
from canonical_models.base import Canonical, Identifier, Instant
from canonical_models.batch import Batch, BatchKind
from canonical_models.commerce import SubscriptionItem
from canonical_models.exceptions import Action, Resolution
from canonical_models.mapping import AccountMapping, ItemMapping
from canonical_models.preview import Comes, Foreseen, Mend
from canonical_models.proposal import ProposedChange
from canonical_models.views import ExceptionView
from operations import batches, corrections, exceptions, mappings
from operations.batches import Begun
from operations.context import AppContext
from operations.errors import Invalid, NotFound, Unavailable
from persistence import previews, subscriptions
from persistence.previews import PreviewTotal
from workflows.names import PREVIEW, preview_id


class CausePreview(Canonical):
    """Of all open cases of a cause; without a `cause_id`, of all subscriptions that a mapping is
    about, or of the cases of a `sheet`, each with a mend of its own. `batch` is the frozen list and
    how far it was looked at; its id is the number of the preview, and its items hold what each
    would come to. `comes` counts them, `totals` are what would be posted by those that go
    through."""

    batch: Batch
    cause_id: str | None
    sheet: str | None
    mend: Mend
    comes: Mapping[Comes, int]
    totals: tuple[PreviewTotal, ...]
    earliest: str | None
    made_at: Instant


async def of_exception(
    context: AppContext,
    tenant: str,
    exception_id: str,
    mend: Mend,
    *,
    known: ExceptionView | None = None,
) -> Foreseen:
    """The documents with lines and tax, the access and the tier that deciding it so would bring
    about; of an exception that is `known` where it was just read. Raises NotFound, Invalid where
    the mend is not for it, Unavailable."""
    exception = known or (await exceptions.read(context, tenant, exception_id))[0]
    await _mends(context, tenant, exception, mend)
    return await _foreseen(
        context, tenant, {"exception_id": exception_id, "overlay": _json(mend.overlay)}
    )


async def of_subject(
    context: AppContext,
    tenant: str,
    subject: str,
    documents: tuple[str, ...] = (),
    *,
    whole: bool = False,
) -> Foreseen:
    """What a change of it would come to that begins now, and reads these documents, or with `whole`
    all since the cutover. Raises Unavailable."""
    given = {"subject": subject, "documents": list(documents), "whole": whole}
    return await _foreseen(context, tenant, given)


class AmendmentAsked(ProposedChange):
    """A change of a subscription that somebody thinks of."""

    subscription_id: Identifier


async def of_amendment(context: AppContext, tenant: str, asked: AmendmentAsked) -> Foreseen:
    """The documents with tax, the access, the tier and the dates that billing's being asked for it
    would bring about, and whose yes they would need. Raises NotFound for a subscription that was
    never agreed on, Invalid for an item that is not its own, Unavailable."""
    own = {item.item_id for item in await agreed_items(context, tenant, asked.subscription_id)}
    for item in asked.items:
        if item.item_id is not None and item.item_id not in own:
            raise Invalid(
                f"{asked.subscription_id} has no item {item.item_id}: it has "
                f"{', '.join(sorted(own)) or 'none'}",
                remedy="name one of them, or give the price of one to add",
            )
    proposed = ProposedChange(
        items=asked.items, prorating=asked.prorating, ending=asked.ending, since=asked.since
    )
    given = {"subject": asked.subscription_id, "proposed": _json(proposed)}
    return await _foreseen(context, tenant, given)


async def agreed_items(
    context: AppContext, tenant: str, subscription_id: str
) -> tuple[SubscriptionItem, ...]:
    """As every system last agreed on it. Raises NotFound."""
    async with context.database.statement() as conn:
        agreed = await subscriptions.get(conn, tenant, subscription_id)
    if agreed is None:
        raise NotFound(
            f"nothing was agreed of a subscription {subscription_id}",
            remedy="see how it is called, or have it looked at first",
            see=("subscriptions", ""),
        )
    return agreed.subscription.items


async def of_cause(
    context: AppContext,
    tenant: str,
    cause_id: str,
    mend: Mend,
    *,
    by: str,
    beside: str | None = None,
) -> CausePreview:
    """Of all open cases of the cause, frozen as they are now, or of those alone that a release has
    not. It goes on by itself, and is seen with `show`. Raises NotFound, Invalid."""
    async with context.database.transaction() as conn:
        first = await previews.first_of(conn, tenant, cause_id)
    if first is None:
        raise NotFound(
            f"no open exception has the cause {cause_id}",
            remedy="list the open ones",
            see=("exceptions", ""),
        )
    await _mends(context, tenant, first, mend)
    async with context.database.transaction() as conn:
        made = await batches.begin(
            conn,
            tenant,
            Begun(
                kind=BatchKind.PREVIEW,
                given={"cause_id": cause_id, "mend": _json(mend)},
                by=by,
            ),
        )
        await previews.freeze(conn, tenant, made, cause_id, beside=beside)
    return await show(context, tenant, made)


async def of_mapping(
    context: AppContext, tenant: str, mapping: AccountMapping | ItemMapping, *, by: str
) -> CausePreview:
    """What it would change of the subscriptions that it is about, if it held from now on. It goes
    on by itself. Raises Invalid where it is about none that is known."""
    customer, item = None, None
    if isinstance(mapping, ItemMapping):
        mappings.check_tier(context, tenant, mapping)
        mend, item = Mend(item=mapping), mapping.item
    else:
        mend, customer = Mend(account=mapping), mapping.billing_customer
    async with context.database.transaction() as conn:
        made = await batches.begin(
            conn, tenant, Begun(kind=BatchKind.PREVIEW, given={"mend": _json(mend)}, by=by)
        )
        if not await previews.freeze_using(conn, tenant, made, customer=customer, item=item):
            raise Invalid(
                f"no subscription is known that is of {customer or item}",
                remedy="set it, and it holds for what comes",
            )
    return await show(context, tenant, made)


async def show(context: AppContext, tenant: str, preview: str) -> CausePreview:
    """Raises NotFound."""
    found = await batches.show(context, tenant, preview)
    if found.kind is not BatchKind.PREVIEW:
        raise NotFound(
            f"{preview} is no preview", remedy="make one of the cause that it is to be of"
        )
    async with context.database.statement() as conn:
        comes = await previews.comes(conn, tenant, preview)
        totals = await previews.totals(conn, tenant, preview)
    return CausePreview(
        batch=found,
        cause_id=found.given.get("cause_id"),
        sheet=found.given.get("sheet"),
        mend=Mend.model_validate(found.given["mend"], strict=False),
        comes=comes,
        totals=totals,
        earliest=min((total.earliest for total in totals if total.earliest), default=None),
        made_at=found.begun_at,
    )


def scopes_of(found: CausePreview) -> tuple[str, ...]:
    """What who puts its mends in force needs leave for."""
    if found.sheet is not None:
        return tuple(dict.fromkeys(("exceptions:write", mends.ACCOUNT.scope, mends.ITEM.scope)))
    return mends.scopes_of(_resolution("any", found.mend))


def _resolution(exception_id: str, mend: Mend) -> Resolution:
    action = Action.RETRY if mend == Mend() else Action.CORRECT
    return Resolution(exception_id=exception_id, action=action, by="what-if", **dict(mend))


async def _mends(context: AppContext, tenant: str, exception: ExceptionView, mend: Mend) -> None:
    """Raises Invalid where it could not mend that. What waits for a yes needs nothing mended: what
    the yes would bring about is planned."""
    resolution = _resolution(exception.exception_id, mend)
    if not resolution.corrects and Action.APPROVE in mends.decisions_of(exception.code):
        return
    await corrections.checked(context, tenant, exception, resolution)


async def _foreseen(context: AppContext, tenant: str, given: Mapping[str, Any]) -> Foreseen:
    found = await context.engine.result(
        PREVIEW,
        {"tenant": tenant, **given},
        workflow_id=preview_id(tenant, secrets.token_hex(8)),
        tenant=tenant,
        summary="What would happen",
    )
    if found is None:
        raise Unavailable(
            "a worker has not said in time what would happen",
            remedy="see that one runs, and ask again",
            see=("deployment", ""),
        )
    return Foreseen.model_validate(found, strict=False)


def _json(given: Canonical) -> dict[str, Any]:
    return given.model_dump(mode="json", exclude_none=True)
