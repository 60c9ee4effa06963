"""What taking a customer over comes to: access, documents that are linked, changes that are asked
for, and what is left for people. Reads ERP and support; changes nothing."""

from dataclasses import dataclass, replace

from activities.adoption_accounts import NEW_PARTY, refusal
from activities.adoption_asking import Asked, changes_asked, posted_as
from activities.adoption_reading import READS, Seen
from activities.gather import each_of, gather
from activities.tenants import Tenant
from canonical_models.adoption import (
    AccountStep,
    AdoptedCustomer,
    AdoptionCause,
    AdoptionFigures,
    Finding,
)
from canonical_models.amendment import AccessPlan
from canonical_models.commerce import BillingSnapshot
from canonical_models.documents import BillingDocument
from canonical_models.entitlement import NO_SUPPORT, SupportEntitlement
from canonical_models.failures import ContractDrift, Rejection, RejectionCode
from canonical_models.ledgering import ErpDocument, OpenItem
from canonical_models.mapping import AccountMapping
from planning.access import AccessInput, plan_access
from planning.adoption import balance_findings, balances_at, matched, to_be_found, unmapped
from planning.support import merged_support


@dataclass(frozen=True)
class Given:
    """A subscription that is taken over, and what it gives."""

    snapshot: BillingSnapshot
    access: AccessPlan

    @property
    def of(self) -> str:
        return self.snapshot.subscription.subscription_id


@dataclass(frozen=True)
class TakeOver:
    """`publish` is what support is to show, None where it shows that. A customer of which anything
    `blocks` is not given, so that no system learns of half of what it may use."""

    seen: Seen
    given: tuple[Given, ...]
    publish: SupportEntitlement | None
    links: dict[str, ErpDocument]
    asked: tuple[Asked, ...]
    findings: tuple[Finding, ...]
    figures: AdoptionFigures

    @property
    def blocked(self) -> bool:
        return any(finding.blocks for finding in self.findings)

    @property
    def told(self) -> AdoptedCustomer:
        figures = self.figures.model_copy(
            update={
                "linked": self.figures.linked + len(self.links),
                "given": 0 if self.blocked else len(self.given),
                "asked": 0 if self.blocked else len(self.asked),
            }
        )
        return AdoptedCustomer(
            customer_id=self.seen.customer_id, findings=self.findings, figures=figures
        )

    def but(self, *findings: Finding) -> "TakeOver":
        """With what came out when it was carried out."""
        missed = {finding.subject for finding in findings}
        links = {key: found for key, found in self.links.items() if key not in missed}
        return replace(self, findings=(*self.findings, *findings), links=links)


async def planned(tenant: Tenant, seen: Seen) -> TakeOver:
    mapping, cutover = seen.proposal.mapping, tenant.books_from
    given, refused = _access(tenant, seen)
    (publish, of_support), (links, of_documents), (open_items, of_account) = await _elsewhere(
        tenant, seen, given
    )
    ours = [each for each in seen.documents if each.issued_at >= cutover]
    subscribed = [each.subscription for each in seen.subscriptions]
    sides = balances_at(cutover, balance=seen.account.balance, moved=seen.moved, items=open_items)
    findings = (
        *seen.refused,
        *seen.proposal.findings,
        *unmapped(subscribed, ours, seen.items, tenant.zone(mapping)),
        *refused,
        *of_support,
        *of_documents,
        *of_account,
        *(balance_findings(seen.customer_id, sides) if mapping and not of_account else ()),
    )
    before = [each for each in seen.documents if to_be_found(each, cutover)]
    pending = [each.snapshot for each in given]
    return TakeOver(
        seen=seen,
        given=given,
        publish=publish,
        links=links,
        asked=changes_asked(tenant, seen, links, pending),
        findings=findings,
        figures=AdoptionFigures(
            account=seen.proposal.step,
            subscriptions=len(seen.subscriptions),
            documents=len(before),
            linked=sum(posted_as(seen, each) is not None for each in before),
            balances=sides,
        ),
    )


def _access(tenant: Tenant, seen: Seen) -> tuple[tuple[Given, ...], tuple[Finding, ...]]:
    """Of the subscriptions that nothing was agreed of yet and that no change is at work on."""
    given, findings = [], []
    for snapshot in seen.subscriptions:
        subscription = snapshot.subscription
        of = subscription.subscription_id
        if of in seen.known.agreed | seen.known.changing:
            continue
        access = plan_access(
            AccessInput(
                subscription=subscription,
                account=seen.proposal.mapping,
                items=seen.items,
                tiers=tenant.policy.tiers,
                grants=tuple(each for each in seen.known.held if each.subscription_id == of),
                others=seen.known.beside,
                time_zone=tenant.zone(seen.proposal.mapping),
            )
        )
        given.append(Given(snapshot, access))
        why = access.refused
        if why is not None and why.code not in _TOLD_OTHERWISE:
            subject = why.subject or of
            findings.append(
                Finding(cause=why.code, subject=subject, message=why.message[:2000], blocks=True)
            )
    return tuple(given), tuple(findings)


#: By what is found of the account, and of each item.
_TOLD_OTHERWISE = (RejectionCode.ACCOUNT_UNMAPPED, RejectionCode.ITEM_UNMAPPED)

_Support = tuple[SupportEntitlement | None, tuple[Finding, ...]]
_Documents = tuple[dict[str, ErpDocument], tuple[Finding, ...]]
_Items = tuple[tuple[OpenItem, ...], tuple[Finding, ...]]


async def _elsewhere(
    tenant: Tenant, seen: Seen, given: tuple[Given, ...]
) -> tuple[_Support, _Documents, _Items]:
    mapping = seen.proposal.mapping
    if mapping is None:
        return (None, ()), ({}, ()), ((), ())
    support, (documents, items) = await gather(
        _support(tenant, seen, given, mapping),
        gather(_documents(tenant, seen, mapping), _open_items(tenant, mapping)),
    )
    return support, documents, items


async def _support(
    tenant: Tenant, seen: Seen, given: tuple[Given, ...], mapping: AccountMapping
) -> _Support:
    contributions = [each.access.contribution for each in given]
    if all(contribution == NO_SUPPORT for contribution in contributions):
        return None, ()
    named = mapping.support_organization
    try:
        shown = await tenant.support.organization(named)
        merged = merged_support(named, (*seen.known.beside, *contributions), tenant.policy.tiers)
    except (Rejection, ContractDrift) as refused:
        return None, (refusal(refused, named),)
    if shown is None and seen.proposal.step is not AccountStep.MADE:
        return None, (
            Finding(
                cause=AdoptionCause.ORGANIZATION_UNKNOWN,
                subject=named,
                message=f"the support platform has no organisation {named}, which customer "
                f"{seen.customer_id} is mapped to: create it there, or correct the mapping",
                blocks=True,
            ),
        )
    return (None if shown is not None and shown.entitlement == merged else merged), ()


async def _documents(tenant: Tenant, seen: Seen, mapping: AccountMapping) -> _Documents:
    """Those that were open at the cutover and are not linked yet, looked for by their number."""
    cutover = tenant.books_from

    async def find(document: BillingDocument) -> ErpDocument | Finding:
        try:
            found = (
                await tenant.erp.find_number(document.number, mapping.legal_entity)
                if document.number
                else ()
            )
        except (Rejection, ContractDrift) as refused:
            said = refusal(refused, document.document_id)
            return said.model_copy(update={"subject": document.document_id, "blocks": False})
        return matched(document, found, party=mapping.erp_party, cutover=cutover)

    wanted = [
        document
        for document in seen.documents
        if to_be_found(document, cutover) and posted_as(seen, document) is None
    ]
    links: dict[str, ErpDocument] = {}
    findings: list[Finding] = []
    for document, found in zip(wanted, await each_of(wanted, find, at_once=READS), strict=True):
        if isinstance(found, Finding):
            findings.append(found)
        else:
            links[document.document_id] = found
    return links, tuple(findings)


async def _open_items(tenant: Tenant, mapping: AccountMapping) -> _Items:
    if mapping.erp_party == NEW_PARTY:
        return (), ()
    try:
        return await tenant.erp.open_items(mapping.erp_party, mapping.legal_entity), ()
    except (Rejection, ContractDrift) as refused:
        said = refusal(refused, mapping.erp_party)
        return (), (said.model_copy(update={"blocks": False}),)
