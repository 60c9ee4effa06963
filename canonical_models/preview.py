"""What would happen if something else held: the plan that the saga would make, nothing done."""

import hashlib
import json
from enum import StrEnum
from typing import Self

from pydantic import Field

from canonical_models.amendment import AmendmentPlan, DocumentStep
from canonical_models.base import Canonical, Identifier, Instant
from canonical_models.documents import DocumentKind
from canonical_models.entitlement import Grant, GrantState
from canonical_models.exceptions import DocumentCorrection
from canonical_models.ledgering import DraftLine, TaxTotal
from canonical_models.mapping import AccountMapping, ItemMapping
from canonical_models.money import Money


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
                    "draft": draft.model_dump(
                        mode="json", exclude={"external_id", "bill_to", "url"}
                    )
                    if draft
                    else None,
                }
            ),
        )


class Foreseen(Canonical):
    """Of one case. `why` says it where it does not go through, `code` and `about` what it would
    wait for. `digest` is over what matters to books and access, and over no ids or times of ours:
    what is planned later is the same where it has the same. Features are what may be used, by
    quantity; tiers are what support shows."""

    subject: Identifier
    comes: Comes
    summary: str = ""
    why: str | None = Field(default=None, max_length=2000)
    code: str | None = None
    about: str | None = None
    documents: tuple[WouldPost, ...] = ()
    settlements: int = 0
    features_before: dict[str, int] = Field(default_factory=dict)
    features: dict[str, int] = Field(default_factory=dict)
    tier_before: str | None = None
    tier: str | None = None
    digest: str = ""
    at: Instant

    @classmethod
    def of(cls, plan: AmendmentPlan, comes: Comes, at: Instant) -> Self:
        access = plan.access
        documents = tuple(WouldPost.of(step) for step in plan.books.documents)
        features, tier = _features(access.grants), access.contribution.tier
        return cls(
            subject=plan.subject,
            comes=comes,
            summary=plan.amendment.summary,
            documents=documents,
            settlements=len(plan.books.settlements),
            features_before=_features(access.grants_before),
            features=features,
            tier_before=access.contribution_before.tier,
            tier=tier,
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
            at=at,
        )


def _features(grants: tuple[Grant, ...]) -> dict[str, int]:
    held: dict[str, int] = {}
    for grant in grants:
        if grant.state is GrantState.ACTIVE:
            held[grant.feature] = held.get(grant.feature, 0) + grant.quantity
    return held


def _digest(told: object) -> str:
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
