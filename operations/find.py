"""What an id, a number or an e-mail address is of, for people who have nothing else."""

import re

from canonical_models.base import Canonical
from operations import support
from operations.context import AppContext
from operations.errors import Conflict, Invalid, NotFound
from operations.invoices import find as find_document
from operations.support import Asked
from persistence import batches, causes, changes, exceptions, inbox, subscriptions

_ID = re.compile(r"[!-~]{1,255}")


class Found(Canonical):
    """`kind` is what it is: `exception`, `cause`, `change`, `subscription`, `document`, `message`,
    `batch` or `customer`; `key` is its id."""

    kind: str
    key: str


async def what(context: AppContext, tenant: str, said: str) -> tuple[Found, ...]:
    """All that it may be of this tenant. Raises Invalid for what is nothing of the kind, and
    NotFound."""
    asked = said.strip()
    if not asked:
        raise Invalid("nothing was said to look for", remedy="paste an id, a number or an address")
    if "@" in asked[1:]:
        return await _customers(context, tenant, Asked(email=asked))
    found: list[Found] = []
    if _ID.fullmatch(asked):
        found += await _of_id(context, tenant, asked)
    found += await _documents(context, tenant, asked)
    if not found and _ID.fullmatch(asked):
        return await _customers(context, tenant, Asked(customer=asked))
    if not found:
        raise _nothing()
    return tuple(found)


async def _of_id(context: AppContext, tenant: str, asked: str) -> list[Found]:
    async with context.database.transaction() as conn:
        known: dict[str, object] = {
            "exception": await exceptions.get(conn, tenant, asked),
            "cause": await causes.get(conn, tenant, asked),
            "change": await changes.get(conn, tenant, asked),
            "message": await inbox.find(conn, tenant, asked),
            "batch": await batches.get(conn, tenant, asked),
        }
        agreed = await subscriptions.get(conn, tenant, asked)
        told = await changes.page(conn, tenant, subject=asked, limit=1)
    if agreed is not None or told:
        known["subscription"] = agreed or told[0]
    return [Found(kind=kind, key=asked) for kind, one in known.items() if one is not None]


async def _documents(context: AppContext, tenant: str, asked: str) -> list[Found]:
    """A number of several documents is none of them."""
    try:
        async with context.database.transaction() as conn:
            record = await find_document(conn, tenant, asked)
    except (NotFound, Conflict):
        return []
    return [Found(kind="document", key=record.document.document_id)]


async def _customers(context: AppContext, tenant: str, asked: Asked) -> tuple[Found, ...]:
    told = await support.context_of(context, tenant, asked)
    return tuple(Found(kind="customer", key=each.customer_id) for each in told.customers)


def _nothing() -> NotFound:
    return NotFound(
        "nothing here has this id, number or address",
        remedy="look whether it is whole, and of this company",
    )
