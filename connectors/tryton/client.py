"""Tryton on the wire: its REST interface with an application key, and one JSON-RPC session."""

import asyncio
import base64
import itertools
from collections.abc import Sequence
from typing import Any

import httpx
import orjson

from canonical_models.failures import ContractDrift, RejectionCode
from connectors.http import VendorHttp
from connectors.tryton.errors import SYSTEM, refusal, rpc_refusal

Row = dict[str, Any]

_REFUSED = RejectionCode.DOCUMENT_REFUSED
_GONE = 404


class TrytonClient:
    """`company` is the id whose context a request runs in: accounts and rules are kept by it.

    `refused` is the rejection that a write raises where the ERP's own rules say no.
    """

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
        self,
        model: str,
        values: Row,
        fields: Sequence[str],
        *,
        what: str,
        company: int | None = None,
        refused: RejectionCode = _REFUSED,
    ) -> Row:
        return _row(
            await self._call(
                "POST",
                model,
                what=what,
                company=company,
                params=[("f", field) for field in fields],
                body=values,
                refused=refused,
            ),
            what,
        )

    async def update(
        self,
        model: str,
        key: int,
        values: Row,
        fields: Sequence[str],
        *,
        what: str,
        company: int,
        refused: RejectionCode = _REFUSED,
    ) -> Row:
        """Set `values`; the record as it is afterwards."""
        return _row(
            await self._call(
                "PUT",
                f"{model}/{key}",
                what=what,
                company=company,
                params=[("f", field) for field in fields],
                body=values,
                refused=refused,
            ),
            what,
        )

    async def act(
        self,
        model: str,
        key: str,
        action: str,
        fields: Sequence[str],
        *,
        what: str,
        company: int,
        refused: RejectionCode = _REFUSED,
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
                refused=refused,
            ),
            what,
        )

    async def delete(
        self, model: str, key: int, *, what: str, company: int, refused: RejectionCode = _REFUSED
    ) -> None:
        """Delete a record; one that is gone already is what was wanted."""
        answer = await self._request("DELETE", f"{model}/{key}", company=company)
        if not answer.is_success and answer.status_code != _GONE:
            raise refusal(answer, what, writes=True, refused=refused)

    async def rpc(
        self,
        method: str,
        *params: Any,
        what: str,
        company: int | None = None,
        context: Row | None = None,
        writes: bool = False,
        refused: RejectionCode = _REFUSED,
    ) -> Any:
        """A JSON-RPC call, in `context` besides the company's. Its errors come with status 200."""
        where = {} if company is None else {"company": company}
        request = [*params, where | (context or {})]
        answer = await self._send_rpc(method, request, await self._session_header(), writes=writes)
        if answer.status_code == 401:
            self._session = None
            header = await self._session_header()
            answer = await self._send_rpc(method, request, header, writes=writes)
        return self._result(answer, what, writes=writes, refused=refused)

    async def wizard(
        self,
        name: str,
        state: str,
        forms: Row,
        *,
        model: str,
        ids: Sequence[int],
        what: str,
        company: int,
        refused: RejectionCode = _REFUSED,
    ) -> None:
        """Run one step of a wizard on records of `model`; the step is one transaction."""

        async def call(method: str, *params: Any) -> Any:
            return await self.rpc(
                f"wizard.{name}.{method}",
                *params,
                what=what,
                company=company,
                context={"active_model": model, "active_id": ids[0], "active_ids": list(ids)},
                writes=True,
                refused=refused,
            )

        session, *_ = await call("create")
        await call("execute", session, forms, state)
        await call("delete", session)

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

    async def _send_rpc(
        self, method: str, params: list[Any], headers: dict[str, str], *, writes: bool = False
    ) -> httpx.Response:
        return await self._http.send(
            "POST",
            self._rpc,
            writes=writes,
            headers={"Content-Type": "application/json", **headers},
            content=orjson.dumps({"id": next(self._ids), "method": method, "params": params}),
        )

    def _result(
        self,
        answer: httpx.Response,
        what: str,
        *,
        writes: bool = False,
        refused: RejectionCode = _REFUSED,
    ) -> Any:
        if not answer.is_success:
            raise refusal(answer, what, writes=writes, refused=refused)
        body = _row(self._http.decode(answer), what)
        if error := body.get("error"):
            kind, *rest = error if isinstance(error, list) else [str(error)]
            raise rpc_refusal(str(kind), str(rest[:1]), what, refused=refused)
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
        refused: RejectionCode = _REFUSED,
    ) -> Any:
        answer = await self._request(method, path, company=company, params=params, body=body)
        if not answer.is_success:
            raise refusal(answer, what, writes=method != "GET", refused=refused)
        return self._http.decode(answer)

    async def _request(
        self,
        method: str,
        path: str,
        *,
        company: int | None,
        params: Sequence[tuple[str, str]] = (),
        body: Row | None = None,
    ) -> httpx.Response:
        headers = dict(self._bearer)
        if company is not None:
            headers["X-Tryton-Context"] = _encoded({"company": company})
        return await self._http.send(
            method,
            self._rest + path,
            writes=method != "GET",
            headers=headers,
            params=list(params),
            content=None if body is None else orjson.dumps(body),
        )


def _row(value: Any, what: str) -> Row:
    if not isinstance(value, dict):
        raise ContractDrift(
            f"the ERP answered {what} with no object", system=SYSTEM, payload_path="$"
        )
    return value


def _encoded(value: Any) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(value)).decode()
