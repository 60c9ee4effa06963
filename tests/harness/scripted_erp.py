"""An ERP in memory, behind the real port."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from canonical_models.cash import CashAccounts, DepositDraft, DepositEntry
from canonical_models.closing import BookedDocument, BookedPage, LedgerMonth
from canonical_models.commerce import AccountProfile
from canonical_models.documents import BilledParty, SettlementKind
from canonical_models.failures import Rejection, RejectionCode
from canonical_models.ledgering import (
    DocumentDraft,
    DocumentState,
    ErpDocument,
    ErpStatus,
    ItemTerms,
    LedgerAnswer,
    LedgerQuestion,
    LegalEntity,
    OpenItem,
    PartyMatch,
    SettlementDraft,
    SettlementEntry,
    TaxCode,
    UnbilledDraft,
    UnbilledShown,
)
from canonical_models.looked_up import LookedUp
from canonical_models.mends import LookUp
from canonical_models.money import Money
from canonical_models.reconciliation import DocumentFact, Earned, EntryFact, EntryKind, Facts
from connectors.attempts import Attempt
from tests.harness.as_drafted import REVENUE, as_drafted, deposited
from tests.harness.script import Script


@dataclass
class Erp:
    """Posts anything for any party, with the taxes of `taxes` by item, else none; keeps every
    document and movement it ever made."""

    script: Script
    documents: list[ErpDocument] = field(default_factory=list)
    entries: list[SettlementDraft] = field(default_factory=list)
    unbilled: dict[str, UnbilledDraft] = field(default_factory=dict)
    known_parties: list[PartyMatch] = field(default_factory=list)
    #: What it has, by kind, for people who look it up.
    has: dict[LookUp, list[LookedUp]] = field(default_factory=dict)
    updated: list[AccountProfile] = field(default_factory=list)
    extended: list[str] = field(default_factory=list)
    taxes: dict[str, tuple[TaxCode, ...]] = field(default_factory=dict)
    #: Whom the documents name, by our reference.
    billed: dict[str, BilledParty | None] = field(default_factory=dict)
    #: The dates that reversals were asked for.
    reversed_on: list[date] = field(default_factory=list)
    deposits: dict[str, DepositDraft] = field(default_factory=dict)
    #: What customers have paid, before any deposit.
    on_clearing: Money = field(default_factory=lambda: Money.zero("EUR"))
    #: What people have entered on accounts.
    by_hand: list[EntryFact] = field(default_factory=list)
    #: What is earned by documents, by their ids; nothing is said of others.
    earned: dict[str, Earned] = field(default_factory=dict)

    async def check(self, question: LedgerQuestion) -> LedgerAnswer:
        async with self.script.call("erp.check"):
            return LedgerAnswer(
                legal_entity=LegalEntity(code=question.legal_entity, currency=question.currency),
                posting_date=question.on,
                items=tuple(
                    ItemTerms(item=item, account=REVENUE, taxes=self.taxes.get(item, ()))
                    for item in question.items
                ),
                taxes=tuple(
                    tax
                    for taxes in self.taxes.values()
                    for tax in taxes
                    if tax.code in question.tax_codes
                ),
            )

    async def find(self, external_id: str, legal_entity: str) -> tuple[ErpDocument, ...]:
        async with self.script.call("erp.find"):
            return tuple(
                self._now(document)
                for document in self.documents
                if (document.external_id, document.legal_entity) == (external_id, legal_entity)
            )

    async def find_number(self, number: str, legal_entity: str) -> tuple[ErpDocument, ...]:
        async with self.script.call("erp.find_number"):
            return tuple(
                self._now(document)
                for document in self.documents
                if number in (document.billing_number, document.number)
                and document.legal_entity == legal_entity
            )

    async def post(self, draft: DocumentDraft, *, attempt: Attempt | None = None) -> ErpDocument:
        if attempt is not None:
            await attempt.held()
        async with self.script.call("erp.post"):
            for known in self.documents:
                if known.external_id == draft.external_id and known.live:
                    return self._now(known)
            number = len(self.documents) + 1
            made = as_drafted(
                draft, document_id=str(number), number=f"INV-{number}", taxes=self._taxes_of
            )
            self.documents.append(made)
            self.billed[draft.external_id] = draft.bill_to
            return self._now(made)

    async def show_unbilled(self, draft: UnbilledDraft) -> UnbilledShown:
        async with self.script.call("erp.show_unbilled"):
            key = f"{draft.legal_entity}/{draft.external_id}"
            if not draft.lines:
                self.unbilled.pop(key, None)
                return UnbilledShown(document_id=None, net=Money.zero(draft.currency))
            self.unbilled[key] = draft
            return UnbilledShown(document_id=f"draft-{draft.external_id}", net=draft.net)

    async def reverse(
        self,
        document_id: str,
        legal_entity: str,
        *,
        reference: str,
        on: date,
        attempt: Attempt | None = None,
    ) -> ErpDocument:
        if attempt is not None:
            await attempt.held()
        async with self.script.call("erp.reverse"):
            self.reversed_on.append(on)
            for known in self.documents:
                if known.external_id == reference:
                    return self._now(known)
            original = self._get(document_id)
            number = len(self.documents) + 1
            reversal = original.model_copy(
                update={
                    "document_id": str(number),
                    "external_id": reference,
                    "number": f"INV-{number}",
                    "posting_date": on,
                    "lines": tuple(
                        line.model_copy(update={"net": -line.net}) for line in original.lines
                    ),
                    "taxes": tuple(
                        tax.model_copy(update={"base": -tax.base, "amount": -tax.amount})
                        for tax in original.taxes
                    ),
                    "net": -original.net,
                    "tax": -original.tax,
                    "open": -original.gross,
                    "corrects": document_id,
                    "legal_entity": legal_entity,
                }
            )
            self.documents.append(reversal)
            return self._now(reversal)

    async def read(self, document_id: str, legal_entity: str) -> ErpDocument:
        del legal_entity
        async with self.script.call("erp.read"):
            return self._now(self._get(document_id))

    async def statuses(
        self, document_ids: Sequence[str], legal_entity: str
    ) -> tuple[ErpStatus, ...]:
        del legal_entity
        async with self.script.call("erp.statuses"):
            found = (self._now(d) for d in self.documents if d.document_id in document_ids)
            return tuple(
                ErpStatus(
                    document_id=document.document_id,
                    number=document.number,
                    state=DocumentState.POSTED if document.open else DocumentState.PAID,
                    document_date=document.document_date,
                    due_on=document.due_on,
                    net=document.net,
                    tax=document.tax,
                    open=document.open,
                )
                for document in found
            )

    async def booked(
        self, legal_entity: str, first: date, last: date, *, after: str | None = None
    ) -> BookedPage:
        del after
        async with self.script.call("erp.booked"):
            return BookedPage(
                documents=tuple(
                    BookedDocument(
                        key=each.document_id,
                        number=each.number,
                        ours=each.ours,
                        net=each.net,
                        tax=each.tax,
                        accounts={REVENUE: each.net},
                        taxes={tax.code: (tax.base, tax.amount) for tax in each.taxes},
                    )
                    for each in self.documents
                    if each.legal_entity == legal_entity
                    and each.live
                    and each.posting_date is not None
                    and first <= each.posting_date <= last
                ),
                next=None,
            )

    async def ledger(
        self, legal_entity: str, first: date, last: date, accounts: Collection[str]
    ) -> tuple[LedgerMonth, ...]:
        """What documents have moved."""
        page = await self.booked(legal_entity, first, last)
        nets = [net for each in page.documents for net in each.accounts.values()]
        if REVENUE not in accounts or not nets:
            return ()
        currency = nets[0].currency
        debit = Money.total((-net for net in nets if net.minor < 0), currency)
        credit = Money.total((net for net in nets if net.minor > 0), currency)
        return (LedgerMonth(account=REVENUE, debit=debit, credit=credit),)

    async def facts(self, legal_entity: str, *, after: str | None = None) -> Facts:
        del after
        async with self.script.call("erp.facts"):
            booked = [
                self._now(each)
                for each in self.documents
                if each.legal_entity == legal_entity and each.state is not DocumentState.DRAFT
            ]
            return Facts(
                documents=tuple(
                    DocumentFact(
                        key=each.document_id,
                        kind=each.kind,
                        stands=each.live,
                        account=each.party,
                        number=each.number,
                        reference=each.external_id or None,
                        billing_number=each.billing_number,
                        gross=each.gross,
                        tax=each.tax,
                        open=each.open,
                        issued_on=each.document_date,
                        ours=each.ours,
                        earned=self.earned.get(each.document_id),
                    )
                    for each in booked
                ),
                entries=(
                    *(
                        _open(f"line/{each.document_id}", each.party, each.open, beside=False)
                        for each in booked
                    ),
                    *(
                        _open(f"entry/{place}", draft.party, -draft.amount, beside=True)
                        for place, draft in enumerate(self.entries)
                        if draft.document is None and draft.legal_entity == legal_entity
                    ),
                    *self.by_hand,
                ),
                next=None,
                more=False,
            )

    async def extend_schedules(self, legal_entity: str) -> None:
        async with self.script.call("erp.extend_schedules"):
            self.extended.append(legal_entity)

    async def find_entries(
        self, external_id: str, legal_entity: str
    ) -> tuple[SettlementEntry, ...]:
        async with self.script.call("erp.find_entries"):
            return tuple(
                _entry(place, draft)
                for place, draft in enumerate(self.entries)
                if (draft.external_id, draft.legal_entity) == (external_id, legal_entity)
            )

    async def drop_drafts(self, external_id: str, legal_entity: str) -> int:
        del external_id, legal_entity
        async with self.script.call("erp.drop_drafts"):
            return 0

    async def settle(
        self, draft: SettlementDraft, *, attempt: Attempt | None = None
    ) -> SettlementEntry:
        if attempt is not None:
            await attempt.held()
        async with self.script.call("erp.settle"):
            for place, known in enumerate(self.entries):
                if known.external_id == draft.external_id:
                    self.entries[place] = draft
                    return _entry(place, draft)
            self.entries.append(draft)
            return _entry(len(self.entries) - 1, draft)

    async def find_deposit(self, draft: DepositDraft) -> DepositEntry | None:
        async with self.script.call("erp.find_deposit"):
            known = self.deposits.get(draft.external_id)
            return None if known is None else deposited(known)

    async def deposit(self, draft: DepositDraft, *, attempt: Attempt | None = None) -> DepositEntry:
        if attempt is not None:
            await attempt.held()
        async with self.script.call("erp.deposit"):
            return deposited(self.deposits.setdefault(draft.external_id, draft))

    async def clearing(self, accounts: CashAccounts) -> tuple[Money, ...]:
        del accounts
        async with self.script.call("erp.clearing"):
            out = (each.cleared for each in self.deposits.values())
            return (self.on_clearing - Money.total(out, self.on_clearing.currency),)

    async def open_items(self, party: str, legal_entity: str) -> tuple[OpenItem, ...]:
        async with self.script.call("erp.open_items"):
            return tuple(
                OpenItem(
                    entry_id=str(place + 1),
                    external_id=draft.external_id,
                    party=party,
                    on=draft.posting_date,
                    amount=-draft.amount,
                )
                for place, draft in enumerate(self.entries)
                if draft.document is None
                and (draft.party, draft.legal_entity) == (party, legal_entity)
            )

    async def paid_by_hand(
        self, document_id: str, legal_entity: str
    ) -> tuple[SettlementEntry, ...]:
        async with self.script.call("erp.paid_by_hand"):
            return tuple(
                _entry(place, draft)
                for place, draft in enumerate(self.entries)
                if draft.external_id.startswith("by-hand")
                and (draft.document, draft.legal_entity) == (document_id, legal_entity)
            )

    async def parties(self, profile: AccountProfile) -> tuple[PartyMatch, ...]:
        del profile
        async with self.script.call("erp.parties"):
            return tuple(self.known_parties)

    async def look_up(
        self, kind: LookUp, text: str, *, legal_entity: str | None = None, limit: int = 20
    ) -> tuple[LookedUp, ...]:
        del legal_entity
        async with self.script.call("erp.look_up"):
            said = text.casefold()
            fits = (
                each
                for each in self.has.get(kind, [])
                if said in f"{each.id} {each.name}".casefold()
            )
            return tuple(fits)[:limit]

    async def create_party(
        self, profile: AccountProfile, *, tax_rules: Mapping[str, str]
    ) -> PartyMatch:
        del tax_rules
        async with self.script.call("erp.create_party"):
            made = PartyMatch(party=profile.customer_id, by="external_id")
            self.known_parties.append(made)
            return made

    async def update_party(
        self, party: str, profile: AccountProfile, *, tax_rules: Mapping[str, str]
    ) -> None:
        del party, tax_rules
        async with self.script.call("erp.update_party"):
            self.updated.append(profile)

    async def close(self) -> None:
        return None

    def pay_by_hand(self, document: str, minor: int, key: str = "by-hand") -> None:
        """Money that people have entered for a document."""
        found = self._get(document)
        self.entries.append(
            SettlementDraft(
                external_id=key,
                kind=SettlementKind.PAYMENT,
                legal_entity=found.legal_entity,
                party=found.party,
                amount=Money(minor=minor, currency=found.currency),
                value_date=found.posting_date or date(2026, 11, 16),
                posting_date=found.posting_date or date(2026, 11, 16),
                document=document,
            )
        )

    @property
    def received(self) -> int:
        """Minor units over all entries."""
        return sum(entry.amount.minor for entry in self.entries)

    @property
    def balance(self) -> int:
        """Net minor units over all documents."""
        return sum(document.net.minor for document in self.documents)

    def _taxes_of(self, item: str) -> tuple[TaxCode, ...]:
        return self.taxes.get(item, ())

    def _get(self, document_id: str) -> ErpDocument:
        for document in self.documents:
            if document.document_id == document_id:
                return document
        raise Rejection(
            RejectionCode.DOCUMENT_CONFLICT,
            f"there is no document {document_id}",
            system="erp",
            subject=document_id,
        )

    def _now(self, document: ErpDocument) -> ErpDocument:
        """As far as it is settled: by entries, and by what corrects it."""
        owed = document.gross.minor
        for entry in self.entries:
            if entry.document == document.document_id and not entry.recovered:
                owed -= entry.amount.minor
            if entry.against == document.document_id and entry.kind is SettlementKind.CREDIT_NOTE:
                owed += entry.amount.minor
        reversals = [d for d in self.documents if _reverses(d, document)]
        if reversals or document.external_id.endswith(("/void", "/undo")):
            owed = 0
        return document.model_copy(
            update={
                "open": Money(minor=owed, currency=document.currency),
                "state": DocumentState.POSTED if owed else DocumentState.PAID,
                "credits": tuple(
                    d.document_id for d in self.documents if d.corrects == document.document_id
                ),
            }
        )


def _open(key: str, party: str, amount: Money, *, beside: bool) -> EntryFact:
    """A line of ours that is not settled."""
    return EntryFact(
        key=key,
        kind=EntryKind.RECEIVABLE,
        account=party,
        amount=amount,
        on=date(2026, 11, 16),
        beside=beside,
        ours=True,
    )


def _reverses(reversal: ErpDocument, document: ErpDocument) -> bool:
    return reversal.corrects == document.document_id and reversal.external_id.endswith(
        ("/void", "/undo")
    )


def _entry(place: int, draft: SettlementDraft) -> SettlementEntry:
    return SettlementEntry(
        entry_id=str(place + 1),
        legal_entity=draft.legal_entity,
        external_id=draft.external_id,
        number=f"M-{place + 1}",
        amount=draft.amount,
        posted_on=draft.posting_date,
    )


def vat(rate: str = "0.19", code: str = "VAT 19 %") -> tuple[TaxCode, ...]:
    return (TaxCode(code=code, rate=Decimal(rate)),)
