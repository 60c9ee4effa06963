"""The real Request Tracker. Its database says what is there, its REST does what agents do.

What a race shows holds for SQLite alone, whose writers wait for each other: Request Tracker looks
for a unique value before it keeps one, and other databases let two do so at once.
"""

import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import httpx
import pytest
from pydantic import SecretStr

from canonical_models.checks import Expected
from canonical_models.failures import (
    ContractDrift,
    CredentialsRefused,
    RejectionCode,
    TransientFailure,
    UncertainWrite,
)
from connectors.config import ConnectionConfig
from connectors.request_tracker.adapter import RequestTrackerTicketing
from connectors.request_tracker.checking import RequestTrackerConnection
from sandbox.rt.server import RtInstance, RtServer, missing
from tests.connectors.conformance.describing import PRIVATE, Refusal
from tests.connectors.conformance.support import Shown, SupportSystem

_EXPECTED = Expected(webhook_path="/webhooks/acme/desk")
#: Searches are posted, and change nothing.
_SEARCHES = frozenset({"assets", "catalogs", "customfields", "transactions"})
_ASSETS = """
    select id, Name from Assets
    where Status <> 'deleted' and Catalog in (select id from Catalogs where Name = 'Customers')
"""
_VALUES = """
    select ifnull(value.LargeContent, value.Content)
    from ObjectCustomFieldValues value join CustomFields field on field.id = value.CustomField
    where value.ObjectType = 'RT::Asset' and value.ObjectId = ? and field.Name = ?
    and value.Disabled = 0
"""


def _error() -> bytes:
    return json.dumps({"message": PRIVATE}).encode()


class RequestTracker(SupportSystem):
    system = "request_tracker"
    prompt = 4.0
    #: It has no session: catalog and fields are looked up once, so that a look is about an asset.
    sessions = True
    foreseen = frozenset({400, 409, 412})

    def __init__(self, rt: RtInstance, database: Path, agent: httpx.AsyncClient) -> None:
        self._rt, self._database, self._agent = rt, database, agent

    @classmethod
    @asynccontextmanager
    async def running(cls, folder: Path) -> AsyncIterator[Self]:
        """Set up as people do, by its administrator's token."""
        if (why := missing()) is not None:
            pytest.skip(why)
        async with (
            RtServer(folder) as rt,
            httpx.AsyncClient(
                base_url=f"{rt.url}/REST/2.0",
                headers={"Authorization": f"token {rt.administrator_token}"},
                trust_env=False,
                timeout=20,
            ) as agent,
        ):
            made = cls(rt, folder / "rt.sqlite", agent)
            config = made._config(rt.administrator_token)
            async with RequestTrackerConnection.connect(config) as connection:
                await connection.setup(_EXPECTED, keep=str)
            yield made

    def config(self) -> ConnectionConfig:
        """Of the user that has no more rights than are documented."""
        return self._config(self._rt.token)

    def with_wrong_secret(self) -> ConnectionConfig:
        """Of the same user."""
        whose, number, secret = self._rt.token.split("-")
        return self._config(f"{whose}-{number}-{'0' * len(secret)}")

    def connect(
        self, config: ConnectionConfig, transport: httpx.AsyncBaseTransport | None = None
    ) -> RequestTrackerTicketing:
        return RequestTrackerTicketing.connect(config, transport=transport)

    def connection(
        self, config: ConnectionConfig, transport: httpx.AsyncBaseTransport | None = None
    ) -> RequestTrackerConnection:
        return RequestTrackerConnection.connect(config, transport=transport)

    def writes(self, request: httpx.Request) -> bool:
        return super().writes(request) and request.url.path.rpartition("/")[2] not in _SEARCHES

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        """RT::REST2 5.0.3: what its resources answer. A sentence is all that it says besides."""
        unknown, refused = RejectionCode.ORGANIZATION_UNKNOWN, RejectionCode.SUPPORT_REFUSED
        credentials = (CredentialsRefused, CredentialsRefused)
        later = (TransientFailure, TransientFailure)
        return (
            Refusal("not valid", 400, _error(), refused, refused),
            Refusal("bad token", 401, _error(), *credentials),
            Refusal("no right", 403, _error(), *credentials),
            Refusal("gone", 404, _error(), unknown, unknown),
            Refusal("no such method", 405, _error(), ContractDrift, ContractDrift),
            Refusal("conflict", 409, _error(), *later),
            Refusal("changed meanwhile", 412, _error(), *later),
            Refusal("broke", 500, _error(), TransientFailure, UncertainWrite),
            Refusal("away", 503, b"", TransientFailure, UncertainWrite),
        )

    async def made_by_hand(self, name: str, external_id: str | None) -> None:
        fields = {} if external_id is None else {"Trueup customer": external_id}
        asset = {"Catalog": "Customers", "Name": name, "CustomFields": fields}
        await self._do("POST", "/asset", asset)

    async def deleted_by_hand(self, external_id: str) -> None:
        for number, _ in self._found(external_id):
            await self._do("PUT", f"/asset/{number}", {"Status": "deleted"})

    async def case_by_hand(self, external_id: str, subject: str) -> None:
        ((number, _),) = self._found(external_id)
        ticket = {"Queue": "Support", "Subject": subject, "RefersTo": f"asset:{number}"}
        await self._do("POST", "/ticket", ticket)

    async def shown(self, external_id: str) -> list[Shown]:
        return [
            Shown(
                name=name,
                tier=self._value(number, "Trueup support tier"),
                contract_end=_time(self._value(number, "Trueup contract end")),
                features=tuple(sorted(self._values(number, "Trueup features"))),
            )
            for number, name in self._found(external_id)
        ]

    async def named(self, name: str) -> int:
        return len(self._rows(f"{_ASSETS} and Name = ?", name))

    def _found(self, external_id: str) -> list[tuple[int, str]]:
        """Number and name."""
        return [
            (number, name)
            for number, name in self._rows(_ASSETS)
            if external_id in self._values(number, "Trueup customer")
        ]

    def _value(self, number: int, field: str) -> str | None:
        found = self._values(number, field)
        assert len(found) <= 1, (field, found)
        return found[0] if found else None

    def _values(self, number: int, field: str) -> list[str]:
        return [value for (value,) in self._rows(_VALUES, number, field)]

    def _rows(self, query: str, *given: object) -> list[Any]:
        with closing(sqlite3.connect(f"file:{self._database}?mode=ro", uri=True)) as database:
            return database.execute(query, given).fetchall()

    def _config(self, token: str) -> ConnectionConfig:
        return ConnectionConfig(
            name="desk",
            vendor="request_tracker",
            base_url=self._rt.url,
            secrets={"token": SecretStr(token)},
        )

    async def _do(self, method: str, path: str, body: object) -> None:
        (await self._agent.request(method, path, json=body)).raise_for_status()


def _time(said: str | None) -> datetime | None:
    return None if said is None else datetime.fromisoformat(said).astimezone(UTC)
