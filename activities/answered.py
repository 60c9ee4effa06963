"""What systems say of what is to be planned, before it is."""

import asyncio
from collections.abc import Mapping

from activities.tenants import Tenant
from canonical_models.amendment import Refusal
from canonical_models.entitlement import SupportEntitlement
from canonical_models.failures import Rejection
from canonical_models.ledgering import LedgerAnswer, LedgerQuestion
from canonical_models.mapping import AccountMapping
from planning.books import BooksInput, questions


async def answers_of(tenant: Tenant, books: BooksInput) -> Mapping[str, LedgerAnswer | Refusal]:
    """What the ERP says of each question, side by side; equal questions are asked once."""
    asked = questions(books)

    async def ask(question: LedgerQuestion) -> LedgerAnswer | Refusal:
        try:
            return await tenant.erp.check(question)
        except Rejection as refused:
            return Refusal.of(refused)

    distinct = list(dict.fromkeys(asked.values()))
    said = dict(zip(distinct, await asyncio.gather(*map(ask, distinct)), strict=True))
    return {key: said[question] for key, question in asked.items()}


async def shown_by_support(
    tenant: Tenant, account: AccountMapping | None
) -> SupportEntitlement | None:
    """What the support platform shows; None where it has no such organisation."""
    if account is None:
        return None
    organization = await tenant.support.organization(account.support_organization)
    return organization.entitlement if organization else None
