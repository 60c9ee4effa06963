"""Zendesk, as its simulator speaks. An agent's own requests say what is there."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import httpx
from pydantic import SecretStr

from canonical_models.failures import (
    ContractDrift,
    CredentialsRefused,
    RejectionCode,
    TransientFailure,
    UncertainWrite,
)
from connectors.config import ConnectionConfig
from connectors.zendesk.adapter import ZendeskTicketing
from connectors.zendesk.checking import ZendeskConnection
from sandbox.simulators.child import running_child
from tests.connectors.conformance.describing import PRIVATE, Refusal
from tests.connectors.conformance.support import Shown, SupportSystem

_TOKEN = "conformance-token"
_CLIENT, _SECRET = "trueup", "conformance-client-secret"
_FIELDS = ("trueup_support_tier", "trueup_contract_end", "trueup_features")


def _error(error: str, **details: str) -> bytes:
    said = {key: [{"error": each, "description": PRIVATE}] for key, each in details.items()}
    return json.dumps({"error": error, "description": PRIVATE, "details": said}).encode()


class Zendesk(SupportSystem):
    system = "zendesk"
    foreseen = frozenset({409, 422})
    walls = frozenset({403})
    by_itself = frozenset({"way in"})

    def __init__(self, url: str, agent: httpx.AsyncClient) -> None:
        self._url = url
        self._agent = agent

    @classmethod
    @asynccontextmanager
    async def running(cls, folder: Path) -> AsyncIterator[Self]:
        arguments = ("--state", str(folder / "zendesk.sqlite"), "--token", _TOKEN)
        async with (
            running_child("sandbox.simulators.zendesk", *arguments) as child,
            httpx.AsyncClient(
                base_url=child.url, auth=("agent@example.com/token", _TOKEN), trust_env=False
            ) as agent,
        ):
            made = cls(child.url, agent)
            for key in _FIELDS:
                field = {"key": key, "title": key, "type": "text"}
                await made._do("POST", "organization_fields", {"organization_field": field})
            yield made

    def config(self) -> ConnectionConfig:
        return ConnectionConfig(
            name="support",
            vendor="zendesk",
            base_url=self._url,
            secrets={"token": SecretStr(_TOKEN)},
            options={"email": "sync@example.com"},
        )

    def with_wrong_secret(self) -> ConnectionConfig:
        return self.config().model_copy(update={"secrets": {"token": SecretStr("stolen")}})

    def connect(
        self, config: ConnectionConfig, transport: httpx.AsyncBaseTransport | None = None
    ) -> ZendeskTicketing:
        return ZendeskTicketing.connect(config, transport=transport)

    def connection(
        self, config: ConnectionConfig, transport: httpx.AsyncBaseTransport | None = None
    ) -> ZendeskConnection:
        return ZendeskConnection.connect(config, transport=transport)

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        """https://developer.zendesk.com/api-reference/introduction/requests/#response-format."""
        unknown, refused = RejectionCode.ORGANIZATION_UNKNOWN, RejectionCode.SUPPORT_REFUSED
        ambiguous = RejectionCode.ACCOUNT_AMBIGUOUS
        credentials = (CredentialsRefused, CredentialsRefused)
        later = (TransientFailure, TransientFailure)
        taken = _error("RecordInvalid", name="DuplicateValue")
        return (
            Refusal("bad token", 401, _error("Couldn't authenticate you"), *credentials),
            Refusal("no right", 403, _error("Forbidden"), *credentials),
            Refusal("gone", 404, _error("RecordNotFound"), unknown, unknown),
            Refusal("no API", 404, _error("InvalidEndpoint"), ContractDrift, ContractDrift),
            Refusal("conflict", 409, _error("UpdateConflict"), *later),
            Refusal("invalid", 422, _error("RecordInvalid", tags="BlankValue"), refused, refused),
            Refusal("name taken", 422, taken, ambiguous, ambiguous),
            Refusal(
                "made meanwhile", 422, _error("RecordInvalid", external_id="DuplicateValue"), *later
            ),
            Refusal("too many", 429, _error("APIRateLimitExceeded"), *later),
            Refusal("broke", 500, _error("InternalError"), TransientFailure, UncertainWrite),
            Refusal("away", 503, b"", TransientFailure, UncertainWrite),
            Refusal("back soon", 503, b"", *later, (("retry-after", "3"),)),
        )

    async def made_by_hand(self, name: str, external_id: str | None) -> None:
        wanted = {"organization": {"name": name, "external_id": external_id}}
        await self._do("POST", "organizations", wanted)

    async def deleted_by_hand(self, external_id: str) -> None:
        for each in await self._found(external_id=external_id):
            await self._do("DELETE", f"organizations/{each['id']}")

    async def case_by_hand(self, external_id: str, subject: str) -> None:
        (found,) = await self._found(external_id=external_id)
        ticket = {
            "subject": subject,
            "comment": {"body": "Help"},
            "organization_id": found["id"],
            "priority": "high",
        }
        await self._do("POST", "tickets", {"ticket": ticket})

    async def shown(self, external_id: str) -> list[Shown]:
        return [_shown(each) for each in await self._found(external_id=external_id)]

    async def named(self, name: str) -> int:
        return len(await self._found(name=name))

    async def settled(self) -> None:
        """The export leaves out what was changed within the last minute."""
        url = f"{self._url}/_sim/clock"
        (await self._agent.post(url, json={"advance_seconds": 120})).raise_for_status()

    async def _found(self, **query: str) -> list[dict[str, Any]]:
        answer = await self._agent.get("/api/v2/organizations/search", params=query)
        found: list[dict[str, Any]] = answer.raise_for_status().json()["organizations"]
        return found

    async def _do(self, method: str, path: str, body: object = None) -> None:
        (await self._agent.request(method, f"/api/v2/{path}", json=body)).raise_for_status()


def _shown(found: dict[str, Any]) -> Shown:
    tier, end, features = (found["organization_fields"].get(key) or None for key in _FIELDS)
    return Shown(
        name=found["name"],
        tier=tier,
        contract_end=None if end is None else datetime.fromisoformat(end).astimezone(UTC),
        features=tuple(sorted(features.split(","))) if features else (),
    )


class ZendeskByOauth(Zendesk):
    """The same with an OAuth client, whose token is asked for first: what a look meets is that."""

    def config(self) -> ConnectionConfig:
        return ConnectionConfig(
            name="support",
            vendor="zendesk",
            base_url=self._url,
            secrets={"client_secret": SecretStr(_SECRET)},
            options={"client_id": _CLIENT},
        )

    @classmethod
    @asynccontextmanager
    async def running(cls, folder: Path) -> AsyncIterator[Self]:
        async with super().running(folder) as made:
            client = {"client_id": _CLIENT, "client_secret": _SECRET}
            answer = await made._agent.post(f"{made._url}/_sim/oauth", json=client)
            answer.raise_for_status()
            yield made

    def with_wrong_secret(self) -> ConnectionConfig:
        changed = {"client_secret": SecretStr("stolen")}
        return self.config().model_copy(update={"secrets": changed})

    def writes(self, request: httpx.Request) -> bool:
        return super().writes(request) and request.url.path != "/oauth/tokens"

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        """RFC 6749, 5.2, for the token; the rest is said above."""
        credentials = (CredentialsRefused, CredentialsRefused)
        later = (TransientFailure, TransientFailure)
        return (
            Refusal("client refused", 401, _error("invalid_client"), *credentials),
            Refusal(
                "no such grant", 400, _error("invalid_grant"), CredentialsRefused, ContractDrift
            ),
            Refusal("no right", 403, _error("access_denied"), *credentials),
            Refusal("too many", 429, _error("too_many"), *later),
            Refusal("broke", 500, _error("broken"), TransientFailure, UncertainWrite),
        )
