"""What would happen if something else held: the plan that the saga would make, nothing done."""

import hashlib
import json
from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from typing import Any, Self

from pydantic import Field

from canonical_models.amendment import AmendmentPlan, ChangeKind, DocumentStep
from canonical_models.approvals import Need
from canonical_models.base import Canonical, Identifier, Instant
from canonical_models.documents import BillingLine, DocumentKind, Unbilled
from canonical_models.entitlement import Grant, GrantState
from canonical_models.exceptions import DocumentCorrection, Track
from canonical_models.ledgering import DraftLine, TaxTotal
from canonical_models.mapping import AccountMapping, ItemMapping
from canonical_models.money import Money
from canonical_models.term import Contract
from canonical_models.writes import WouldWrite


class Overlay(Canonical):
    """What is laid over that which holds. Empty where it is only looked anew."""

    accounts: tuple[AccountMapping, ...] = ()
    items: tuple[ItemMapping, ...] = ()
    documents: tuple[DocumentCorrection, ...] = ()


class Mend(Canonical):
    """What somebody would decide of a question: the mapping that was missing, or how a document is
    to be posted. Empty where it was mended elsewhere."""

    account: AccountMapping | None = None
    item: ItemMapping | None = None
    document: DocumentCorrection | None = None

    @property
    def overlay(self) -> Overlay:
        return Overlay(
            accounts=(self.account,) if self.account else (),
            items=(self.item,) if self.item else (),
            documents=(self.document,) if self.document else (),
        )


def mend_of(batch: Mapping[str, Any], item: Mapping[str, Any]) -> Mend:
    """Of an item of a batch, by what each was given: its own, where each has one."""
    return Mend.model_validate(item.get("mend") or batch.get("mend") or {}, strict=False)


class Comes(StrEnum):
    """What a case would come to."""

    GOES_THROUGH = "goes_through"
    #: For something else than before, or still for the same.
    THEN_WAITS = "then_waits"
    NEEDS_APPROVAL = "needs_approval"
    #: It was answered or closed meanwhile.
    NOT_AFFECTED = "not_affected"
    #: A system is away, or the question is not a plan's.
    UNTOLD = "untold"


#: Of a draft: what names it, and what is no matter for books.
_OURS = {"external_id", "bill_to", "url"}
#: And what it has only once billing has made it final.
_GIVEN: dict[str, Any] = {
    **dict.fromkeys(_OURS, True),
    "number": True,
    "due_on": True,
    "lines": {"__all__": {"line_id"}},
}


class WouldPost(Canonical):
    """A document as the ERP would be told it: `void` takes back what stands there; `posted` is the
    ERP's document that it would be linked to."""

    document_id: Identifier
    number: str | None
    kind: DocumentKind | None = None
    legal_entity: Identifier
    party: Identifier | None
    posting_date: str | None = None
    void: bool = False
    posted: Identifier | None = None
    net: Money | None = None
    tax: Money | None = None
    gross: Money | None = None
    lines: tuple[DraftLine, ...] = ()
    taxes: tuple[TaxTotal, ...] = ()
    digest: str
    #: The digest of what it would say before billing has numbered it.
    terms: str = ""

    @classmethod
    def of(cls, step: DocumentStep) -> Self:
        draft = step.draft
        return cls(
            document_id=step.document_id,
            number=step.number,
            kind=draft.kind if draft else None,
            legal_entity=step.legal_entity,
            party=draft.party if draft else step.party,
            posting_date=str(draft.posting_date if draft else step.on or "") or None,
            void=step.void,
            posted=step.posted,
            net=draft.net if draft else None,
            tax=draft.tax if draft else None,
            gross=draft.gross if draft else None,
            lines=draft.lines if draft else (),
            taxes=draft.taxes if draft else (),
            digest=_digest(
                {
                    "document": step.document_id,
                    "void": step.void,
                    "posted": step.posted,
                    "entity": step.legal_entity,
                    "on": str(step.on),
                    "draft": draft.model_dump(mode="json", exclude=_OURS) if draft else None,
                }
            ),
            terms=_digest(
                {
                    "void": step.void,
                    "entity": step.legal_entity,
                    "on": str(step.on),
                    "draft": draft.model_dump(mode="json", exclude=_GIVEN) if draft else None,
                }
            ),
        )


class Foreseen(Canonical):
    """Of one case, or of one change. `why` says it where it does not go through, `code` and `about`
    what it would wait for, `approvals` whose yes it needs: its documents are shown as they would be
    with it. Features are what may be used, by quantity; tiers are what support shows. `unbilled`
    waits for billing's next invoice, on the day `unbilled_on` as far as billing says; its amounts
    are predictions. `writes` are all that its saga would write elsewhere; none where every system
    agrees already. `goes_on` are the halves of the change, books and access, that wait for a person
    now and would no longer.

    `digest` is over what matters to books and access, and over no ids or times of ours: what is
    planned later is the same where it has the same. `terms` is over the same without what billing
    gives only to what is final (ids, numbers, due dates) and without money that has moved: a change
    that is thought of has the same as the plan that then carries it out.
    """

    subject: Identifier
    comes: Comes
    kind: ChangeKind | None = None
    summary: str = ""
    why: str | None = Field(default=None, max_length=2000)
    code: str | None = None
    about: str | None = None
    goes_on: tuple[Track, ...] = ()
    documents: tuple[WouldPost, ...] = ()
    settlements: int = 0
    writes: tuple[WouldWrite, ...] = ()
    unbilled: tuple[BillingLine, ...] = ()
    unbilled_on: date | None = None
    features_before: dict[str, int] = Field(default_factory=dict)
    features: dict[str, int] = Field(default_factory=dict)
    tier_before: str | None = None
    tier: str | None = None
    contract: Contract | None = None
    approvals: tuple[Need, ...] = ()
    digest: str = ""
    terms: str = ""
    at: Instant

    @classmethod
    def of(
        cls,
        plan: AmendmentPlan,
        comes: Comes,
        at: Instant,
        *,
        unbilled: Unbilled | None = None,
        approvals: tuple[Need, ...] = (),
        opens: bool = False,
        targets: tuple[str, ...] = (),
    ) -> Self:
        access = plan.access
        documents = tuple(WouldPost.of(step) for step in plan.books.documents)
        features, tier = _features(access.grants), access.contribution.tier
        waiting = unbilled or Unbilled()
        return cls(
            subject=plan.subject,
            comes=comes,
            kind=plan.amendment.kind,
            summary=plan.amendment.summary,
            documents=documents,
            settlements=len(plan.books.settlements),
            writes=WouldWrite.of(plan, opens=opens, targets=targets),
            # What people noted on prices and lines is no part of the answer.
            unbilled=tuple(line.model_copy(update={"metadata": {}}) for line in waiting.lines),
            unbilled_on=waiting.expected_on,
            features_before=_features(access.grants_before),
            features=features,
            tier_before=access.contribution_before.tier,
            tier=tier,
            contract=plan.contract,
            approvals=approvals,
            digest=_digest(
                {
                    "documents": [document.digest for document in documents],
                    "settlements": sorted(
                        step.settlement.settlement_id for step in plan.books.settlements
                    ),
                    "features": features,
                    "tier": tier,
                }
            ),
            terms=terms_of(plan),
            at=at,
        )


def terms_of(plan: AmendmentPlan) -> str:
    """As `Foreseen.terms`."""
    return _digest(
        {
            "documents": [WouldPost.of(step).terms for step in plan.books.documents],
            "contract": plan.contract.model_dump(mode="json") if plan.contract else None,
            "features": _features(plan.access.grants),
            "tier": plan.access.contribution.tier,
        }
    )


def _features(grants: tuple[Grant, ...]) -> dict[str, int]:
    held: dict[str, int] = {}
    for grant in grants:
        if grant.state is GrantState.ACTIVE:
            held[grant.feature] = held.get(grant.feature, 0) + grant.quantity
    return held


def _digest(told: object) -> str:
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
