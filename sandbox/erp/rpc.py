"""A small client of Tryton's JSON-RPC, for what its REST interface does not offer.

Tryton answers failures of a call with HTTP 200 and an ``error`` member whose first element names
the kind; only refused sessions and unknown methods use the HTTP status. The wire format is that of
the Tryton client (https://docs.tryton.org, "trytond", chapter RPC).
"""

import base64
import datetime
import itertools
from collections.abc import Mapping, Sequence
from decimal import Decimal
from types import TracebackType
from typing import Any, Self

import httpx

Json = dict[str, Any]
"""An object as Tryton writes it: dates and decimals are objects with a ``__class__`` member."""

_OK = 200
_PAGE = 500


class TrytonRpcError(Exception):
    """A call that Tryton refused.

    ``kind`` is Tryton's own name of the class (``UserError``, ``UserWarning``, ``LoginException``,
    ``ConcurrencyException``) or ``http-<status>``; ``details`` holds what came with it: for a
    UserError message, description and domain, for a UserWarning the warning's key, message and
    description.
    """

    def __init__(self, method: str, kind: str, details: Sequence[Any]) -> None:
        super().__init__(f"Tryton refused {method} ({kind}): {details}"[:600])
        self.method = method
        self.kind = kind
        self.details = tuple(details)


def decimal(value: Decimal | str | int) -> Json:
    """An exact number in Tryton's notation."""
    return {"__class__": "Decimal", "decimal": str(value)}


def date(value: datetime.date) -> Json:
    """A calendar day in Tryton's notation."""
    return {"__class__": "date", "year": value.year, "month": value.month, "day": value.day}


class TrytonRpc:
    """A logged-in session on one database.

    ``url`` is the server's address without the database. Use as ``async with``; every method
    raises :class:`TrytonRpcError` if Tryton refuses and ``httpx.HTTPError`` if it cannot be asked.
    """

    def __init__(self, url: str, database: str, login: str, password: str) -> None:
        self._path = f"/{database}/rpc/"
        self._login = login
        self._password = password
        self._ids = itertools.count(1)
        self._http = httpx.AsyncClient(base_url=url, timeout=120, trust_env=False)

    async def __aenter__(self) -> Self:
        try:
            user, token, *_ = await self._send(
                "common.db.login", [self._login, {"password": self._password}, "en"]
            )
        except BaseException:
            await self._http.aclose()
            raise
        session = base64.b64encode(f"{self._login}:{user}:{token}".encode()).decode()
        self._http.headers["Authorization"] = f"Session {session}"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._http.aclose()

    async def call(
        self, method: str, *params: Any, context: Mapping[str, Any] | None = None
    ) -> Any:
        """Call ``method`` (``model.<name>.<method>``) and return its ``result``."""
        return await self._send(method, [*params, dict(context or {})])

    async def create(
        self, model: str, *records: Json, context: Mapping[str, Any] | None = None
    ) -> list[int]:
        """Create ``records`` in one transaction and return their ids in the same order."""
        ids: list[int] = await self.call(f"model.{model}.create", list(records), context=context)
        return ids

    async def write(
        self, model: str, ids: Sequence[int], values: Json, *, company: int | None = None
    ) -> None:
        """Change ``values`` of the records; ``company`` says whose, for fields kept per company."""
        context = {} if company is None else {"company": company}
        await self.call(f"model.{model}.write", list(ids), values, context=context)

    async def search(
        self,
        model: str,
        domain: Sequence[Any],
        fields: Sequence[str],
        *,
        company: int | None = None,
    ) -> list[Json]:
        """The records that match ``domain``, by id, with ``fields`` (``id`` is always there)."""
        context = {} if company is None else {"company": company}
        order = [["id", "ASC"]]
        rows: list[Json] = []
        while True:
            # By pages: what is read of a long ledger in one go can take longer than a proxy waits.
            rest = [["id", ">", rows[-1]["id"]]] if rows else []
            page: list[Json] = await self.call(
                f"model.{model}.search_read",
                [*domain, *rest],
                0,
                _PAGE,
                order,
                list(fields),
                context=context,
            )
            rows += page
            if len(page) < _PAGE:
                return rows

    async def xml_id(self, module: str, name: str) -> int:
        """The id of a record that a Tryton module brought along."""
        number: int = await self.call("model.ir.model.data.get_id", module, name)
        return number

    async def wizard(
        self, name: str, *steps: tuple[str, Json], context: Mapping[str, Any] | None = None
    ) -> Json:
        """Run a wizard: each step is the state to go to and the forms filled in so far.

        Returns what the last step answered (``actions`` lists the documents it opened).
        """
        session, _start, _end = await self.call(f"wizard.{name}.create", context=context)
        answer: Json = {}
        for state, forms in steps:
            answer = await self.call(
                f"wizard.{name}.execute", session, forms, state, context=context
            )
        await self.call(f"wizard.{name}.delete", session, context=context)
        return answer

    async def _send(self, method: str, params: list[Any]) -> Any:
        request = {"id": next(self._ids), "method": method, "params": params}
        response = await self._http.post(self._path, json=request)
        if response.status_code != _OK:
            raise TrytonRpcError(method, f"http-{response.status_code}", [])
        answer = response.json()
        if "error" not in answer:
            return answer["result"]
        kind, *details = answer["error"]
        if not details:
            raise TrytonRpcError(method, "Error", [kind])
        first = details[0]
        raise TrytonRpcError(method, str(kind), first if isinstance(first, list) else details)
