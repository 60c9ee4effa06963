"""What other systems say of a row of a sheet: billing who the customer is, the ERP which of its
parties or articles that may be. What is not certain is told, and chosen by nobody but a person."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Self

from canonical_models.base import Canonical
from canonical_models.commerce import AccountProfile
from canonical_models.failures import Failure
from canonical_models.ledgering import PartyMatch
from canonical_models.mapping import AccountMapping, ItemMapping
from canonical_models.mends import OF_ITEMS, LookUp
from canonical_models.policy import AccountPolicy
from canonical_models.preview import Mend
from connectors.ports import BillingPort, ErpPort
from operations.context import AppContext
from persistence import drafts
from persistence.drafts import DraftRow
from planning.parties import reason, score

#: Rows that are looked up while somebody waits, so many of them side by side, and for how long.
AT_A_TIME, SIDE_BY_SIDE, PATIENCE = 20, 4, 8.0
#: For so long what was found is not looked up again by itself.
OLD = timedelta(days=1)


class Candidate(Canonical):
    """One that it may be: `why`, in words, and how much speaks for it, of 100."""

    id: str
    score: int
    why: str


class Proposal(Canonical):
    """`said` are billing's own words of a customer: name, tax ids, country. `mend` is what would be
    taken, with `why`; None where it is not certain: one of `candidates`, or none of them. `problem`
    says which system did not answer."""

    said: tuple[str, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    mend: Mend | None = None
    why: str | None = None
    #: Whose books it is in by the policy's rules, whoever it is in the ERP.
    entity: str | None = None
    problem: str | None = None

    @classmethod
    def kept(cls, proposed: Mapping[str, Any] | None) -> Self | None:
        return None if proposed is None else cls.model_validate(proposed, strict=False)


class LookedUpRows(Canonical):
    """How many were looked up now, and how many of them have something certain."""

    rows: int
    certain: int


async def look(context: AppContext, tenant: str, codes: tuple[str, ...]) -> LookedUpRows:
    """Look up what may fit for the next rows that nobody has filled in: twenty at most, for some
    seconds. What took longer is looked up the next time. Never raises for what a system does not
    say."""
    async with context.database.statement() as conn:
        rows = await drafts.to_look_up(conn, tenant, codes, old=OLD, limit=AT_A_TIME)
    billing, erp = context.billing(tenant), context.erp(tenant)
    settings = context.tenants.get(tenant)
    policy = settings.policy.accounts if settings else AccountPolicy()
    turns, found = asyncio.Semaphore(SIDE_BY_SIDE), list[Proposal]()

    async def one(row: DraftRow) -> None:
        async with turns:
            told = await _of(row, billing, erp, policy)
        async with context.database.statement() as conn:
            await drafts.propose(conn, tenant, row.cause_id, told.model_dump(mode="json"))
        found.append(told)

    try:
        async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as together:
            for row in rows:
                together.create_task(one(row))
    except TimeoutError:
        pass
    finally:
        for port in (billing, erp):
            if port is not None:
                await port.close()
    return LookedUpRows(rows=len(found), certain=sum(each.mend is not None for each in found))


async def _of(
    row: DraftRow, billing: BillingPort | None, erp: ErpPort | None, policy: AccountPolicy
) -> Proposal:
    subject = row.subject or ""
    if erp is None:
        return Proposal(problem="the ERP cannot be asked: no connection to it is configured here")
    if row.code in OF_ITEMS:
        return await _item(subject, erp)
    if billing is None:
        return Proposal(problem="billing cannot be asked: no connection is configured here")
    try:
        profile = await billing.account(subject)
    except Failure as failure:
        return Proposal(problem=f"billing could not say who it is: {failure.message}"[:500])
    said = _said(profile)
    try:
        matches = await erp.parties(profile)
    except Failure as failure:
        return Proposal(said=said, problem=f"the ERP could not say: {failure.message}"[:500])
    entity = policy.entity_of(profile.address.country, profile.currency)
    return customer(subject, said, matches, entity)


def customer(
    customer_id: str, said: tuple[str, ...], matches: tuple[PartyMatch, ...], entity: str | None
) -> Proposal:
    """One alone that nothing speaks against, and a rule that says whose books it is in, is a
    proposal; of several each is told."""
    candidates = tuple(
        Candidate(id=match.party, score=score(match), why=f"same {reason(match)}")
        for match in sorted(matches, key=lambda each: (-score(each), each.party))
    )[:10]
    alone = matches[0] if len(matches) == 1 else None
    if alone is None or alone.contradicts or not alone.active or entity is None:
        return Proposal(said=said, candidates=candidates, entity=entity)
    mapping = AccountMapping(
        billing_customer=customer_id,
        erp_party=alone.party,
        # As accounts that we open ourselves have it.
        support_organization=customer_id,
        legal_entity=entity,
    )
    return Proposal(
        said=said,
        candidates=candidates,
        mend=Mend(account=mapping),
        why=candidates[0].why,
        entity=entity,
    )


async def _item(item: str, erp: ErpPort) -> Proposal:
    """An article of the very code: of the item itself, or of what its metadata names."""
    code = item.partition("=")[2] or item
    try:
        found = await erp.look_up(LookUp.ERP_ITEM, code)
    except Failure as failure:
        return Proposal(problem=f"the ERP could not say: {failure.message}"[:500])
    same = [each for each in found if each.id.casefold() == code.casefold()]
    candidates = tuple(
        Candidate(
            id=each.id,
            score=80 if each in same else 40,
            why=f"{'same' if each in same else 'similar'} code, {each.name}"
            + (f", but {each.blocked}" if each.blocked else ""),
        )
        for each in found[:10]
    )
    if len(same) != 1 or same[0].blocked:
        return Proposal(candidates=candidates)
    mapping = ItemMapping(item=item, erp_item=same[0].id)
    return Proposal(candidates=candidates, mend=Mend(item=mapping), why=f"same code as {item}")


def _said(profile: AccountProfile) -> tuple[str, ...]:
    ids = (tax_id.value for tax_id in profile.tax_ids)
    return tuple(filter(None, (profile.name, *ids, profile.address.country)))
