"""What Trueup asks of a billing platform, an ERP and a support platform, in canonical words.

Every method may raise the failures of `canonical_models.failures` and nothing else. Reads are safe
to repeat. Writes that lose their reply raise UncertainWrite; the caller then probes.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Protocol

from canonical_models.amendment import ChangeHint
from canonical_models.commerce import BillingSnapshot, SyncMark
from canonical_models.entitlement import SupportEntitlement, SupportOrganization
from canonical_models.ledgering import Document, DocumentDraft, LedgerAnswer, LedgerQuestion


class BillingPort(Protocol):
    async def snapshot(self, subscription_id: str, *, since: datetime | None) -> BillingSnapshot:
        """The subscription now, its pending lines, and the lines of its final invoices.

        `since` leaves out invoices made before it; None reads them all. Lines of draft and void
        invoices are not final and never included.
        """

    async def record_sync(self, subscription_id: str, mark: SyncMark, *, key: str) -> None:
        """Write `mark` on the subscription. Repeating it with the same `key` changes nothing."""

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

    async def close(self) -> None: ...


class TicketingPort(Protocol):
    async def organization(self, external_id: str) -> SupportOrganization | None: ...

    async def publish(self, entitlement: SupportEntitlement) -> SupportOrganization:
        """Set tier, contract end and features of the organisation. A set, not a change, so it
        may be repeated. Raises Rejection when the organisation is unknown."""

    async def close(self) -> None: ...


class WebhookTranslator(Protocol):
    """How one vendor's webhooks are authenticated and understood. No I/O."""

    def verify(
        self, headers: Mapping[str, str], body: bytes, *, secrets: tuple[str, ...], now: float
    ) -> None:
        """Raises SignatureRefused. `now` is seconds since the epoch."""

    def envelope(self, body: bytes) -> tuple[str, str]:
        """(event id, event type) of an authentic body. Raises UnreadableEvent."""

    def hint(self, body: bytes) -> ChangeHint | None:
        """The change that an authentic body speaks of, or None where it does not concern us.

        Raises UnreadableEvent with the path of the field that does not fit."""


class SignatureRefused(Exception):
    """The body was not signed by the vendor, or too long ago. Carries no part of the body."""


class UnreadableEvent(Exception):
    """An authentic body that cannot be understood: kept as a dead letter, with this reason."""
