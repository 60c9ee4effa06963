"""What Trueup asks of a billing platform, an ERP and a support platform, in canonical words.

Every method may raise the failures of `canonical_models.failures` and nothing else. Reads are safe
to repeat. Writes that lose their reply raise UncertainWrite; the caller then probes.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Protocol

from canonical_models.amendment import ChangeHint, PaymentHint
from canonical_models.commerce import AccountProfile, BillingSnapshot, SyncMark
from canonical_models.entitlement import (
    CustomerEntitlements,
    SupportEntitlement,
    SupportOrganization,
    TargetReceipt,
)
from canonical_models.ledgering import (
    Document,
    DocumentDraft,
    DocumentStanding,
    LedgerAnswer,
    LedgerQuestion,
    PartyMatch,
    PaymentDraft,
    PaymentEntry,
)
from canonical_models.term import InvoiceStatus


class BillingPort(Protocol):
    async def snapshot(self, subscription_id: str, *, since: datetime | None) -> BillingSnapshot:
        """The subscription now, its pending lines, and the lines of its final invoices; these
        invoices and void ones, and the money that moved on them.

        `since` leaves out invoices made before it; None reads them all. Lines of draft and void
        invoices are not final: of them only the ids are told.
        """

    async def account(self, customer_id: str) -> AccountProfile:
        """Who pays, with name, address and tax ids; for making the account elsewhere."""

    async def record_sync(self, subscription_id: str, mark: SyncMark, *, key: str) -> None:
        """Write `mark` on the subscription. Repeating it with the same `key` changes nothing."""

    async def record_standing(
        self, invoice_id: str, standing: Mapping[str, str], *, key: str
    ) -> None:
        """Note what the ERP says of an invoice on it: short texts by name, empty to remove."""

    async def cancel(self, subscription_id: str, *, key: str) -> None:
        """End the subscription at once and bill nothing more. One that has ended is left as it
        is."""

    async def close_invoice(self, invoice_id: str, outcome: InvoiceStatus, *, key: str) -> None:
        """Give an open invoice up: VOID takes it back, UNCOLLECTIBLE stops asking for it. One
        that is so already is left as it is. Raises Rejection for one that was paid meanwhile."""

    async def close(self) -> None: ...


class ErpPort(Protocol):
    async def check(self, question: LedgerQuestion) -> LedgerAnswer:
        """Whether documents of this kind will post. Raises Rejection for what is missing."""

    async def find(self, reference: str, legal_entity: str) -> tuple[Document, ...]:
        """All documents that carry our reference, oldest first, cancelled ones included."""

    async def post(self, draft: DocumentDraft) -> Document:
        """Create and post; when it returns, exactly one live document carries the reference.

        Finds before it creates: a draft of the reference is finished instead of made again, a
        posted one returned as it is, and a younger twin taken back.
        """

    async def reverse(self, document: Document, *, reference: str, posting_date: date) -> Document:
        """Undo: cancel a draft, or post a credit note for a posted document under `reference`."""

    async def read(self, document_id: str, legal_entity: str) -> Document: ...

    async def standings(
        self, document_ids: Sequence[str], legal_entity: str
    ) -> tuple[DocumentStanding, ...]:
        """Where documents stand with the customer now; ids that are unknown are left out."""

    async def find_entries(self, reference: str, legal_entity: str) -> tuple[PaymentEntry, ...]:
        """Posted movements on customers' accounts that carry our reference, oldest first."""

    async def enter(self, draft: PaymentDraft) -> PaymentEntry:
        """Enter and post a movement on the customer's account, and settle documents with it.

        When it returns, exactly one live entry carries the reference; finds before it creates.
        Settling what is settled already changes nothing.
        """

    async def parties(self, profile: AccountProfile) -> tuple[PartyMatch, ...]:
        """Who of the ERP's parties this may be: by our external id, by tax id, then by name and
        country. Ones that are deactivated are included and say so."""

    async def create_party(self, profile: AccountProfile) -> PartyMatch:
        """Make the party, or find the one made before for this customer. Raises Rejection with
        what the ERP does not take, such as a tax id whose check digit is wrong."""

    async def close(self) -> None: ...


class TicketingPort(Protocol):
    async def organization(self, external_id: str) -> SupportOrganization | None: ...

    async def create_organization(
        self, external_id: str, profile: AccountProfile
    ) -> SupportOrganization:
        """Make the organisation, or find the one of this external id. Raises Rejection
        (account_ambiguous) where an organisation of the same name belongs to someone else."""

    async def publish(self, entitlement: SupportEntitlement) -> SupportOrganization:
        """Set tier, contract end and features of the organisation. A set, not a change, so it
        may be repeated. Raises Rejection when the organisation is unknown."""

    async def close(self) -> None: ...


class EntitlementTarget(Protocol):
    """A system of the tenant's own that is told what its customers may use."""

    async def publish(self, entitled: CustomerEntitlements) -> TargetReceipt:
        """Replace what the target holds of the customer, unless it holds a newer revision.

        May be repeated. The receipt is what the target says it holds afterwards."""

    async def held(self, customer_id: str) -> TargetReceipt:
        """What it holds now; revision 0 for a customer that it does not know."""

    async def close(self) -> None: ...


class WebhookTranslator(Protocol):
    """How one vendor's webhooks are authenticated and understood. No I/O."""

    def verify(
        self, headers: Mapping[str, str], body: bytes, *, secrets: tuple[str, ...], now: float
    ) -> None:
        """Raises SignatureRefused. `now` is seconds since the epoch."""

    def envelope(self, body: bytes) -> tuple[str, str]:
        """(event id, event type) of an authentic body. Raises UnreadableEvent."""

    def hint(self, body: bytes) -> ChangeHint | PaymentHint | None:
        """The change that an authentic body speaks of, or None where it does not concern us.

        Raises UnreadableEvent with the path of the field that does not fit."""


class SignatureRefused(Exception):
    """The body was not signed by the vendor, or too long ago. Carries no part of the body."""


class UnreadableEvent(Exception):
    """An authentic body that cannot be understood: kept as a dead letter, with this reason."""
