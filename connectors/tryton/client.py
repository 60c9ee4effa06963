"""Tryton on the wire: its REST interface with an application key, and one JSON-RPC session."""

import base64
from collections.abc import Collection, Sequence
from typing import Any, TypeVar

import httpx
import orjson

from canonical_models.failures import ContractDrift, RejectionCode
from connectors.http import VendorHttp
from connectors.tryton.errors import SYSTEM, is_gone, refusal, too_old
from connectors.tryton.session import RpcSession

Row = dict[str, Any]
Kind = TypeVar("Kind")

_REFUSED = RejectionCode.DOCUMENT_REFUSED
#: How often a read is tried that the ERP refuses. It finds records first, and then refuses to read
#: all of them where somebody has deleted one in between, in words of the user's language.
_LOOKS = 3


class TrytonClient:
    """`company` is the id whose context a request runs in: accounts and rules are kept by it.

    `refused` is the rejection that a write raises where the ERP's own rules say no.
    `more_seconds` of patience are for what is known to take long.
    """

    def __init__(
        self, http: VendorHttp, *, database: str, api_key: str, login: str, password: str
    ) -> None:
        self._http = http
        self._rest = f"/{database}/rest/model/"
        self._bearer = {"Authorization": f"Bearer {api_key}", "Content-Type": "application/json"}
        self._session = RpcSession(http, database=database, login=login, password=password)

    @property
    def login(self) -> str:
        """The user that everything of ours is made by."""
        return self._session.login

    async def search(
        self,
        model: str,
        domain: Sequence[Any],
        fields: Sequence[str],
        *,
        what: str,
        company: int | None = None,
        order: Sequence[tuple[str, str]] = (("id", "ASC"),),
        limit: int | None = None,
    ) -> list[Row]:
        """The records that match, by id, or in `order` (field and ASC or DESC)."""
        params = [("d", _encoded(domain)), ("o", _encoded(order))]
        params += [] if limit is None else [("s", str(limit))]
        params += [("f", field) for field in fields]
        said = await self._call("GET", model, what=what, company=company, params=params)
        rows = of_kind(list, said, f"the search for {what}")
        return [
            of_kind(dict, row, f"the search for {what}", at=f"$[{place}]")
            for place, row in enumerate(rows)
        ]

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
        more_seconds: float = 0,
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
                more_seconds=more_seconds,
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
        more_seconds: float = 0,
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
                more_seconds=more_seconds,
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
        if not answer.is_success and not is_gone(answer):
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
        answered: Collection[str] = (),
        more_seconds: float = 0,
    ) -> Any:
        """A JSON-RPC call, in `context` besides the company's.

        `answered` names the warnings that are answered with yes, once each; any other is Warned.
        REST could only skip all of them unseen.
        """
        where = {} if company is None else {"company": company}
        return await self._session.call(
            method,
            [*params, where | (context or {})],
            what=what,
            refused=refused,
            writes=writes,
            answered=answered,
            more_seconds=more_seconds,
        )

    async def wizard(
        self,
        name: str,
        state: str,
        forms: Row,
        *,
        model: str | None,
        ids: Sequence[int],
        what: str,
        company: int,
        refused: RejectionCode = _REFUSED,
    ) -> None:
        """Run one step of a wizard on records of `model`, or on none; the step is one
        transaction."""
        active: Row = {
            "active_model": model,
            "active_id": next(iter(ids), None),
            "active_ids": list(ids),
        }

        async def call(method: str, *params: Any) -> Any:
            return await self.rpc(
                f"wizard.{name}.{method}",
                *params,
                what=what,
                company=company,
                context=active if model is not None else {},
                writes=True,
                refused=refused,
            )

        session, *_ = await call("create")
        await call("execute", session, forms, state)
        await call("delete", session)

    async def close(self) -> None:
        await self._http.close()

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
        more_seconds: float = 0,
    ) -> Any:
        for _ in range(_LOOKS if method == "GET" else 1):
            answer = await self._request(
                method,
                path,
                company=company,
                params=params,
                body=body,
                more_seconds=more_seconds,
            )
            if answer.status_code != httpx.codes.BAD_REQUEST:
                break
        if is_gone(answer) and "/" not in path:
            # Not a record that is gone: there is no such interface, model or database.
            raise too_old(f"REST interface for {path}", f"{method} {path}")
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
        more_seconds: float = 0,
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
            more_seconds=more_seconds,
        )


def of_kind(kind: type[Kind], value: Any, what: str, *, at: str = "$") -> Kind:
    """The value, where it is of the kind. Raises ContractDrift with the path where it is not."""
    if not isinstance(value, kind):
        name = "list" if kind is list else "object"
        raise ContractDrift(
            f"the ERP answered {what} with no {name}: compare the ERP's version with what Trueup "
            "needs, then retry",
            system=SYSTEM,
            payload_path=at,
        )
    return value


def _row(value: Any, what: str) -> Row:
    return of_kind(dict, value, what)


def _encoded(value: Any) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(value)).decode()
