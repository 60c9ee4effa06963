"""What Trueup asks of a billing platform, an ERP and a support platform, in canonical words.

Every method may raise the failures of `canonical_models.failures` and nothing else. Reads are safe
to repeat. Writes that lose their reply raise UncertainWrite; the caller then probes.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Protocol

from canonical_models.amendment import ChangeTrigger, NamedOnly
from canonical_models.cash import (
    CashAccounts,
    CashBalance,
    CashMovement,
    DepositDraft,
    DepositEntry,
    Payout,
    PayoutTrigger,
)
from canonical_models.checks import Expected, Finding, SetupStep
from canonical_models.closing import BookedPage, LedgerMonth
from canonical_models.commerce import (
    AccountProfile,
    AccountSnapshot,
    BillingSnapshot,
    CustomerPage,
    DocumentPage,
    SyncMetadata,
)
from canonical_models.documents import BillingDocument, DocumentStatus
from canonical_models.entitlement import (
    CustomerEntitlements,
    MergedOrganization,
    SupportEntitlement,
    SupportOrganization,
    TargetHeld,
    TargetReceipt,
)
from canonical_models.ledgering import (
    DocumentDraft,
    ErpDocument,
    ErpStatus,
    LedgerAnswer,
    LedgerQuestion,
    OpenItem,
    PartyMatch,
    SettlementDraft,
    SettlementEntry,
    UnbilledDraft,
    UnbilledShown,
)
from canonical_models.looked_up import LookedUp
from canonical_models.mends import LookUp
from canonical_models.money import Money
from canonical_models.proposal import ProposedChange
from canonical_models.reconciliation import Facts
from canonical_models.support import CaseTold, SupportDesk
from connectors.attempts import Attempt


class BillingPort(Protocol):
    """Reads cost by what is asked for, never by a customer's whole history."""

    async def snapshot(
        self,
        subscription_id: str,
        *,
        documents: Collection[str] = (),
        since: datetime | None = None,
    ) -> BillingSnapshot:
        """The subscription now, what it has not billed yet, its newest document, and `documents`
        by id; with `since` also all that it issued from then on. Documents are read whole, with
        all that settles them."""

    async def preview(self, subscription_id: str, change: ProposedChange) -> BillingSnapshot:
        """The subscription as it would be right after the change, by billing's own preview; nothing
        is changed. What would be billed at once is a document, under an id of the preview and
        without a number or payments; what would wait for the next invoice is unbilled, save drafts
        that there are. One request, and one more for what it names and nobody has shown lately.
        Raises Rejection for a change that billing does not take."""

    async def account_snapshot(
        self,
        customer_id: str,
        *,
        documents: Collection[str] = (),
        since: datetime | None = None,
    ) -> AccountSnapshot:
        """The customer's balance, its movements that no document shows, and `documents`; with
        `since` also all of the customer's documents issued from then on that belong to no
        subscription, and only movements from then on. A deleted customer is told as such."""

    async def documents(self, document_ids: Collection[str]) -> tuple[BillingDocument, ...]:
        """Whole, in the order asked for; drafts and unknown ids are left out."""

    async def document_page(
        self, *, since: datetime, after: str | None = None, limit: int = 100
    ) -> DocumentPage:
        """All documents of the connection made since then, oldest first, by cursor."""

    async def customer_page(
        self, *, after: str | None = None, limit: int = 100, only: str | None = None
    ) -> CustomerPage:
        """Customers that have or had subscriptions or open documents, by cursor, some of them
        perhaps twice; `only` for that one alone. One that becomes such meanwhile may be left out:
        events tell of it."""

    async def facts(self, *, after: str | None = None) -> Facts:
        """All documents and subscriptions of the connection, and what is kept for customers, as
        facts, page by page, then those that have changed. `after` is `next` of the page before;
        None begins anew."""

    async def document_of(self, payment_id: str) -> str | None:
        """The document that a payment went to; None where there is none."""

    async def understand(self, body: bytes) -> ChangeTrigger | None:
        """The change that an authentic event speaks of which names what it is about and does not
        show it (`NamedOnly`); None where it does not concern us. Raises UnreadableEvent where
        billing has nothing to tell of it any more."""

    async def account(self, customer_id: str) -> AccountProfile:
        """Who pays, with name, address and tax ids; for making the account elsewhere. Raises
        Rejection (account_unmapped) for a customer that was deleted."""

    async def payout(self, payout_id: str) -> Payout:
        """The payout as it is now, with the movements that it pays out where billing says them."""

    async def payouts_since(self, since: datetime) -> tuple[str, ...]:
        """Ids of all payouts made since then, oldest first."""

    async def cash_balance(self) -> CashBalance:
        """What is on our balance at billing, with what is on its way to it, by currency."""

    async def cash_movements(
        self, *, since: datetime, after: str | None = None
    ) -> tuple[CashMovement, ...]:
        """What moved that balance since then, oldest first; with `after` only what was entered
        after the movement of that id."""

    async def record_sync(self, subscription_id: str, sync: SyncMetadata, *, key: str) -> None:
        """Write `sync` on the subscription. Repeating it with the same `key` changes nothing."""

    async def record_erp_status(
        self, document_id: str, erp_status: Mapping[str, str], *, key: str
    ) -> None:
        """Note what the ERP says of a document on it: short texts by name, empty to remove."""

    async def cancel(self, subscription_id: str, *, key: str) -> None:
        """End the subscription at once and bill nothing more. One that has ended is left as it
        is."""

    async def close_invoice(self, invoice_id: str, outcome: DocumentStatus, *, key: str) -> None:
        """Give an open invoice up: VOID takes it back, UNCOLLECTIBLE stops asking for it. One
        that is so already is left as it is. Raises Rejection for one that was paid meanwhile."""

    async def pay_elsewhere(self, invoice_id: str, amount: Money, *, key: str) -> None:
        """Say that an open invoice was paid past billing, with all that remains of it. One that is
        paid already is left as it is. Raises Rejection where another amount remains, or billing
        collects the invoice by itself."""

    async def close(self) -> None: ...


class ErpPort(Protocol):
    """A month that we have closed counts as closed for whatever is dated into its books, as the
    ERP's own closed periods do; one that is being closed has what is dated into it wait
    (TransientFailure)."""

    async def check(self, question: LedgerQuestion) -> LedgerAnswer:
        """Whether documents of this kind will post. Raises Rejection for what is missing."""

    async def find(self, external_id: str, legal_entity: str) -> tuple[ErpDocument, ...]:
        """All documents that carry our reference, oldest first, cancelled ones included."""

    async def find_number(self, number: str, legal_entity: str) -> tuple[ErpDocument, ...]:
        """Posted documents that carry it as billing's number or are numbered so, whoever made
        them."""

    async def post(self, draft: DocumentDraft, *, attempt: Attempt | None = None) -> ErpDocument:
        """Create and post; when it returns, exactly one live document carries the reference.

        Finds before it creates: a draft of the reference whose content is the same is finished
        instead of made again, one that differs is cancelled and made anew, a twin taken back. A
        posted one is returned as it is, whatever it says: the caller compares. Raises Rejection
        before anything is posted where the document would not come out as the draft says.

        Only the draft that the `attempt` names is posted, and only after its fence was asked; none
        is for who keeps no ledger.
        """

    async def show_unbilled(self, draft: UnbilledDraft) -> UnbilledShown:
        """Make the unposted document say this, or remove it where there are no lines. A set, so it
        may be repeated. Raises Rejection (unbilled_posted) where somebody has posted it."""

    async def reverse(
        self,
        document_id: str,
        legal_entity: str,
        *,
        reference: str,
        on: date,
        attempt: Attempt | None = None,
    ) -> ErpDocument:
        """Undo: cancel a draft, or post a credit note for a posted document under `reference` that
        names it, and settle both with each other. One that people made for it is adopted. `attempt`
        as of `post`."""

    async def drop_drafts(self, external_id: str, legal_entity: str) -> int:
        """Take back all of ours that carries the reference and is not final, documents and
        movements alike; how many."""

    async def read(self, document_id: str, legal_entity: str) -> ErpDocument:
        """The document whole."""

    async def statuses(
        self, document_ids: Sequence[str], legal_entity: str
    ) -> tuple[ErpStatus, ...]:
        """Where documents stand with the customer now; ids that are unknown are left out."""

    async def facts(self, legal_entity: str, *, after: str | None = None) -> Facts:
        """All documents to customers in its books that were ever final, whoever made them, with
        what was earned by each; what is open on customers' accounts, and what moves revenue without
        a document; page by page, then what has changed. `after` as of `BillingPort.facts`."""

    async def booked(
        self, legal_entity: str, first: date, last: date, *, after: str | None = None
    ) -> BookedPage:
        """All documents to customers that stand in its books on these days, whoever made them, page
        by page. Raises Rejection (legal_entity_unknown)."""

    async def ledger(
        self, legal_entity: str, first: date, last: date, accounts: Collection[str]
    ) -> tuple[LedgerMonth, ...]:
        """What final entries of any kind have moved on these accounts, by code, on these days; an
        account that is not there is left out."""

    async def extend_schedules(self, legal_entity: str) -> None:
        """Book the months of deferred revenue whose fiscal years have been opened since their
        documents were posted. May be repeated."""

    async def find_entries(
        self, external_id: str, legal_entity: str
    ) -> tuple[SettlementEntry, ...]:
        """Posted movements on customers' accounts that carry our reference, oldest first."""

    async def settle(
        self, draft: SettlementDraft, *, attempt: Attempt | None = None
    ) -> SettlementEntry:
        """Enter and post a movement on the customer's account, and settle its document with it.
        Money past billing that people have entered for the document already is adopted.

        When it returns, exactly one live entry carries the reference; finds before it creates.
        Settling what is settled already changes nothing. `attempt` as of `post`.
        """

    async def find_deposit(self, draft: DepositDraft) -> DepositEntry | None:
        """The posted deposit that carries the reference of the draft; None where there is none, or
        somebody has cancelled it."""

    async def deposit(self, draft: DepositDraft, *, attempt: Attempt | None = None) -> DepositEntry:
        """Enter and post a payout; when it returns, exactly one live deposit carries the reference.
        Finds before it creates; one that is posted is returned as it is: the caller compares.
        Raises Rejection before anything is posted. `attempt` as of `post`."""

    async def clearing(self, accounts: CashAccounts) -> tuple[Money, ...]:
        """What stands on the clearing account in final entries, by the currency of what moved
        it."""

    async def open_items(self, party: str, legal_entity: str) -> tuple[OpenItem, ...]:
        """What is open on a party's account beside documents."""

    async def paid_by_hand(
        self, document_id: str, legal_entity: str
    ) -> tuple[SettlementEntry, ...]:
        """Money that people have entered in the ERP for the document, which is settled by it; what
        else settles it, such as a write-off, is left out."""

    async def parties(self, profile: AccountProfile) -> tuple[PartyMatch, ...]:
        """Who of the ERP's parties this may be: by our external id, by tax id, then by name and
        country. Ones that are deactivated are included and say so."""

    async def look_up(
        self, kind: LookUp, text: str, *, legal_entity: str | None = None, limit: int = 20
    ) -> tuple[LookedUp, ...]:
        """What it has of the kind whose code or name holds the text, in its own order; what cannot
        be used as it is says so and comes last. `legal_entity` is whose, where that matters. None
        of a kind that is no concern of the ERP."""

    async def create_party(
        self, profile: AccountProfile, *, tax_rules: Mapping[str, str]
    ) -> PartyMatch:
        """Make the party, or find the one made before for this customer. `tax_rules` are the ERP's
        tax rules by legal entity. Raises Rejection with what the ERP does not take, such as a tax
        id whose check digit is wrong."""

    async def update_party(
        self, party: str, profile: AccountProfile, *, tax_rules: Mapping[str, str]
    ) -> None:
        """Carry name, address, tax ids and tax rule on to the party. What documents show already
        stays: addresses and tax ids are added, the ones before deactivated. May be repeated."""

    async def close(self) -> None: ...


class TicketingPort(Protocol):
    async def organization(self, external_id: str) -> SupportOrganization | None: ...

    async def desk(self, external_id: str) -> SupportDesk | None:
        """The organisation with its open cases and what is promised for them, for people who look
        there now; None where there is no such organisation."""

    async def create_organization(
        self, external_id: str, profile: AccountProfile
    ) -> SupportOrganization:
        """Make the organisation, or find the one of this external id. Raises Rejection
        (account_ambiguous) where an organisation of the same name belongs to someone else."""

    async def rename_organization(self, external_id: str, profile: AccountProfile) -> None:
        """Carry the customer's name on. May be repeated. Raises Rejection as creating does."""

    async def merged_into(self, organization_id: str) -> MergedOrganization | None:
        """Where people have put the organisation of this id of the platform's own, which is gone;
        None where it was deleted, is there, or the platform does not tell."""

    async def facts(self, *, after: str | None = None) -> Facts:
        """What each organisation with an external id shows, page by page, then those that have
        changed. `after` as of `BillingPort.facts`."""

    async def publish(self, entitlement: SupportEntitlement) -> SupportOrganization:
        """Set tier, contract end and features of the organisation. A set, not a change, so it
        may be repeated. Raises Rejection when the organisation is unknown."""

    async def close(self) -> None: ...


class EntitlementTarget(Protocol):
    """A system of the tenant's own that is told what its customers may use."""

    async def publish(self, entitled: CustomerEntitlements) -> TargetReceipt:
        """Replace what the target holds of the customer, unless it holds a newer revision.

        May be repeated. The receipt is what the target says it holds afterwards."""

    async def held(self, customer_id: str) -> TargetHeld:
        """What it holds now, whole, so that it can be compared; revision 0 and no features for a
        customer that it does not know."""

    async def close(self) -> None: ...


class WebhookTranslator(Protocol):
    """How one vendor's webhooks are authenticated and understood. No I/O."""

    def verify(
        self, headers: Mapping[str, str], body: bytes, *, secrets: tuple[str, ...], now: float
    ) -> None:
        """Raises SignatureRefused. `now` is seconds since the epoch."""

    def envelope(self, body: bytes) -> tuple[str, str]:
        """(event id, event type) of an authentic body. Raises UnreadableEvent."""

    def trigger(self, body: bytes) -> ChangeTrigger | CaseTold | NamedOnly | None:
        """The change or the case that an authentic body speaks of, or None where it does not
        concern us; `NamedOnly` where billing has to be asked what it says.

        Raises UnreadableEvent with the path of the field that does not fit."""

    def account(self, body: bytes) -> str | None:
        """The account that an authentic body is of, where it is not the key's own; never raises."""

    def payout(self, body: bytes) -> PayoutTrigger | None:
        """The payout that an authentic body speaks of, which is nobody's change; None where it
        speaks of none. Raises as `trigger` does."""


#: Keeps a secret where secrets are kept, and says where in words.
Keep = Callable[[str], str]


class ConnectionPort(Protocol):
    """A connection of any part, looked at before anything is done through it."""

    async def check(self, expected: Expected) -> tuple[Finding, ...]:
        """What is right, wrong or cannot be seen. Changes nothing; a failure is a finding."""

    async def close(self) -> None: ...


class SetupPort(ConnectionPort, Protocol):
    """A connection whose vendor can be told how it is to tell us."""

    async def setup(self, expected: Expected, *, keep: Keep | None) -> tuple[SetupStep, ...]:
        """What is not as it should be there, and, with `keep`, makes it so; none where all is.
        May be repeated. Raises ValueError where the configuration does not say enough."""


class SignatureRefused(Exception):
    """The body was not signed by the vendor, or too long ago. Carries no part of the body."""


class UnreadableEvent(Exception):
    """An authentic body that cannot be understood: kept as a dead letter, with this reason."""


class UnfitEvent(UnreadableEvent):
    """One that does not fit the vendor's contract: at `path`, by what has changed there."""

    def __init__(self, words: str, *, path: str, change: str) -> None:
        super().__init__(words)
        self.path, self.change = path, change
