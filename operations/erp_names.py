"""Whether the ERP has what a mapping names: asked before it is kept, so that a slip of the pen is
met by who made it and not by the next change."""

import asyncio
from datetime import UTC, datetime

from canonical_models.failures import Failure, Rejection, RejectionCode
from canonical_models.ledgering import LedgerQuestion
from canonical_models.mapping import AccountMapping, ItemMapping
from operations.context import AppContext
from operations.errors import Invalid
from persistence import mappings

#: Seconds for an answer. The saga asks again before it posts, so that an ERP that is away keeps
#: nobody from mapping.
_PATIENCE = 5.0
#: The question wants one; what is said of it is not looked at.
_ANY_CURRENCY = "EUR"
#: What of its answers is about the names; periods, rates and the like are the saga's concern.
_NAMES = {
    AccountMapping: {RejectionCode.PARTY_UNKNOWN, RejectionCode.LEGAL_ENTITY_UNKNOWN},
    ItemMapping: {RejectionCode.ITEM_NOT_POSTABLE},
}


async def require_in_erp(
    context: AppContext, tenant: str, mapping: AccountMapping | ItemMapping
) -> None:
    """Raises Invalid where the ERP says that it has no such party, legal entity or item."""
    question = await _question(context, tenant, mapping)
    erp = context.erp(tenant) if question is not None else None
    if question is None or erp is None:
        return
    try:
        async with asyncio.timeout(_PATIENCE):
            await erp.check(question)
    except Rejection as refused:
        if refused.reason in _NAMES[type(mapping)]:
            raise Invalid(str(refused), remedy="name one that the ERP has") from refused
    except (Failure, TimeoutError):
        return
    finally:
        await erp.close()


async def _question(
    context: AppContext, tenant: str, mapping: AccountMapping | ItemMapping
) -> LedgerQuestion | None:
    """None for an item before any customer is mapped: the ERP answers for somebody's document."""
    items: tuple[str, ...] = ()
    if isinstance(mapping, AccountMapping):
        party, entity = mapping.erp_party, mapping.legal_entity
    else:
        async with context.database.statement() as conn:
            somebody = await mappings.page(conn, tenant, kind="account", limit=1)
        if not somebody:
            return None
        account = AccountMapping.model_validate(somebody[0].target, strict=False)
        party, entity, items = account.erp_party, account.legal_entity, (mapping.erp_item,)
    return LedgerQuestion(
        legal_entity=entity,
        party=party,
        currency=_ANY_CURRENCY,
        on=datetime.now(UTC).date(),
        items=items,
        closed_period="first_open_day",
    )
