"""What is kept of a customer, and what was said just now, as it is told to a support desk. Pure."""

from collections.abc import Iterable
from datetime import datetime
from typing import TypeVar

from canonical_models.entitlement import SupportEntitlement
from canonical_models.failures import Rejection
from canonical_models.policy import TenantPolicy
from operations.entitlements import held_back
from operations.support_assets import assets
from operations.support_fresh import Fresh, overlaid
from operations.support_kept import DOCUMENTS, LINES, LOOKED_THROUGH, Kept
from operations.support_views import (
    Assets,
    Away,
    Cases,
    CaseView,
    CustomerContext,
    DeskView,
    EntitlementsHeld,
    ErpStanding,
    Hierarchy,
    OpenDocument,
    OpenDocuments,
    Payment,
    Source,
    SupportTerm,
    Told,
    told,
)
from persistence.support_context import KeptDocument, KeptSubscription
from planning.entitlements import entitlements
from planning.support import merged_support, support_differences

_NEVER_READ = "never read yet: ask for it fresh"

Value = TypeVar("Value")
_Read = KeptSubscription | KeptDocument


class Telling:
    """One customer, as it is told at `now`."""

    def __init__(
        self,
        kept: Kept,
        fresh: Fresh | None,
        away: tuple[Away, ...],
        now: datetime,
        policy: TenantPolicy,
    ) -> None:
        self._kept = overlaid(kept, fresh) if fresh else kept
        self._fresh, self._now, self._policy = fresh, now, policy
        gone = {each.source: each.words for each in away}
        if fresh is None:
            self._problems: dict[Source, str | None] = {**gone}
        else:
            self._problems = {
                Source.BILLING: fresh.billing.problem,
                Source.ERP: fresh.erp.problem,
                Source.SUPPORT: fresh.desk.problem,
            }

    def customer(self) -> CustomerContext:
        kept, now = self._kept, self._now
        held = EntitlementsHeld(
            items=entitlements(kept.grants, now), held_back=held_back(kept.grants, now)
        )
        support, wrong = self._support()
        return CustomerContext(
            customer_id=kept.customer_id,
            hierarchy=told(Source.TRUEUP, self._hierarchy(), now, now),
            contracts=tuple(map(self._contract, kept.subscriptions)),
            support=told(Source.TRUEUP, support, now, now, wrong),
            desk=self._desk(support),
            cases=self._cases(),
            assets=self._assets(),
            entitlements=told(Source.TRUEUP, held, now, now),
            documents=self._documents(),
            payments=self._payments(),
            balance=self._of(Source.BILLING, kept.balance, kept.balance_read_at),
            pending=told(Source.TRUEUP, kept.pending, now, now),
            questions=told(Source.TRUEUP, kept.questions, now, now),
        )

    def _of(self, source: Source, value: Value | None, as_of: datetime | None) -> Told[Value]:
        """What was never read has no value, whatever the rows make of it."""
        problem = self._problems.get(source)
        if as_of is None:
            return told(source, None, None, self._now, problem or _NEVER_READ)
        return told(source, value, as_of, self._now, problem)

    def _hierarchy(self) -> Hierarchy:
        kept, account = self._kept, self._kept.account
        field = self._policy.support.parent
        named = (row.subscription.metadata.get(field) for row in kept.subscriptions)
        place = kept.place
        return Hierarchy(
            payer=(place.payer if place else None) or kept.customer_id,
            pays_for=kept.pays_for,
            children=kept.children,
            external_ids=dict(place.external_ids) if place else {},
            erp_party=account.erp_party if account else None,
            legal_entity=account.legal_entity if account else None,
            support_organization=kept.organization,
            parent=(place.parent if place else None) or next(filter(None, named), None),
            same_party=kept.same_party,
            same_organization=kept.same_organization,
        )

    def _contract(self, row: KeptSubscription) -> Told[SupportTerm]:
        term = SupportTerm(
            subscription_id=row.subscription.subscription_id,
            status=row.subscription.status,
            started_at=row.subscription.started_at,
            ends_at=row.ends_at,
            renews_at=row.renews_at,
            forecast=row.forecast,
            forecast_amount=row.forecast_amount,
            forecast_problem=row.forecast_problem,
            change_id=row.change_id,
        )
        return self._of(Source.BILLING, term, row.read_at)

    def _support(self) -> tuple[SupportEntitlement | None, str | None]:
        """What is due; and why that cannot be told."""
        organization = self._kept.organization
        if organization is None:
            return None, "the customer has no support organisation: map the account"
        try:
            return merged_support(organization, self._kept.asked, self._policy.tiers), None
        except Rejection as refusal:
            return None, refusal.message

    def _desk(self, due: SupportEntitlement | None) -> Told[DeskView]:
        kept, fresh = self._kept.desk, self._fresh
        shown, sla, at = kept.shown, kept.sla, kept.read_at
        problem = self._problems.get(Source.SUPPORT)
        if fresh is not None and fresh.desk.value is not None:
            said, at = fresh.desk.value[0], fresh.desk.at
            shown, sla = (said.organization, said.sla) if said else (None, None)
            problem = said.sla_problem if said else problem
        if self._kept.organization is None:
            return told(Source.SUPPORT, None, None, self._now, "no organisation is mapped")
        if at is None:
            return told(Source.SUPPORT, None, None, self._now, problem or _NEVER_READ)
        if shown is None:
            missing = f"the desk has no organisation {self._kept.organization}"
            return told(Source.SUPPORT, None, at, self._now, missing)
        view = DeskView(
            organization_id=shown.organization_id,
            url=shown.url,
            shown=shown.entitlement,
            differences=support_differences(due, shown.entitlement) if due else (),
            sla=sla,
        )
        return told(Source.SUPPORT, view, at, self._now, problem)

    def _cases(self) -> Told[Cases]:
        """Read just now; else as they were kept, and what the desk has told since."""
        kept, fresh = self._kept.desk, self._fresh
        escalated = {known.case.case_id: known.escalated_at for known in kept.cases}
        if fresh is not None and fresh.desk.value is not None:
            said, at = fresh.desk.value[0], fresh.desk.at
            items = tuple(
                CaseView(case=case, escalated_at=escalated.get(case.case_id), as_of=at)
                for case in (said.cases if said else ())
            )
            found = Cases(items=items, complete=said is None or said.complete)
            return told(Source.SUPPORT, found, at, self._now)
        items = tuple(
            CaseView(case=known.case, escalated_at=known.escalated_at, as_of=known.told_at)
            for known in kept.cases
        )
        problem = self._problems.get(Source.SUPPORT)
        if kept.read_at is None and not items:
            return told(Source.SUPPORT, None, None, self._now, problem or _NEVER_READ)
        if kept.read_at is None:
            # What the desk has told of is known; of all others nothing is.
            problem = problem or f"only what the desk has told of: all were {_NEVER_READ}"
        at = kept.read_at or max(known.as_of for known in items)
        found = Cases(items=items, complete=kept.complete and kept.read_at is not None)
        return told(Source.SUPPORT, found, at, self._now, problem)

    def _assets(self) -> Told[Assets]:
        kept = self._kept
        found = assets(kept.subscriptions, kept.purchases, self._policy.support.serials)
        looked = {row.document_id for row in kept.purchases}
        complete = len(looked) < LOOKED_THROUGH and len(kept.purchases) < LINES
        running = [row for row in kept.subscriptions if row.subscription.ended_at is None]
        whole = Assets(items=found, complete=complete)
        return self._of(Source.BILLING, whole, self._oldest(running))

    def _documents(self) -> Told[OpenDocuments]:
        rows = self._kept.documents
        found = OpenDocuments(
            items=tuple(map(self._document, rows[:DOCUMENTS])), complete=len(rows) <= DOCUMENTS
        )
        return self._of(Source.BILLING, found, self._oldest(rows))

    def _document(self, row: KeptDocument) -> OpenDocument:
        erp = ErpStanding(
            document_id=row.erp_document_id,
            number=row.erp_number,
            legal_entity=row.legal_entity,
            status=row.erp_status,
            open=row.erp_open,
        )
        if row.erp_document_id is None:
            # That it is not posted is what we know, not what the ERP says.
            standing = told(Source.TRUEUP, erp, self._now, self._now)
        else:
            standing = self._of(Source.ERP, erp, row.erp_read_at)
        late = row.overdue_since or (
            row.due_at if row.due_at is not None and row.due_at < self._now else None
        )
        return OpenDocument(
            document_id=row.document_id,
            subscription_id=row.subscription_id,
            kind=row.kind,
            status=row.status,
            number=row.number,
            gross=row.gross,
            remaining=row.remaining,
            issued_at=row.issued_at,
            due_at=row.due_at,
            age_days=self._days(row.issued_at),
            overdue_days=None if late is None else self._days(late),
            dunning=row.dunning,
            url=row.url,
            as_of=row.read_at,
            erp=standing,
        )

    def _payments(self) -> Told[tuple[Payment, ...]]:
        rows = self._kept.movements
        found = tuple(
            Payment(
                payment_id=row.settlement_id,
                kind=row.kind,
                amount=row.amount,
                at=row.at,
                document_id=row.document_id,
                entry=row.entry,
                as_of=row.read_at,
            )
            for row in rows
        )
        newest = max((row.read_at for row in rows), default=self._kept.read_at)
        return self._of(Source.BILLING, found, newest)

    def _oldest(self, rows: Iterable[_Read]) -> datetime | None:
        """What is made of several readings is no newer than the oldest; of nothing, as new as any
        reading of the customer."""
        return min((row.read_at for row in rows), default=self._kept.read_at)

    def _days(self, since: datetime) -> int:
        return max(0, (self._now - since).days)
