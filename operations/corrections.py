"""Whether a decision can mend the exception that it is for."""

from canonical_models.commerce import BillingSnapshot
from canonical_models.exceptions import Action, DocumentCorrection, Resolution, decisions_of
from canonical_models.failures import RejectionCode
from canonical_models.mapping import DEFAULT_ITEM, AccountMapping, ItemMapping, keys_of
from canonical_models.views import ExceptionView
from operations import mappings
from operations.context import AppContext
from operations.errors import Invalid
from persistence import change_runs, documents

_OF_TAX = (RejectionCode.TAX_MISMATCH, RejectionCode.TAX_UNDETERMINED)
_OF_BOOKS_MADE_BY_HAND = (
    RejectionCode.BEFORE_CUTOVER,
    RejectionCode.DOCUMENT_CONFLICT,
    RejectionCode.OUTCOME_MISMATCH,
)


def signed(resolution: Resolution) -> Resolution:
    """With the correction of a document by whom we know; what the caller says about that counts for
    nothing."""
    if resolution.document is None:
        return resolution
    document = resolution.document.model_copy(update={"by": resolution.by})
    return resolution.model_copy(update={"document": document})


async def checked(
    context: AppContext, tenant: str, exception: ExceptionView, resolution: Resolution
) -> None:
    """Raises Invalid when the decision could not mend the exception."""
    allowed = decisions_of(exception.code)
    if resolution.action not in allowed:
        raise Invalid(
            f"exception {exception.exception_id} ({exception.code}) does not take "
            f"`{resolution.action.value}`",
            remedy=f"decide one of {', '.join(action.value for action in allowed)}",
        )
    if resolution.action is not Action.CORRECT:
        if resolution.corrects:
            raise Invalid(
                f"`{resolution.action.value}` carries no correction",
                remedy="decide `correct` to set what was missing and go on with it",
            )
        return
    if not resolution.corrects:
        raise Invalid("a correction needs what was missing", remedy=_missing(exception))
    if resolution.account is not None:
        _check_account(exception, resolution.account)
    if resolution.item is not None:
        await _check_item(context, tenant, exception, resolution.item)
    if resolution.document is not None:
        await _check_document(context, tenant, exception, resolution.document)


def _check_account(exception: ExceptionView, account: AccountMapping) -> None:
    """An account is that of the customer who waits, whatever for: another's has its own door."""
    unmapped = exception.code == RejectionCode.ACCOUNT_UNMAPPED.value
    customer = exception.subject if unmapped else exception.customer_id
    if customer is not None:
        _require(exception, account.billing_customer == customer)


async def _check_item(
    context: AppContext, tenant: str, exception: ExceptionView, item: ItemMapping
) -> None:
    mappings.check_tier(context, tenant, item)
    if exception.code == RejectionCode.ITEM_UNMAPPED.value and exception.subject:
        _require(exception, item.item in await _keys(context, tenant, exception))


async def _keys(context: AppContext, tenant: str, exception: ExceptionView) -> set[str]:
    """Of item mappings that would mend it: those of every line, and of what is subscribed, that
    the unmapped one is among."""
    subject = exception.subject or DEFAULT_ITEM
    keys = {subject, DEFAULT_ITEM}
    async with context.database.statement() as conn:
        planned = await change_runs.done(conn, tenant, exception.change_id)
        # What was refused whole has no plan yet; its documents are known all the same.
        issued = await documents.page(conn, tenant, subject=exception.belongs_to, limit=100)
    known = [record.document for record in issued]
    if planned is not None:
        known += planned.snapshot.documents
    together = [set(keys_of(line)) for document in known for line in document.lines]
    if planned is not None and isinstance(planned.snapshot, BillingSnapshot):
        snapshot = planned.snapshot
        together += [set(keys_of(line)) for line in snapshot.unbilled.lines]
        together += [{item.plan.plan_id, item.plan.item} for item in snapshot.subscription.items]
    return keys.union(*(found for found in together if subject in found))


async def _check_document(
    context: AppContext, tenant: str, exception: ExceptionView, correction: DocumentCorrection
) -> None:
    if not correction.says:
        raise Invalid("the correction of the document says nothing", remedy=_missing(exception))
    async with context.database.statement() as conn:
        record = await documents.get(conn, tenant, correction.document_id)
    if record is None or record.subject != exception.belongs_to:
        raise Invalid(
            f"exception {exception.exception_id} waits for documents of {exception.belongs_to}, "
            "and the correction is of another one",
            remedy=f"name one of these: `trueup exceptions show {exception.exception_id}` says "
            "which is meant",
        )


def _require(exception: ExceptionView, mends: bool) -> None:
    if not mends:
        raise Invalid(
            f"exception {exception.exception_id} waits for a mapping of {exception.subject}, "
            "and the correction maps something else",
            remedy=_missing(exception),
        )


def _missing(exception: ExceptionView) -> str:
    code = exception.code
    if code == RejectionCode.ACCOUNT_UNMAPPED.value:
        return (
            "send `account` with billing_customer, erp_party, support_organization and "
            f"legal_entity for {exception.subject}"
        )
    if code == RejectionCode.ITEM_UNMAPPED.value:
        return (
            f"send `item` with item, erp_item and what it grants for {exception.subject}; its "
            f"product, `name=value` of its metadata and `{DEFAULT_ITEM}` for all others do as well"
        )
    if code in _OF_TAX:
        return f"send `document` with document_id {exception.subject} and the ERP's tax_code"
    if code == RejectionCode.PERIOD_CLOSED.value:
        return f"send `document` with document_id {exception.subject} and a posting_date"
    if code in _OF_BOOKS_MADE_BY_HAND:
        return (
            f"send `document` with document_id {exception.subject} and, as `link`, the ERP "
            "document that it is"
        )
    return (
        "send `account`, `item` or `document`; mend the data in the other system and `retry` else"
    )
