"""/v1/mappings"""

from datetime import date
from typing import Annotated, Literal, Self
from urllib.parse import quote

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import model_validator
from starlette.responses import Response

from canonical_models.base import Canonical
from canonical_models.mapping import AccountMapping, ItemMapping
from canonical_models.views import MappingView
from operations import mappings, preview
from operations.errors import Invalid
from operations.mappings import Mapped
from operations.paging import Page
from operations.preview import CausePreview
from starter_api.auth import Principal, scoped
from starter_api.v1 import examples, examples_previews
from starter_api.v1.answers import begun, fresh, listed, single
from starter_api.v1.asking import Context, Cursor, Limit
from starter_api.v1.bodies import body
from starter_api.v1.described import answers, takes
from starter_api.v1.matching import IfMatch, require_unchanged
from starter_api.v1.once import Once

router = APIRouter(prefix="/mappings", tags=["mappings"])

Reader = Annotated[Principal, Depends(scoped("mappings:read"))]
Writer = Annotated[Principal, Depends(scoped("mappings:write"))]


class MappingRequest(Canonical):
    """One mapping: of an account or of an item. `valid_from` is a day that is still to come, from
    whose beginning it holds; None for from now on."""

    account: AccountMapping | None = None
    item: ItemMapping | None = None
    valid_from: date | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.account is None) == (self.item is None):
            raise ValueError("send either `account` or `item`")
        return self

    @property
    def mapping(self) -> AccountMapping | ItemMapping:
        found = self.account or self.item
        if found is None:
            raise AssertionError("the validator lets no empty request pass")
        return found


@router.get(
    "",
    summary="List mappings",
    description="Those that hold now and those that are set for later, by kind, source and when "
    "they begin. The source of an item is the id of its price or product, `name=value` of its "
    "metadata, or `*` for what nothing else names.",
    responses=answers(Page[MappingView], examples.page(examples.MAPPING)),
)
async def list_mappings(
    request: Request,
    context: Context,
    caller: Reader,
    kind: Annotated[
        Literal["account", "item"] | None, Query(description="Only mappings of this kind.")
    ] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    page = await mappings.list_(context, caller.tenant, kind=kind, after=cursor, limit=limit)
    return listed(request, page, page.next)


@router.get(
    "/{kind}/{source:path}",
    summary="Show a mapping",
    description="The one that holds now. A source may have a `/` in it, as it is or as `%2F`.",
    responses=answers(MappingView, examples.MAPPING, 404, kept=True),
)
async def show_mapping(
    request: Request,
    context: Context,
    caller: Reader,
    kind: Annotated[Literal["account", "item"], Path(examples=["item"])],
    source: Annotated[str, Path(max_length=255, examples=["prod_seats"])],
) -> Response:
    return single(request, await mappings.show(context, caller.tenant, kind, source))


@router.put(
    "",
    summary="Set a mapping",
    description="From now on it holds, or from `valid_from` on, until the next that is set; the "
    "one before it stays on record with its end. Setting what holds then already changes nothing. "
    "Of the keys of an item its price goes first, then its metadata, its product, and `*`.",
    responses=answers(Mapped, examples.MAPPED, 400, 412, 413, 415),
    openapi_extra=takes(
        MappingRequest,
        account={"account": examples.ACCOUNT},
        item={"item": examples.ITEM},
        later={"item": examples.ITEM, "valid_from": "2027-01-01"},
    ),
)
async def set_mapping(
    context: Context,
    caller: Writer,
    given: Annotated[MappingRequest, Depends(body(MappingRequest))],
    if_match: IfMatch = None,
) -> Response:
    kind, source = mappings.named(given.mapping)
    if if_match is not None:
        async with context.database.statement() as conn:
            held = await mappings.now(conn, caller.tenant, given.mapping)
        require_unchanged(if_match, held, f"/v1/mappings/{kind}/{quote(source, safe='')}")
    return fresh(
        await mappings.put(
            context, caller.tenant, given.mapping, by=caller.name, valid_from=given.valid_from
        )
    )


@router.post(
    "/preview",
    status_code=202,
    summary="Foresee what a mapping would change",
    description="Of the subscriptions of the customer, or of those that subscribe to the price or "
    "product: what the next change of each would post and give if the mapping held now. It goes on "
    "by itself: see it under `Location`. Nothing is set.",
    responses=answers(CausePreview, examples_previews.MAPPING, 400, 409, 413, 415, begun=True),
    openapi_extra=takes(MappingRequest, item={"item": examples.ITEM}),
)
async def preview_mapping(
    context: Context,
    caller: Writer,
    given: Annotated[MappingRequest, Depends(body(MappingRequest))],
    once: Once,
) -> Response:
    if given.valid_from is not None:
        raise Invalid("what is foreseen is as of now", remedy="leave `valid_from` out")

    async def made() -> Response:
        found = await preview.of_mapping(context, caller.tenant, given.mapping, by=caller.name)
        return begun(found, f"/v1/previews/{found.batch.batch_id}")

    return await once(made)
