"""The requests that Deskling takes. Answers come out checked, refusals as failures."""

from typing import Any, TypeVar

import httpx
import orjson

from connectors.http import VendorHttp
from connectors.refusals import RequestContext, contract
from tests.connectors.conformance.example import SYSTEM
from tests.connectors.conformance.example.errors import failure
from tests.connectors.conformance.example.wire import (
    Case,
    Cases,
    Changes,
    Client,
    Clients,
    OneClient,
    Wire,
)

M = TypeVar("M", bound=Wire)
_FORM = {"Content-Type": "application/json"}


class DesklingClient:
    """The calls of one connection. Every method raises the failures of `errors.REFUSALS`."""

    def __init__(self, http: VendorHttp, connection: str) -> None:
        self._http, self._connection = http, connection

    async def by_reference(self, reference: str) -> tuple[Client, ...]:
        context = self._context(f"look for the client {reference}", reference)
        return (await self._get("/clients", {"reference": reference}, Clients, context)).clients

    async def by_name(self, name: str, reference: str) -> tuple[Client, ...]:
        # A name may be a person's: it is in the query alone, which no message shows.
        context = self._context(f"look for the name of the client {reference}", reference)
        return (await self._get("/clients", {"name": name}, Clients, context)).clients

    async def cases(self, client: Client, reference: str) -> tuple[Case, ...]:
        context = self._context(f"list the cases of the client {reference}", reference)
        path = f"/clients/{client.id}/cases"
        return (await self._get(path, {"state": "open"}, Cases, context)).cases

    async def changes(self, after: int) -> Changes:
        context = self._context(f"list the clients that have changed since {after}")
        return await self._get("/changes", {"after": str(after)}, Changes, context)

    async def create(self, reference: str, name: str) -> Client:
        context = self._context(f"make the client {reference}", reference, writes=True)
        body = {"reference": reference, "name": name}
        return (await self._write("POST", "/clients", body, context)).client

    async def change(self, client: Client, reference: str, changes: dict[str, Any]) -> Client:
        context = self._context(f"change the client {reference}", reference, writes=True)
        return (await self._write("PATCH", f"/clients/{client.id}", changes, context)).client

    async def close(self) -> None:
        await self._http.close()

    async def _get(
        self, path: str, query: dict[str, str], model: type[M], context: RequestContext
    ) -> M:
        return self._read(await self._http.send("GET", path, params=query), model, context)

    async def _write(
        self, method: str, path: str, body: dict[str, Any], context: RequestContext
    ) -> OneClient:
        answer = await self._http.send(
            method, path, writes=True, headers=_FORM, content=orjson.dumps(body)
        )
        return self._read(answer, OneClient, context)

    def _read(self, answer: httpx.Response, model: type[M], context: RequestContext) -> M:
        if answer.status_code not in (200, 201):
            raise failure(answer, context)
        with contract("Deskling's answer", SYSTEM, context.words, "compare Deskling's changelog"):
            self._http.decode(answer)
            return model.model_validate_json(answer.content)

    def _context(
        self, words: str, reference: str | None = None, *, writes: bool = False
    ) -> RequestContext:
        return RequestContext(words, self._connection, reference, writes=writes)
