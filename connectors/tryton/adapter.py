"""Tryton as the ERP port: which of its parts answers what."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Self

import httpx
from pydantic import ConfigDict

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
from connectors.attempts import Alone, Attempt
from connectors.config import ConnectionConfig
from connectors.governor import Governor
from connectors.http import Observer, VendorHttp
from connectors.tryton.client import TrytonClient
from connectors.tryton.deferrals import Deferrals
from connectors.tryton.documents import Documents
from connectors.tryton.drafting import Drafting, refuse_nothing
from connectors.tryton.earning import Earning
from connectors.tryton.errors import SYSTEM
from connectors.tryton.features import FeatureProbe
from connectors.tryton.held import Held
from connectors.tryton.mapping import Company
from connectors.tryton.masterdata import MasterData
from connectors.tryton.numbering import Numbering
from connectors.tryton.parties import Parties
from connectors.tryton.posting import Poster
from connectors.tryton.references import by_number
from connectors.tryton.reversals import Reversals
from connectors.tryton.settlements import SettlementAccounts, Settlements
from connectors.tryton.statuses import statuses
from connectors.tryton.taxes import TaxBook
from connectors.tryton.terms import Determiner
from connectors.tryton.unbilled import UnbilledView
from connectors.tryton.wanted import Key


class TrytonOptions(SettlementAccounts):
    """`login` is the user of the JSON-RPC session; its password is the secret `password`. The
    others say on which accounts movements are booked."""

    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)

    database: str
    login: str


class TrytonErp:
    """Secrets: `api_key` (a user application of the kind rest) and `password`."""

    def __init__(self, client: TrytonClient, *, accounts: SettlementAccounts) -> None:
        probe, book = FeatureProbe(client), TaxBook(client)
        numbering = Numbering(client)
        self._client = client
        self._master = MasterData(client)
        self._determiner = Determiner(client, self._master, probe, book)
        self._documents = Documents(client, probe, book)
        self._parties = Parties(client)
        self._settlements = Settlements(client, self._master, accounts=accounts)
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
                api_key=config.secret("api_key"),
                login=options.login,
                password=config.secret("password"),
            ),
            accounts=options,
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

    async def open_items(self, party: str, legal_entity: str) -> tuple[OpenItem, ...]:
        return await self._settlements.open_items(party, legal_entity)

    async def parties(self, profile: AccountProfile) -> tuple[PartyMatch, ...]:
        return await self._parties.matches(profile)

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
