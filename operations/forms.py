"""The form of a decision: what an exception takes, with what is known already."""

from canonical_models.failures import RejectionCode
from canonical_models.mends import ACCOUNT, DOCUMENT, ITEM, Form, form_of
from canonical_models.views import ExceptionView
from persistence import documents
from persistence.connection import Connection

_OF_ITEMS = (RejectionCode.ITEM_UNMAPPED.value,)
_OF_CUSTOMERS = (RejectionCode.ACCOUNT_UNMAPPED.value, RejectionCode.ACCOUNT_AMBIGUOUS.value)


async def form(conn: Connection, tenant: str, exception: ExceptionView) -> Form:
    """Nothing is filled in that could be another one's: of several documents none is named."""
    known = {}
    if (customer := _customer(exception)) is not None:
        known[ACCOUNT.name] = customer
    if exception.code in _OF_ITEMS and exception.subject is not None:
        known[ITEM.name] = exception.subject
    if (document := await _document(conn, tenant, exception)) is not None:
        known[DOCUMENT.name] = document
    return form_of(exception.code, known=known)


def _customer(exception: ExceptionView) -> str | None:
    of_customer = exception.code in _OF_CUSTOMERS
    return exception.subject if of_customer and exception.subject else exception.customer_id


async def _document(conn: Connection, tenant: str, exception: ExceptionView) -> str | None:
    """That which it is about; else the only one of its subject that the books do not hold."""
    if exception.subject is not None:
        named = await documents.get(conn, tenant, exception.subject)
        if named is not None:
            return named.document.document_id
    left = await documents.of_subject(conn, tenant, exception.belongs_to, unsettled_only=True)
    out = [record.document.document_id for record in left if not record.in_books]
    return out[0] if len(out) == 1 else None
