"""Tryton as the ERP port.

Tryton has no idempotency of any kind: two invoices may carry one reference. So `post` looks before
it creates, looks again afterwards, cancels the younger twin, and only then posts.
"""

from collections.abc import Sequence
from datetime import date
from typing import Self

import httpx
from pydantic import BaseModel, ConfigDict

from canonical_models.commerce import AccountProfile
from canonical_models.failures import CredentialsRefused, Rejection, RejectionCode
from canonical_models.ledgering import (
    Document,
    DocumentDraft,
    DocumentLine,
    DocumentStanding,
    DocumentState,
    LedgerAnswer,
    LedgerQuestion,
    PartyMatch,
    PaymentDraft,
    PaymentEntry,
)
from canonical_models.money import Money
from connectors.config import ConnectionConfig
from connectors.http import Observer, VendorHttp
from connectors.tryton.client import Row, TrytonClient
from connectors.tryton.errors import SYSTEM
from connectors.tryton.mapping import (
    HEADER_FIELDS,
    INVOICE_FIELDS,
    LINE_FIELDS,
    day,
    document,
    line,
    reversed_lines,
)
from connectors.tryton.masterdata import MasterData
from connectors.tryton.parties import Parties
from connectors.tryton.payments import Payments
from connectors.tryton.standings import standings
from connectors.tryton.terms import Determination, Determiner, together

INVOICE = "account.invoice"
DONE = (DocumentState.POSTED, DocumentState.PAID)


class TrytonOptions(BaseModel):
    """`login` is the user of the JSON-RPC session; its password is the secret `password`.

    `bank_journal` and `write_off_journal` are codes or ids of the journals for money and for
    write-offs, where a legal entity has payment or write-off methods with several; by default the
    first method whose journal has the type cash or write-off.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)

    database: str
    login: str
    bank_journal: str | None = None
    write_off_journal: str | None = None


class TrytonErp:
    """Secrets: `api_key` (a user application of the kind rest) and `password`."""

    def __init__(
        self,
        client: TrytonClient,
        *,
        bank_journal: str | None = None,
        write_off_journal: str | None = None,
    ) -> None:
        self._client = client
        self._master = MasterData(client)
        self._determiner = Determiner(client, self._master)
        self._parties = Parties(client)
        self._payments = Payments(
            client, self._master, bank_journal=bank_journal, write_off_journal=write_off_journal
        )

    @classmethod
    def connect(
        cls,
        config: ConnectionConfig,
        *,
        observe: Observer | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> Self:
        options = TrytonOptions.model_validate(config.options)
        http = VendorHttp(
            SYSTEM,
            config.base_url,
            timeout_seconds=config.timeout_seconds,
            observe=observe,
            transport=transport,
        )
        return cls(
            TrytonClient(
                http,
                database=options.database,
                api_key=config.secret("api_key"),
                login=options.login,
                password=config.secret("password"),
            ),
            bank_journal=options.bank_journal,
            write_off_journal=options.write_off_journal,
        )

    async def check(self, question: LedgerQuestion) -> LedgerAnswer:
        return (await self._determiner.determine(question)).answer

    async def find(self, reference: str, legal_entity: str) -> tuple[Document, ...]:
        company = await self._master.company(legal_entity)
        rows = await self._client.search(
            INVOICE,
            [
                ["reference", "=", reference],
                ["company", "=", company.id],
                ["type", "=", "out"],
            ],
            INVOICE_FIELDS,
            what=f"documents with reference {reference}",
            company=company.id,
        )
        return tuple(document(row, legal_entity) for row in rows)

    async def post(self, draft: DocumentDraft) -> Document:
        question = LedgerQuestion(
            legal_entity=draft.legal_entity,
            party=draft.party,
            currency=draft.currency,
            posting_date=draft.posting_date,
            items=tuple(sorted({entry.item for entry in draft.lines})),
        )
        known, terms = await together(
            self.find(draft.reference, draft.legal_entity), self._determiner.fresh(question)
        )
        values = {
            "party": terms.party.id,
            "invoice_address": terms.party.invoice_address,
            "payment_term": terms.party.customer_payment_term,
            "currency": terms.currency,
            "account": terms.receivable,
            "journal": terms.journal,
            "accounting_date": day(draft.posting_date),
            "lines": [["create", [self._line(entry, terms) for entry in draft.lines]]],
        }
        try:
            return await self._one(known, draft.reference, draft.legal_entity, values, draft.net)
        except (Rejection, CredentialsRefused):
            # The ERP says no in words for people, a closed journal even as 'forbidden'. What it
            # means is found by asking again; if everything is in order, its words stand.
            await self._determiner.determine(question)
            raise

    async def reverse(self, document: Document, *, reference: str, posting_date: date) -> Document:
        now = await self.read(document.document_id, document.legal_entity)
        if now.state is DocumentState.CANCELLED:
            return now
        if now.state is DocumentState.DRAFT:
            return await self._act(now, "cancel")
        company = await self._master.company(document.legal_entity)
        known, original = await together(
            self.find(reference, document.legal_entity),
            self._client.read(
                INVOICE,
                document.document_id,
                (*HEADER_FIELDS, *LINE_FIELDS),
                what=f"document {document.number or document.document_id}",
                company=company.id,
            ),
        )
        values = {
            **{name: original[name] for name in HEADER_FIELDS},
            "accounting_date": day(posting_date),
            "lines": [["create", reversed_lines(original, company)]],
        }
        reversal = await self._one(known, reference, document.legal_entity, values, -now.net)
        return reversal.model_copy(update={"reverses": document.document_id})

    async def read(self, document_id: str, legal_entity: str) -> Document:
        company = await self._master.company(legal_entity)
        row = await self._client.read(
            INVOICE,
            document_id,
            INVOICE_FIELDS,
            what=f"document {document_id}",
            company=company.id,
        )
        return document(row, legal_entity)

    async def standings(
        self, document_ids: Sequence[str], legal_entity: str
    ) -> tuple[DocumentStanding, ...]:
        company = await self._master.company(legal_entity)
        return await standings(self._client, document_ids, company)

    async def find_entries(self, reference: str, legal_entity: str) -> tuple[PaymentEntry, ...]:
        return await self._payments.find(reference, legal_entity)

    async def enter(self, draft: PaymentDraft) -> PaymentEntry:
        return await self._payments.enter(draft)

    async def parties(self, profile: AccountProfile) -> tuple[PartyMatch, ...]:
        return await self._parties.matches(profile)

    async def create_party(self, profile: AccountProfile) -> PartyMatch:
        return await self._parties.create(profile)

    async def close(self) -> None:
        await self._client.close()

    async def _one(
        self,
        known: tuple[Document, ...],
        reference: str,
        legal_entity: str,
        values: Row,
        net: Money,
    ) -> Document:
        """The one posted document of the reference: found, finished or made.

        A draft has no accounting effect and posting goes to one id, so of twins only one is ever
        posted, whatever answers were lost.
        """
        live = [entry for entry in known if entry.state is not DocumentState.CANCELLED]
        if not live:
            await self._create(reference, legal_entity, values)
            found = await self.find(reference, legal_entity)
            live = [entry for entry in found if entry.state is not DocumentState.CANCELLED]
        posted = [entry for entry in live if entry.state in DONE]
        kept = (posted or live)[0]
        for twin in live:
            if twin is not kept and twin.state is DocumentState.DRAFT:
                await self._act(twin, "cancel")
        if kept.state in DONE:
            return kept
        if kept.net != net:
            await self._act(kept, "cancel")
            raise Rejection(
                RejectionCode.DOCUMENT_REFUSED,
                f"the ERP makes {kept.net} of document {reference} where billing has {net}; the "
                "draft is cancelled and nothing posted: check the ERP's rounding and price digits",
                system=SYSTEM,
                subject=reference,
            )
        return await self._act(kept, "post")

    async def _create(self, reference: str, legal_entity: str, values: Row) -> None:
        company = await self._master.company(legal_entity)
        await self._client.create(
            INVOICE,
            {"type": "out", "company": company.id, "reference": reference, **values},
            ("state",),
            what=f"document {reference}",
            company=company.id,
        )

    async def _act(self, given: Document, action: str) -> Document:
        company = await self._master.company(given.legal_entity)
        row = await self._client.act(
            INVOICE,
            given.document_id,
            action,
            INVOICE_FIELDS,
            what=f"{action} of document {given.reference}",
            company=company.id,
        )
        return document(row, given.legal_entity)

    def _line(self, entry: DocumentLine, terms: Determination) -> Row:
        priced = line(entry, terms.terms[entry.item], terms.company)
        return {**priced, "currency": terms.currency}
