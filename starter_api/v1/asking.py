"""Parameters that operations share."""

from typing import Annotated, Literal

from fastapi import Depends, Header, Path, Query

from operations.context import AppContext
from operations.paging import LARGEST_PAGE
from persistence.causes import Which
from starter_api.auth import context_of

#: An identifier as its system issued it: printable, without spaces.
_ID = r"^[!-~]+$"

Context = Annotated[AppContext, Depends(context_of)]

Cursor = Annotated[
    str | None,
    Query(
        max_length=1000,
        pattern=r"^[A-Za-z0-9_-]+$",
        description="`next` of the page before; without it the first page.",
    ),
]
Limit = Annotated[int, Query(ge=1, le=LARGEST_PAGE, description="Items on a page.")]
ChangeId = Annotated[str, Path(pattern=_ID, max_length=255, examples=["chg_01"])]
ExceptionId = Annotated[str, Path(pattern=_ID, max_length=255, examples=["exc_5f1d2c3b4a596877"])]
CauseId = Annotated[str, Path(pattern=_ID, max_length=255, examples=["b3bf4f1b2b0b822c"])]
SubscriptionId = Annotated[str, Path(pattern=_ID, max_length=255, examples=["sub_1QfTrueup"])]
CustomerId = Annotated[str, Path(pattern=_ID, max_length=255, examples=["cus_QfTrueup"])]
InvoiceId = Annotated[
    str,
    Path(
        pattern=_ID,
        max_length=255,
        description="Billing's id, or a number of either system that is one document's alone.",
        examples=["in_1QfTrueup"],
    ),
]
BatchId = Annotated[str, Path(pattern=_ID, max_length=255, examples=["bat_0d9c8b7a6f5e"])]
GrantId = Annotated[str, Path(pattern=_ID, max_length=255, examples=["grt_0d9c8b7a6f5e4d3c2b1a"])]
StreamName = Annotated[str, Path(pattern=_ID, max_length=63, examples=["crm"])]
Position = Annotated[int, Path(ge=1, description="Of the event in the feed.", examples=[1042])]
Receipt = Annotated[
    str, Path(pattern=_ID, max_length=255, examples=["rcp_0d9c8b7a6f5e4d3c2b1a09f8"])
]


IdempotencyKey = Annotated[
    str | None,
    Header(pattern=r"^[!-~]+$", max_length=255, description="Names this: it is done once."),
]


def only(description: str) -> object:
    """The metadata of an identifier that the query may name, to see less."""
    return Query(pattern=_ID, max_length=255, description=description)


def wanted(description: str, example: str) -> object:
    """The metadata of an identifier that the query must name."""
    return Query(pattern=_ID, max_length=255, description=description, examples=[example])


def _which(
    owner: Annotated[
        Literal["finance", "support", "operations"] | None,
        Query(description="Only those that this team answers."),
    ] = None,
    code: Annotated[str | None, only("Only of this code, such as `item_unmapped`.")] = None,
    system: Annotated[str | None, only("Only of this system, such as `erp`.")] = None,
    assignee: Annotated[
        str | None,
        Query(max_length=200, description="Only those that this person has; empty: that nobody."),
    ] = None,
    tag: Annotated[str | None, only("Only those with this tag.")] = None,
) -> Which:
    return Which(owner=owner, code=code, system=system, assignee=assignee, tag=tag)


#: Of what waits for people.
Wanted = Annotated[Which, Depends(_which)]
