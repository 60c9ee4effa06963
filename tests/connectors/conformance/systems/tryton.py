"""The real Tryton. Its administrator, by JSON-RPC, says what is in its books."""

import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Self

import httpx
import pytest
from pydantic import SecretStr

from canonical_models.failures import (
    CredentialsRefused,
    RejectionCode,
    TransientFailure,
    UncertainWrite,
)
from cli.choices import cache
from connectors.config import ConnectionConfig
from connectors.tryton.adapter import TrytonErp
from connectors.tryton.checking import TrytonConnection
from sandbox.erp.instance import SETTLEMENT_OPTIONS, ErpInstance
from sandbox.erp.rpc import TrytonRpc
from sandbox.erp.server import DEFAULT_VENV, TrytonServer
from tests.connectors.conformance.describing import ROW, Refusal
from tests.connectors.conformance.erp import ErpSystem, Sale, Stands
from tests.harness.erp_books import Books
from tests.harness.erp_documents import read_documents

#: JSON-RPC methods that change nothing, by how they end.
_READING = (
    *(".read", ".fields_get", ".on_change", ".today", ".compute", ".get_types", ".pre_validate"),
    *(".get_access", ".get_preferences", "common.db.login", "common.server.version"),
)


class Tryton(ErpSystem):
    system = "erp"
    shows_words = True
    prompt = 8.0
    sessions = True
    foreseen = frozenset({400, 409, 422, 423})
    # A search may find nothing.
    senseless = (b"{}", b"[1]", b"[{}]", b'"words"', b"null", ROW)
    amounts = (
        ("JPY", "1001", "190"),
        ("EUR", "100.05", "19.01"),
        ("KWD", "1.003", "0.191"),
    )

    def __init__(self, erp: ErpInstance, rpc: TrytonRpc) -> None:
        self._erp, self._rpc = erp, rpc
        self._books = Books(erp, rpc)

    @classmethod
    @asynccontextmanager
    async def running(cls, folder: Path) -> AsyncIterator[Self]:
        if not (DEFAULT_VENV / "bin" / "trytond").exists():
            pytest.skip(f"the ERP environment {DEFAULT_VENV} is not installed")
        async with TrytonServer(folder, cache=cache()) as erp:
            who = erp.credentials
            login, password = who.admin_login, who.admin_password
            async with TrytonRpc(erp.url, erp.database, login, password) as rpc:
                yield cls(erp, rpc)

    def config(self) -> ConnectionConfig:
        return ConnectionConfig(
            name="erp",
            vendor="tryton",
            base_url=self._erp.url,
            secrets={
                "api_key": SecretStr(self._erp.api_key),
                "password": SecretStr(self._erp.credentials.api_password),
            },
            options={
                "database": self._erp.database,
                "login": self._erp.credentials.api_login,
                **SETTLEMENT_OPTIONS,
            },
            timeout_seconds=60,
        )

    def with_wrong_secret(self) -> ConnectionConfig:
        kept = self.config()
        changed = {**kept.secrets, "api_key": SecretStr("0" * 64)}
        return kept.model_copy(update={"secrets": changed})

    def connect(
        self, config: ConnectionConfig, transport: httpx.AsyncBaseTransport | None = None
    ) -> TrytonErp:
        return TrytonErp.connect(config, transport=transport)

    def connection(
        self, config: ConnectionConfig, transport: httpx.AsyncBaseTransport | None = None
    ) -> TrytonConnection:
        return TrytonConnection.connect(config, transport=transport)

    def writes(self, request: httpx.Request) -> bool:
        if not request.url.path.endswith("/rpc/"):
            return super().writes(request)
        method: str = json.loads(request.content)["method"]
        return not method.endswith(_READING)

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        """trytond.protocols.wrappers (`JSONBadRequest`), .jsonrpc and .dispatcher, 8.2."""
        no = json.dumps({"message": "The period", "description": "is closed."}).encode()
        refused = RejectionCode.DOCUMENT_REFUSED
        later = (TransientFailure, TransientFailure)
        return (
            Refusal("user error", 400, no, refused, refused),
            Refusal("no application", 401, b"", CredentialsRefused, CredentialsRefused),
            Refusal("no right", 403, b"", CredentialsRefused, CredentialsRefused),
            Refusal("record changed", 409, b"", *later),
            Refusal("record locked", 423, b"", *later),
            Refusal("too many", 429, b"", *later),
            Refusal("raised", 500, b"", TransientFailure, UncertainWrite),
            Refusal("database away", 503, b"", TransientFailure, UncertainWrite),
            Refusal("took too long", 504, b"", TransientFailure, UncertainWrite),
        )

    async def sale(self) -> Sale:
        code = f"C-{secrets.token_hex(5)}"
        address = [["create", [{"city": "Ulm"}]]]
        await self._rpc.create("party.party", {"code": code, "name": code, "addresses": address})
        return Sale("LE-DE", code, "PRO", "VAT 19 %", Decimal("0.19"))

    async def standing(self, external_id: str) -> list[Stands]:
        domain = [["reference", "like", f"%{external_id}%"], ["state", "in", ["posted", "paid"]]]
        return [
            Stands(str(each.id), each.total, each.open)
            for each in await read_documents(self._erp, self._rpc, domain)
            if external_id in _references(each.reference)
        ]

    async def owed(self, party: str) -> Decimal:
        return await self._books.receivable_of(party, "LE-DE")

    async def parties_of(self, customer_id: str) -> int:
        domain = [["OR", ["code", "=", customer_id], ["identifiers.code", "=", customer_id]]]
        return len(await self._rpc.search("party.party", domain, ["id"]))


def _references(reference: str | None) -> tuple[str, str]:
    """`in_1`, or `INV-7 (in_1)`."""
    said = reference or ""
    return said, said.rpartition("(")[2].removesuffix(")")
