"""/v1/audit"""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from pydantic import AwareDatetime
from starlette.responses import Response

from canonical_models.audit import AuditEntry
from operations import audit
from operations.paging import Page
from persistence.seals import Which
from starter_api.auth import Principal, scoped
from starter_api.v1 import examples, examples_audit
from starter_api.v1.answers import listed
from starter_api.v1.asking import Context, Cursor, Limit
from starter_api.v1.described import answers

router = APIRouter(prefix="/audit", tags=["audit"])

Reader = Annotated[Principal, Depends(scoped("audit:read"))]


@router.get(
    "",
    summary="Read the audit trail",
    description="What was done, the newest first: decisions of people, writes to other systems and "
    "their undoing, published events, received webhooks; who, when, from where, to what, with "
    "before, after and reason. An entry is there within seconds of what it tells.",
    responses=answers(Page[AuditEntry], examples.page(examples_audit.DECIDED)),
)
async def list_audit(
    request: Request,
    context: Context,
    caller: Reader,
    object_: Annotated[
        str | None,
        Query(
            alias="object",
            pattern=r"^[!-~]+$",
            max_length=255,
            description="Only of this business object: a change, document, customer, exception …",
        ),
    ] = None,
    since: Annotated[
        AwareDatetime | None, Query(description="Only what happened then or later.")
    ] = None,
    until: Annotated[AwareDatetime | None, Query(description="Only what happened before.")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    which = Which(about=object_, since=since, until=until)
    page = await audit.list_(context, caller.tenant, which, after=cursor, limit=limit)
    return listed(request, page, page.next)
