"""Tryton on the wire: its REST interface with an application key, and one JSON-RPC session."""

import asyncio
import base64
import itertools
from collections.abc import Sequence
from typing import Any

import orjson

from canonical_models.failures import ContractDrift
from connectors.http import VendorHttp
from connectors.tryton.errors import SYSTEM, refusal, rpc_refusal

Row = dict[str, Any]


class TrytonClient:
    """`company` is the id whose context a request runs in: accounts and rules are kept by it."""

    def __init__(
        self, http: VendorHttp, *, database: str, api_key: str, login: str, password: str
    ) -> None:
        self._http = http
        self._rest = f"/{database}/rest/model/"
        self._rpc = f"/{database}/rpc/"
        self._bearer = {"Authorization": f"Bearer {api_key}", "Content-Type": "application/json"}
        self._login, self._password = login, password
        self._session: dict[str, str] | None = None
        self._opening = asyncio.Lock()
        self._ids = itertools.count(1)

    async def search(
        self,
        model: str,
        domain: Sequence[Any],
        fields: Sequence[str],
        *,
        what: str,
        company: int | None = None,
    ) -> list[Row]:
        """The records that match, by id."""
        params = [("d", _encoded(domain)), ("o", _encoded([["id", "ASC"]]))]
        params += [("f", field) for field in fields]
        rows = await self._call("GET", model, what=what, company=company, params=params)
        if not isinstance(rows, list):
            raise ContractDrift(
                f"the ERP answered the search for {what} with no list",
                system=SYSTEM,
                payload_path="$",
            )
        return rows

    async def read(
        self, model: str, key: str, fields: Sequence[str], *, what: str, company: int
    ) -> Row:
        params = [("f", field) for field in fields]
        return _row(
            await self._call("GET", f"{model}/{key}", what=what, company=company, params=params),
            what,
        )

    async def create(
        self, model: str, values: Row, fields: Sequence[str], *, what: str, company: int
    ) -> Row:
        return _row(
            await self._call(
                "POST",
                model,
                what=what,
                company=company,
                params=[("f", field) for field in fields],
                body=values,
            ),
            what,
        )

    async def act(
        self, model: str, key: str, action: str, fields: Sequence[str], *, what: str, company: int
    ) -> Row:
        """Press a button of a record, such as `post`; the record as it is afterwards."""
        return _row(
            await self._call(
                "POST",
                f"{model}/{key}/{action}",
                what=what,
                company=company,
                params=[("f", field) for field in fields],
                body={},
            ),
            what,
        )

    async def rpc(self, method: str, *params: Any, what: str, company: int) -> Any:
        """A JSON-RPC call that only reads. Its errors come with status 200."""
        request = [*params, {"company": company}]
        answer = await self._send_rpc(method, request, await self._session_header())
        if answer.status_code == 401:
            self._session = None
            answer = await self._send_rpc(method, request, await self._session_header())
        return self._result(answer, what)

    async def close(self) -> None:
        await self._http.close()

    async def _session_header(self) -> dict[str, str]:
        async with self._opening:
            if self._session is None:
                answer = await self._send_rpc(
                    "common.db.login", [self._login, {"password": self._password}, "en"], {}
                )
                user, token, *_ = self._result(answer, "the session of our user")
                key = base64.b64encode(f"{self._login}:{user}:{token}".encode()).decode()
                self._session = {"Authorization": f"Session {key}"}
            return self._session

    async def _send_rpc(self, method: str, params: list[Any], headers: dict[str, str]) -> Any:
        return await self._http.send(
            "POST",
            self._rpc,
            headers={"Content-Type": "application/json", **headers},
            content=orjson.dumps({"id": next(self._ids), "method": method, "params": params}),
        )

    def _result(self, answer: Any, what: str) -> Any:
        if not answer.is_success:
            raise refusal(answer, what, writes=False)
        body = _row(self._http.decode(answer), what)
        if error := body.get("error"):
            kind, *rest = error if isinstance(error, list) else [str(error)]
            raise rpc_refusal(str(kind), str(rest[:1]), what)
        if "result" not in body:
            raise ContractDrift(
                f"the ERP answered {what} with neither result nor error",
                system=SYSTEM,
                payload_path="$.result",
            )
        return body["result"]

    async def _call(
        self,
        method: str,
        path: str,
        *,
        what: str,
        company: int | None,
        params: list[tuple[str, str]],
        body: Row | None = None,
    ) -> Any:
        headers = dict(self._bearer)
        if company is not None:
            headers["X-Tryton-Context"] = _encoded({"company": company})
        writes = method != "GET"
        answer = await self._http.send(
            method,
            self._rest + path,
            writes=writes,
            headers=headers,
            params=params,
            content=None if body is None else orjson.dumps(body),
        )
        if not answer.is_success:
            raise refusal(answer, what, writes=writes)
        return self._http.decode(answer)


def _row(value: Any, what: str) -> Row:
    if not isinstance(value, dict):
        raise ContractDrift(
            f"the ERP answered {what} with no object", system=SYSTEM, payload_path="$"
        )
    return value


def _encoded(value: Any) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(value)).decode()
