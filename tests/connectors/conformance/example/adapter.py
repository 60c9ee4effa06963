"""Deskling behind the ticketing port."""

from typing import Self

import httpx
from pydantic import TypeAdapter, ValidationError

from canonical_models.base import Identifier
from canonical_models.commerce import AccountProfile
from canonical_models.entitlement import SupportEntitlement, SupportOrganization
from canonical_models.failures import Rejection, RejectionCode
from canonical_models.reconciliation import Facts
from canonical_models.support import SupportDesk
from connectors.config import ConnectionConfig
from connectors.governor import Governor
from connectors.http import Closing, Observer, VendorHttp
from tests.connectors.conformance.example import SYSTEM
from tests.connectors.conformance.example.client import DesklingClient
from tests.connectors.conformance.example.mapping import (
    case_of,
    changes_of,
    facts_of,
    organization_of,
)
from tests.connectors.conformance.example.wire import Client

_IDENTIFIER: TypeAdapter[str] = TypeAdapter(Identifier)


class DesklingTicketing(Closing):
    """A `TicketingPort`. Organisations are clients, known by their reference."""

    def __init__(self, client: DesklingClient) -> None:
        self._client = client

    @classmethod
    def connect(
        cls,
        config: ConnectionConfig,
        *,
        observe: Observer | None = None,
        governor: Governor | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> Self:
        """Raises KeyError without the secret `api_key`, ValueError for one that no header takes."""
        http = VendorHttp(
            SYSTEM,
            config.base_url,
            headers={"Authorization": f"Token {config.header_secret('api_key')}"},
            timeout_seconds=config.timeout_seconds,
            observe=observe,
            governor=governor,
            transport=transport,
        )
        return cls(DesklingClient(http, config.name))

    async def organization(self, external_id: str) -> SupportOrganization | None:
        found = await self._find(external_id)
        return None if found is None else organization_of(found, external_id)

    async def desk(self, external_id: str) -> SupportDesk | None:
        found = await self._find(external_id)
        if found is None:
            return None
        cases = await self._client.cases(found, external_id)
        return SupportDesk(
            organization=organization_of(found, external_id),
            cases=tuple(case_of(each) for each in cases),
            sla_problem="Deskling has no policies of tiers",
        )

    async def create_organization(
        self, external_id: str, profile: AccountProfile
    ) -> SupportOrganization:
        """See `TicketingPort`. Deskling keeps references unique, so that two who make one at once
        make one."""
        found = await self._find(external_id)
        if found is None:
            await self._require_free(profile.name, external_id)
            found = await self._client.create(external_id, profile.name)
        return organization_of(found, external_id)

    async def rename_organization(self, external_id: str, profile: AccountProfile) -> None:
        found = await self._find(external_id)
        if found is None:
            return
        await self._require_free(profile.name, external_id)
        await self._client.change(found, external_id, {"name": profile.name})

    async def publish(self, entitlement: SupportEntitlement) -> SupportOrganization:
        """See `TicketingPort`. Returns what Deskling answers, not what it was told."""
        reference = entitlement.organization
        found = await self._find(reference)
        if found is None:
            raise Rejection(
                RejectionCode.ORGANIZATION_UNKNOWN,
                f"Deskling has no client with the reference {reference!r}: give the customer's "
                "client this reference, or correct the account mapping, then retry",
                system=SYSTEM,
                subject=reference,
            )
        answered = await self._client.change(found, reference, changes_of(entitlement))
        return organization_of(answered, reference)

    async def merged_into(self, organization_id: str) -> None:
        """See `TicketingPort`. Deskling merges no clients."""
        del organization_id

    async def facts(self, *, after: str | None = None) -> Facts:
        """See `TicketingPort`. Raises ValueError for a cursor that is none."""
        return facts_of(await self._client.changes(0 if after is None else int(after)))

    async def close(self) -> None:
        await self._client.close()

    async def _find(self, reference: str) -> Client | None:
        try:
            _IDENTIFIER.validate_python(reference)
        except ValidationError:
            raise Rejection(
                RejectionCode.ORGANIZATION_UNKNOWN,
                f"{reference[:80]!r} cannot be the reference of a client at Deskling: correct the "
                "account mapping, then retry",
                system=SYSTEM,
                subject=reference[:255],
            ) from None
        found = await self._client.by_reference(reference)
        return found[0] if found else None

    async def _require_free(self, name: str, reference: str) -> None:
        for each in await self._client.by_name(name, reference):
            if each.reference != reference:
                raise Rejection(
                    RejectionCode.ACCOUNT_AMBIGUOUS,
                    f"Deskling's client {each.id} has the name of the customer {reference!r} and "
                    "another reference or none: give it this reference if it is the customer's, "
                    "or rename it if not, then retry",
                    system=SYSTEM,
                    subject=reference,
                )
