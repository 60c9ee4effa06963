"""What would happen: asked of a worker, which plans as its sagas do. Nothing is done by asking."""

import secrets
from collections.abc import Mapping
from typing import Any

from canonical_models import mends
from canonical_models.base import Canonical, Instant
from canonical_models.batch import Batch, BatchKind
from canonical_models.exceptions import Action, Resolution
from canonical_models.mapping import AccountMapping, ItemMapping
from canonical_models.preview import Comes, Foreseen, Mend
from canonical_models.views import ExceptionView
from operations import batches, corrections, exceptions, mappings
from operations.batches import Begun
from operations.context import AppContext
from operations.errors import Invalid, NotFound, Unavailable
from persistence import previews
from persistence.previews import PreviewTotal
from workflows.names import PREVIEW, preview_id


class CausePreview(Canonical):
    """Of all open cases of a cause; without a `cause_id`, of all subscriptions that a mapping is
    about. `batch` is the frozen list and how far it was looked at; its id is the number of the
    preview, and its items hold what each would come to. `comes` counts them, `totals` are what
    would be posted by those that go through."""

    batch: Batch
    cause_id: str | None
    mend: Mend
    comes: Mapping[Comes, int]
    totals: tuple[PreviewTotal, ...]
    earliest: str | None
    made_at: Instant


async def of_exception(context: AppContext, tenant: str, exception_id: str, mend: Mend) -> Foreseen:
    """The documents with lines and tax, the access and the tier that deciding it so would bring
    about. Raises NotFound, Invalid where the mend is not for it, Unavailable."""
    detail = await exceptions.show(context, tenant, exception_id)
    await _mends(context, tenant, detail.exception, mend)
    return await _foreseen(
        context, tenant, {"exception_id": exception_id, "overlay": _json(mend.overlay)}
    )


async def of_subject(
    context: AppContext, tenant: str, subject: str, documents: tuple[str, ...] = ()
) -> Foreseen:
    """What a change of it would come to that begins now, and reads these documents. Raises
    Unavailable."""
    return await _foreseen(context, tenant, {"subject": subject, "documents": list(documents)})


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
        mend=Mend.model_validate(found.given["mend"], strict=False),
        comes=comes,
        totals=totals,
        earliest=min((total.earliest for total in totals if total.earliest), default=None),
        made_at=found.begun_at,
    )


def scopes_of(mend: Mend) -> tuple[str, ...]:
    """What who puts it in force needs leave for."""
    return mends.scopes_of(_resolution("any", mend))


def _resolution(exception_id: str, mend: Mend) -> Resolution:
    action = Action.RETRY if mend == Mend() else Action.CORRECT
    return Resolution(exception_id=exception_id, action=action, by="what-if", **dict(mend))


async def _mends(context: AppContext, tenant: str, exception: ExceptionView, mend: Mend) -> None:
    """Raises Invalid where it could not mend that."""
    resolution = _resolution(exception.exception_id, mend)
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
