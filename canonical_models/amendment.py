"""A change of a subscription, and the exact plan of what it does to every other system."""

import hashlib
from enum import StrEnum
from typing import Any

from pydantic import SerializerFunctionWrapHandler, model_serializer

from canonical_models.base import Canonical, Identifier, Instant
from canonical_models.entitlement import Grant, SubscriptionSupport, SupportEntitlement
from canonical_models.ledgering import DocumentDraft, PaymentDraft, TaxDetermination
from canonical_models.money import Money
from canonical_models.term import Contract


class ChangeKind(StrEnum):
    """What a change is, in the words of the trade. Decided by the plan, hinted by the event."""

    ACTIVATION = "activation"
    UPGRADE = "upgrade"
    DOWNGRADE = "downgrade"
    QUANTITY = "quantity"
    ADD_ON = "add_on"
    CANCELLATION = "cancellation"
    CANCELLATION_SCHEDULED = "cancellation_scheduled"
    REINSTATEMENT = "reinstatement"
    RENEWAL = "renewal"
    BILLED = "billed"
    PAYMENT = "payment"
    SUSPENSION = "suspension"
    RESTORATION = "restoration"
    OTHER = "other"
    NONE = "none"


class ChangeHint(Canonical):
    """A vendor's event in our words: which subscription to look at, and since when."""

    event_id: Identifier
    subscription_id: Identifier
    customer_id: Identifier | None
    kind: ChangeKind
    occurred_at: Instant
    #: Bulk changes wait behind live ones.
    bulk: bool = False


class PaymentHint(Canonical):
    """A vendor's event about money that names the payment and no subscription."""

    event_id: Identifier
    #: As in `Payment.payment_id` of the payment that was received.
    payment_id: Identifier
    invoice_id: Identifier | None = None
    customer_id: Identifier | None
    occurred_at: Instant


class Amendment(Canonical):
    """One commercial change, as the plan found it: what was and what is."""

    kind: ChangeKind
    summary: str
    customer_id: Identifier
    effective_at: Instant


class AmendmentPlan(Canonical):
    """All that one change will do, decided before anything is touched.

    `document` is None when nothing is to be posted. `grants` is the whole set that the
    subscription gives after the change. `share` is what it asks of support, `support` what the
    organisation will then show with its other subscriptions merged in, None when that stays as it
    is. The `…_before` are what an undo restores. `payments` are movements of money to enter in the
    ERP, `suspended` the subscription items that give nothing until they are paid. `more` says that
    a later period is still to be posted, by a change of its own.
    """

    change_id: Identifier
    subscription_id: Identifier
    amendment: Amendment
    document: DocumentDraft | None
    expected_tax: Money | None
    taxes: tuple[TaxDetermination, ...]
    grants_before: tuple[Grant, ...]
    grants: tuple[Grant, ...]
    organization: Identifier
    share: SubscriptionSupport
    share_before: SubscriptionSupport
    support: SupportEntitlement | None
    payments: tuple[PaymentDraft, ...] = ()
    suspended: tuple[Identifier, ...] = ()
    contract: Contract | None = None
    more: bool = False

    @model_serializer(mode="wrap")
    def _as_before(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without members that are at rest and came after plans were first kept: sagas that are
        under way during an upgrade know their plan by its digest."""
        data: dict[str, Any] = serialize(self)
        for name in ("payments", "suspended", "contract", "more"):
            if not data.get(name):
                data.pop(name, None)
        return data

    @property
    def digest(self) -> str:
        """SHA-256 over the canonical JSON; an approval or a preview is bound to it."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    @property
    def line_ids(self) -> tuple[str, ...]:
        return tuple(line.line_id for line in self.document.lines) if self.document else ()

    @property
    def changes_grants(self) -> bool:
        return self.grants != self.grants_before

    @property
    def empty(self) -> bool:
        """Nothing is left to do: every system already agrees."""
        return not (self.document or self.changes_grants or self.support or self.payments)
