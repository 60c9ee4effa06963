"""An ERP in memory, behind the real port."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from canonical_models.commerce import AccountProfile
from canonical_models.ledgering import (
    Document,
    DocumentDraft,
    DocumentStanding,
    DocumentState,
    LedgerAnswer,
    LedgerQuestion,
    LegalEntity,
    PartyMatch,
    PaymentDraft,
    PaymentEntry,
    TaxDetermination,
)
from canonical_models.money import Money
from tests.harness.script import Script


@dataclass
class Erp:
    """Posts anything for any party at a tax rate of zero; keeps every document it ever made."""

    script: Script
    documents: list[Document] = field(default_factory=list)
    entries: list[PaymentDraft] = field(default_factory=list)
    known_parties: list[PartyMatch] = field(default_factory=list)
    #: The dates that reversals were asked for.
    reversed_on: list[date] = field(default_factory=list)

    async def check(self, question: LedgerQuestion) -> LedgerAnswer:
        async with self.script.call("erp.check"):
            return LedgerAnswer(
                legal_entity=LegalEntity(code=question.legal_entity, currency=question.currency),
                taxes=tuple(
                    TaxDetermination(item=item, tax_codes=(), rate=Decimal(0))
                    for item in question.items
                ),
            )

    async def find(self, reference: str, legal_entity: str) -> tuple[Document, ...]:
        async with self.script.call("erp.find"):
            return tuple(
                document
                for document in self.documents
                if (document.reference, document.legal_entity) == (reference, legal_entity)
            )

    async def post(self, draft: DocumentDraft) -> Document:
        async with self.script.call("erp.post"):
            return self._add(draft.reference, draft, draft.net)

    async def reverse(self, document: Document, *, reference: str, posting_date: date) -> Document:
        async with self.script.call("erp.reverse"):
            self.reversed_on.append(posting_date)
            for known in self.documents:
                if known.reference == reference:
                    return known
            return self._add(reference, document, -document.net, reverses=document.document_id)

    async def read(self, document_id: str, legal_entity: str) -> Document:
        del legal_entity
        async with self.script.call("erp.read"):
            return next(d for d in self.documents if d.document_id == document_id)

    async def standings(
        self, document_ids: Sequence[str], legal_entity: str
    ) -> tuple[DocumentStanding, ...]:
        del legal_entity
        async with self.script.call("erp.standings"):
            return tuple(map(self._standing, filter(self._asked(document_ids), self.documents)))

    async def find_entries(self, reference: str, legal_entity: str) -> tuple[PaymentEntry, ...]:
        async with self.script.call("erp.find_entries"):
            return tuple(
                _entry(place, draft)
                for place, draft in enumerate(self.entries)
                if (draft.reference, draft.legal_entity) == (reference, legal_entity)
            )

    async def enter(self, draft: PaymentDraft) -> PaymentEntry:
        async with self.script.call("erp.enter"):
            for place, known in enumerate(self.entries):
                if known.reference == draft.reference:
                    return _entry(place, known)
            self.entries.append(draft)
            return _entry(len(self.entries) - 1, draft)

    async def parties(self, profile: AccountProfile) -> tuple[PartyMatch, ...]:
        del profile
        async with self.script.call("erp.parties"):
            return tuple(self.known_parties)

    async def create_party(self, profile: AccountProfile) -> PartyMatch:
        async with self.script.call("erp.create_party"):
            made = PartyMatch(party=profile.customer_id, by="external_id")
            self.known_parties.append(made)
            return made

    async def close(self) -> None:
        return None

    @property
    def received(self) -> int:
        """Minor units over all entries."""
        return sum(entry.amount.minor for entry in self.entries)

    def _asked(self, document_ids: Sequence[str]) -> Callable[[Document], bool]:
        return lambda document: document.document_id in document_ids

    def _standing(self, document: Document) -> DocumentStanding:
        """Entries settle their documents in order, as far as they reach."""
        owed = document.total.minor
        for entry in self.entries:
            if entry.documents[:1] == (document.document_id,):
                owed -= entry.amount.minor
        return DocumentStanding(
            document_id=document.document_id,
            number=document.number,
            state=DocumentState.POSTED if owed else DocumentState.PAID,
            issued_on=None,
            due_on=None,
            total=document.total,
            open=Money(minor=owed, currency=document.total.currency),
        )

    @property
    def balance(self) -> int:
        """Minor units over all documents."""
        return sum(document.net.minor for document in self.documents)

    def _add(
        self,
        reference: str,
        like: DocumentDraft | Document,
        net: Money,
        reverses: str | None = None,
    ) -> Document:
        number = len(self.documents) + 1
        document = Document(
            document_id=str(number),
            legal_entity=like.legal_entity,
            reference=reference,
            number=f"INV-{number}",
            kind=like.kind,
            state=DocumentState.POSTED,
            net=net,
            tax=Money.zero(net.currency),
            reverses=reverses,
        )
        self.documents.append(document)
        return document


def _entry(place: int, draft: PaymentDraft) -> PaymentEntry:
    return PaymentEntry(
        entry_id=str(place + 1),
        legal_entity=draft.legal_entity,
        reference=draft.reference,
        amount=draft.amount,
    )
