"""Tryton as the ERP port: which of its parts answers what."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Self

import httpx

from canonical_models.cash import CashAccounts, DepositDraft, DepositEntry
from canonical_models.closing import BookedPage, ClosedMonths, LedgerMonth
from canonical_models.commerce import AccountProfile
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
from canonical_models.reconciliation import Facts
from connectors.attempts import Alone, Attempt
from connectors.config import ConnectionConfig
from connectors.governor import Governor
from connectors.http import Observer, VendorHttp
from connectors.tryton.booked import BookedReader
from connectors.tryton.client import TrytonClient
from connectors.tryton.deferrals import Deferrals
from connectors.tryton.deposits import Deposits
from connectors.tryton.documents import Documents
from connectors.tryton.drafting import Drafting, refuse_nothing
from connectors.tryton.earned import EarnedReader
from connectors.tryton.earning import Earning
from connectors.tryton.errors import SYSTEM
from connectors.tryton.facts import FactReader
from connectors.tryton.features import FeatureProbe
from connectors.tryton.held import Held
from connectors.tryton.ledger import LedgerReader
from connectors.tryton.looking_up import LookingUp
from connectors.tryton.mapping import Company
from connectors.tryton.masterdata import MasterData
from connectors.tryton.movements import Movements
from connectors.tryton.numbering import Numbering
from connectors.tryton.options import TrytonOptions
from connectors.tryton.parties import Parties
from connectors.tryton.posting import Poster
from connectors.tryton.references import by_number
from connectors.tryton.reversals import Reversals
from connectors.tryton.settlement import Settlement
from connectors.tryton.settlements import SettlementAccounts, Settlements
from connectors.tryton.statuses import statuses
from connectors.tryton.taxes import TaxBook
from connectors.tryton.terms import Determiner
from connectors.tryton.unbilled import UnbilledView
from connectors.tryton.wanted import Key


class TrytonErp:
    """Secrets: `api_key` (a user application of the kind rest) and `password`."""

    def __init__(
        self,
        client: TrytonClient,
        *,
        accounts: SettlementAccounts,
        closed: ClosedMonths | None = None,
    ) -> None:
        probe, book = FeatureProbe(client), TaxBook(client)
        numbering = Numbering(client)
        self._client = client
        self._master = MasterData(client, closed)
        self._determiner = Determiner(client, self._master, probe, book)
        self._documents = Documents(client, probe, book)
        self._facts = FactReader(
            client,
            probe,
            EarnedReader(client, self._master, probe),
            LedgerReader(client, self._master),
        )
        self._booked = BookedReader(client, book)
        self._parties = Parties(client)
        self._looking_up = LookingUp(client, self._master)
        self._settlements = Settlements(client, self._master, accounts=accounts)
        movements = Movements(client, Settlement(client), probe)
        self._deposits = Deposits(client, self._master, movements, book)
        self._earning = Earning(client, probe)
        self._deferrals = Deferrals(client, self._master, probe, self._earning)
        self._poster = Poster(client, self._documents, probe, numbering)
        self._drafting = Drafting(
            client,
            self._master,
            probe,
            self._determiner,
            self._documents,
            numbering,
            self._deferrals,
            self._parties,
        )
        self._reversals = Reversals(
            self._documents,
            self._master,
            book,
            numbering,
            self._deferrals,
            self._poster,
            self._settlements,
        )
        self._unbilled = UnbilledView(
            client, self._master, self._determiner, self._documents, self._reversals
        )

    @classmethod
    def connect(
        cls,
        config: ConnectionConfig,
        *,
        observe: Observer | None = None,
        governor: Governor | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        closed: ClosedMonths | None = None,
    ) -> Self:
        options = TrytonOptions.model_validate(config.options)
        http = VendorHttp(
            SYSTEM,
            config.base_url,
            timeout_seconds=config.timeout_seconds,
            observe=observe,
            governor=governor,
            transport=transport,
        )
        return cls(
            TrytonClient(
                http,
                database=options.database,
                api_key=config.header_secret("api_key"),
                login=options.login,
                password=config.secret("password"),
            ),
            accounts=options,
            closed=closed,
        )

    async def check(self, question: LedgerQuestion) -> LedgerAnswer:
        return (await self._determiner.determine(question)).answer

    async def find(self, external_id: str, legal_entity: str) -> tuple[ErpDocument, ...]:
        company = await self._master.company(legal_entity)
        found = await self._poster.known(Key(external_id, legal_entity, company))
        return await self._documents.whole(found, legal_entity, company)

    async def find_number(self, number: str, legal_entity: str) -> tuple[ErpDocument, ...]:
        company = await self._master.company(legal_entity)
        found = await self._documents.search(
            [by_number(number), ["state", "in", ["posted", "paid"]]],
            what=f"documents with number {number}",
            company=company,
        )
        named = [
            held for held in found if number in (held.number, self._documents.identity(held).number)
        ]
        return await self._documents.whole(named, legal_entity, company)

    async def post(self, draft: DocumentDraft, *, attempt: Attempt | None = None) -> ErpDocument:
        refuse_nothing(draft)
        company = await self._master.company(draft.legal_entity)
        key = Key(draft.external_id, draft.legal_entity, company)
        held = await self._poster.one(
            key,
            lambda: self._drafting.wanted(draft),
            lambda made: self._deferrals.run(made, draft.legal_entity),
            attempt or Alone(),
        )
        if not held.gross and held.state == "posted":
            await self._settlements.close_zero(str(held.id), company)
            held = await self._documents.get(held.id, company=company)
        return await self._whole(held, draft.legal_entity, company)

    async def show_unbilled(self, draft: UnbilledDraft) -> UnbilledShown:
        return await self._unbilled.show(draft)

    async def reverse(
        self,
        document_id: str,
        legal_entity: str,
        *,
        reference: str,
        on: date,
        attempt: Attempt | None = None,
    ) -> ErpDocument:
        company = await self._master.company(legal_entity)
        held = await self._reversals.reverse(
            document_id, legal_entity, attempt or Alone(), reference=reference, on=on
        )
        return await self._whole(held, legal_entity, company)

    async def drop_drafts(self, external_id: str, legal_entity: str) -> int:
        company = await self._master.company(legal_entity)
        documents = await self._poster.drop_drafts(Key(external_id, legal_entity, company))
        return documents + await self._settlements.drop_drafts(external_id, company)

    async def read(self, document_id: str, legal_entity: str) -> ErpDocument:
        company = await self._master.company(legal_entity)
        held = await self._documents.get(document_id, company=company)
        return await self._whole(held, legal_entity, company)

    async def facts(self, legal_entity: str, *, after: str | None = None) -> Facts:
        return await self._facts.page(await self._master.company(legal_entity), after)

    async def booked(
        self, legal_entity: str, first: date, last: date, *, after: str | None = None
    ) -> BookedPage:
        company = await self._master.company(legal_entity)
        return await self._booked.page(legal_entity, company, first, last, after)

    async def ledger(
        self, legal_entity: str, first: date, last: date, accounts: Collection[str]
    ) -> tuple[LedgerMonth, ...]:
        company = await self._master.company(legal_entity)
        return await self._booked.ledger(company, first, last, accounts)

    async def extend_schedules(self, legal_entity: str) -> None:
        await self._earning.extend(await self._master.company(legal_entity))

    async def statuses(
        self, document_ids: Sequence[str], legal_entity: str
    ) -> tuple[ErpStatus, ...]:
        company = await self._master.company(legal_entity)
        return await statuses(self._client, document_ids, company)

    async def find_entries(
        self, external_id: str, legal_entity: str
    ) -> tuple[SettlementEntry, ...]:
        return await self._settlements.find(external_id, legal_entity)

    async def settle(
        self, draft: SettlementDraft, *, attempt: Attempt | None = None
    ) -> SettlementEntry:
        return await self._settlements.settle(draft, attempt)

    async def find_deposit(self, draft: DepositDraft) -> DepositEntry | None:
        return await self._deposits.find(draft)

    async def deposit(self, draft: DepositDraft, *, attempt: Attempt | None = None) -> DepositEntry:
        return await self._deposits.deposit(draft, attempt)

    async def clearing(self, accounts: CashAccounts) -> tuple[Money, ...]:
        return await self._deposits.standing(accounts)

    async def open_items(self, party: str, legal_entity: str) -> tuple[OpenItem, ...]:
        return await self._settlements.open_items(party, legal_entity)

    async def paid_by_hand(
        self, document_id: str, legal_entity: str
    ) -> tuple[SettlementEntry, ...]:
        return await self._settlements.paid_by_hand(document_id, legal_entity)

    async def parties(self, profile: AccountProfile) -> tuple[PartyMatch, ...]:
        return await self._parties.matches(profile)

    async def look_up(
        self, kind: LookUp, text: str, *, legal_entity: str | None = None, limit: int = 20
    ) -> tuple[LookedUp, ...]:
        return await self._looking_up.find(kind, text, legal_entity=legal_entity, limit=limit)

    async def create_party(
        self, profile: AccountProfile, *, tax_rules: Mapping[str, str]
    ) -> PartyMatch:
        return await self._parties.create(profile, tax_rules=tax_rules)

    async def update_party(
        self, party: str, profile: AccountProfile, *, tax_rules: Mapping[str, str]
    ) -> None:
        await self._parties.update(party, profile, tax_rules=tax_rules)

    async def close(self) -> None:
        await self._client.close()

    async def _whole(self, held: Held, legal_entity: str, company: Company) -> ErpDocument:
        (document,) = await self._documents.whole([held], legal_entity, company)
        return document
