"""A target of the tenant's own, as the simulator of one is."""

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Self

import httpx
from pydantic import SecretStr

from canonical_models.failures import (
    CredentialsRefused,
    RejectionCode,
    TransientFailure,
    UncertainWrite,
)
from connectors.config import ConnectionConfig
from connectors.signed_http.adapter import SignedHttpTarget
from connectors.signed_http.checking import TargetConnection
from sandbox.simulators.child import running_child
from tests.connectors.conformance.describing import Refusal
from tests.connectors.conformance.target import Kept, TargetSystem

_SECRET = "whsec_" + base64.b64encode(b"conformance" * 3).decode()
_OTHER = "whsec_" + base64.b64encode(b"x" * 32).decode()


def _error(word: str) -> bytes:
    return json.dumps({"error": word}).encode()


class SignedHttp(TargetSystem):
    system = "signed_http"
    foreseen = frozenset({400, 409, 422})

    def __init__(self, url: str, control: httpx.AsyncClient) -> None:
        self._url = url
        self._control = control

    @classmethod
    @asynccontextmanager
    async def running(cls, folder: Path) -> AsyncIterator[Self]:
        arguments = ("--state", str(folder / "target.sqlite"), "--secret", _SECRET)
        async with (
            running_child("sandbox.simulators.target", *arguments) as child,
            httpx.AsyncClient(base_url=f"{child.url}/_sim/", trust_env=False) as control,
        ):
            yield cls(child.url, control)

    def config(self) -> ConnectionConfig:
        return ConnectionConfig(
            name="product",
            vendor="signed_http",
            base_url=self._url,
            secrets={"signing_secret": SecretStr(_SECRET)},
        )

    def with_wrong_secret(self) -> ConnectionConfig:
        return self.config().model_copy(update={"secrets": {"signing_secret": SecretStr(_OTHER)}})

    def connect(
        self, config: ConnectionConfig, transport: httpx.AsyncBaseTransport | None = None
    ) -> SignedHttpTarget:
        return SignedHttpTarget.connect(config, transport=transport)

    def connection(
        self, config: ConnectionConfig, transport: httpx.AsyncBaseTransport | None = None
    ) -> TargetConnection:
        return TargetConnection.connect(config, transport=transport)

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        """sandbox/simulators/target/README.md, which is the protocol."""
        refused = RejectionCode.TARGET_REFUSED
        credentials = (CredentialsRefused, CredentialsRefused)
        later = (TransientFailure, TransientFailure)
        return (
            Refusal("malformed", 400, _error("malformed_json"), refused, refused),
            Refusal("unsigned", 401, _error("signature_wrong"), *credentials),
            Refusal("refused", 422, _error("duplicate_feature"), refused, refused),
            Refusal("too many", 429, _error("busy"), *later),
            Refusal("broke", 500, _error("broken"), TransientFailure, UncertainWrite),
            Refusal("not now", 503, _error("busy"), *later, (("retry-after", "3"),)),
        )

    async def kept(self, customer_id: str) -> Kept | None:
        answer = await self._control.get(f"customers/{customer_id}")
        if answer.status_code == 404:
            return None
        held = answer.raise_for_status().json()
        features = [
            (
                each["feature"],
                each["quantity"],
                None if each["until"] is None else datetime.fromisoformat(each["until"]),
            )
            for each in held["features"]
        ]
        return held["revision"], tuple(sorted(features, key=lambda each: each[0]))
