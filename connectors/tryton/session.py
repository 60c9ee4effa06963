"""One JSON-RPC session with Tryton: for wizards, buttons, and what its REST interface hides."""

import asyncio
import base64
import itertools
from collections.abc import Collection
from typing import Any

import httpx
import orjson

from canonical_models.failures import ContractDrift, RejectionCode
from connectors.http import VendorHttp
from connectors.misfits import reading
from connectors.tryton.errors import SYSTEM, Warned, is_gone, refusal, rpc_refusal, too_old

_UNAUTHORIZED = 401
_SKIP = "model.res.user.warning.skip"


class RpcSession:
    """Opened with the first call, and again when it has gone stale."""

    def __init__(self, http: VendorHttp, *, database: str, login: str, password: str) -> None:
        self._http, self._path = http, f"/{database}/rpc/"
        self.login, self._password = login, password
        self._header: dict[str, str] | None = None
        self._opening = asyncio.Lock()
        self._ids = itertools.count(1)

    async def call(
        self,
        method: str,
        params: list[Any],
        *,
        what: str,
        refused: RejectionCode,
        writes: bool = False,
        answered: Collection[str] = (),
        more_seconds: float = 0,
    ) -> Any:
        """The result of a method; its errors come with status 200.

        `answered` names the warnings that are answered with yes, once each; any other is Warned.
        """
        open_ones = set(answered)
        while True:
            answer = await self._answer(method, params, writes, more_seconds)
            try:
                return self._result(answer, what, writes=writes, refused=refused)
            except Warned as warned:
                if warned.name not in open_ones:
                    raise
                open_ones.remove(warned.name)
                said = await self._answer(_SKIP, [warned.key, False, {}], True, 0)
                self._result(said, what, writes=True, refused=refused)

    async def _answer(
        self, method: str, params: list[Any], writes: bool, more_seconds: float
    ) -> httpx.Response:
        for last in (False, True):
            header = await self._opened()
            answer = await self._send(method, params, header, writes, more_seconds)
            if answer.status_code != _UNAUTHORIZED or last:
                break
            self._header = None
        return answer

    async def _opened(self) -> dict[str, str]:
        async with self._opening:
            if self._header is None:
                secret = [self.login, {"password": self._password}, "en"]
                answer = await self._send("common.db.login", secret, {}, False, 0)
                user, token, *_ = self._result(
                    answer,
                    "the session of our user",
                    writes=False,
                    refused=RejectionCode.DOCUMENT_REFUSED,
                )
                key = base64.b64encode(f"{self.login}:{user}:{token}".encode()).decode()
                self._header = {"Authorization": f"Session {key}"}
            return self._header

    async def _send(
        self,
        method: str,
        params: list[Any],
        header: dict[str, str],
        writes: bool,
        more_seconds: float,
    ) -> httpx.Response:
        answer = await self._http.send(
            "POST",
            self._path,
            writes=writes,
            more_seconds=more_seconds,
            headers={"Content-Type": "application/json", **header},
            content=orjson.dumps({"id": next(self._ids), "method": method, "params": params}),
        )
        reading(f"RPC {method}")
        return answer

    def _result(
        self, answer: httpx.Response, what: str, *, writes: bool, refused: RejectionCode
    ) -> Any:
        if is_gone(answer):
            # No record has this address: servers before 8.0 take calls at another one.
            raise too_old(f"JSON-RPC interface for {what}", "RPC")
        if not answer.is_success:
            raise refusal(answer, what, writes=writes, refused=refused)
        body = self._http.decode(answer)
        if not isinstance(body, dict) or not body.keys() & {"result", "error"}:
            raise ContractDrift(
                f"the ERP answered {what} with neither result nor error",
                system=SYSTEM,
                payload_path="$.result",
            )
        # What was raised without words has an empty list of them.
        if (error := body.get("error")) is not None:
            kind, *rest = (error or [""]) if isinstance(error, list) else [error]
            first = rest[0] if rest else []
            details = first if isinstance(first, list) else [first]
            raise rpc_refusal(
                str(kind),
                details,
                what,
                writes=writes,
                internal=isinstance(first, str),
                refused=refused,
            )
        return body.get("result")
