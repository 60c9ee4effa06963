"""The worked example of docs/connectors.md. Its people ask the server themselves."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import httpx
from pydantic import SecretStr

from canonical_models.failures import (
    CredentialsRefused,
    RejectionCode,
    TransientFailure,
    UncertainWrite,
)
from connectors.config import ConnectionConfig
from sandbox.simulators.child import running_child
from tests.connectors.conformance.describing import Refusal
from tests.connectors.conformance.example.adapter import DesklingTicketing
from tests.connectors.conformance.example.checking import DesklingConnection
from tests.connectors.conformance.example.server import KEY
from tests.connectors.conformance.support import Shown, SupportSystem


def _error(word: str) -> bytes:
    return json.dumps({"error": word}).encode()


class Deskling(SupportSystem):
    system = "deskling"
    foreseen = frozenset({422})
    #: Another one where the suite itself is tested.
    adapter: type[DesklingTicketing] = DesklingTicketing

    def __init__(self, url: str, agent: httpx.AsyncClient) -> None:
        self._url, self._agent = url, agent

    @classmethod
    @asynccontextmanager
    async def running(cls, _folder: Path) -> AsyncIterator[Self]:
        async with (
            running_child("tests.connectors.conformance.example.server") as child,
            httpx.AsyncClient(
                base_url=child.url, headers={"Authorization": f"Token {KEY}"}, trust_env=False
            ) as agent,
        ):
            yield cls(child.url, agent)

    def behind(self, adapter: type[DesklingTicketing]) -> "Deskling":
        """The same system behind another adapter."""
        other = Deskling(self._url, self._agent)
        other.adapter = adapter
        return other

    def config(self) -> ConnectionConfig:
        return ConnectionConfig(
            name="desk",
            vendor="deskling",
            base_url=self._url,
            secrets={"api_key": SecretStr(KEY)},
        )

    def with_wrong_secret(self) -> ConnectionConfig:
        return self.config().model_copy(update={"secrets": {"api_key": SecretStr("stolen")}})

    def connect(
        self, config: ConnectionConfig, transport: httpx.AsyncBaseTransport | None = None
    ) -> DesklingTicketing:
        return self.adapter.connect(config, transport=transport)

    def connection(
        self, config: ConnectionConfig, transport: httpx.AsyncBaseTransport | None = None
    ) -> DesklingConnection:
        return DesklingConnection.connect(config, transport=transport)

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        unknown, refused = RejectionCode.ORGANIZATION_UNKNOWN, RejectionCode.SUPPORT_REFUSED
        credentials = (CredentialsRefused, CredentialsRefused)
        later = (TransientFailure, TransientFailure)
        return (
            Refusal("bad key", 401, _error("key_refused"), *credentials),
            Refusal("gone", 404, _error("client_unknown"), unknown, unknown),
            Refusal("made meanwhile", 409, _error("reference_taken"), *later),
            Refusal("invalid", 422, _error("client_invalid"), refused, refused),
            Refusal("too many", 429, _error("slow_down"), *later),
            Refusal("broke", 500, _error("broken"), TransientFailure, UncertainWrite),
        )

    async def made_by_hand(self, name: str, external_id: str | None) -> None:
        await self._do("POST", "/clients", {"name": name, "reference": external_id})

    async def deleted_by_hand(self, external_id: str) -> None:
        for each in await self._found(reference=external_id):
            await self._do("DELETE", f"/clients/{each['id']}")

    async def case_by_hand(self, external_id: str, subject: str) -> None:
        (found,) = await self._found(reference=external_id)
        case = {"title": subject, "urgency": "high"}
        await self._do("POST", f"/clients/{found['id']}/cases", case)

    async def shown(self, external_id: str) -> list[Shown]:
        return [
            Shown(
                name=each["name"],
                tier=each["plan"],
                contract_end=_time(each["plan_ends"]),
                features=tuple(each["features"]),
            )
            for each in await self._found(reference=external_id)
        ]

    async def named(self, name: str) -> int:
        return len(await self._found(name=name))

    async def _found(self, **query: str) -> list[dict[str, Any]]:
        answer = await self._agent.get("/clients", params=query)
        found: list[dict[str, Any]] = answer.raise_for_status().json()["clients"]
        return found

    async def _do(self, method: str, path: str, body: object = None) -> None:
        (await self._agent.request(method, path, json=body)).raise_for_status()


def _time(said: str | None) -> datetime | None:
    return None if said is None else datetime.fromisoformat(said).astimezone(UTC)
