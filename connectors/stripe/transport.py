"""How Stripe is spoken to: forms, pages, keys. Answers come out checked, refusals as failures.

Source: https://docs.stripe.com/api, https://docs.stripe.com/api/pagination,
https://docs.stripe.com/api/idempotent_requests.
"""

import re
from collections.abc import Collection
from typing import TypeVar
from urllib.parse import urlencode

import httpx

from canonical_models.failures import ContractDrift
from connectors.http import VendorHttp
from connectors.refusals import contract
from connectors.stripe import API_VERSION, SYSTEM
from connectors.stripe.errors import Kind, StripeRequest, failure, unknown
from connectors.stripe.wire import Identified, Page, Wire

#: Objects a page, Stripe's most, and pages a list: a longer list is not one of a subscription.
_PAGE = 100
_MOST_PAGES = 100

_ID = re.compile(r"[A-Za-z0-9_-]{1,255}")

Query = list[tuple[str, str]]
M = TypeVar("M", bound=Wire)
Listed = TypeVar("Listed", bound=Identified)


class StripeTransport:
    """The requests of one connection. Every method raises the failures of `errors.REFUSALS`."""

    def __init__(self, http: VendorHttp, connection: str) -> None:
        self._http = http
        self._connection = connection

    def context(
        self, words: str, subject: str, *, kind: Kind = Kind.SUBSCRIPTION, writes: bool = False
    ) -> StripeRequest:
        """What a request is for; `subject` is the id of the object of `kind` that it is about."""
        text = words if subject in words else f"{words} {subject}"
        return StripeRequest(text, self._connection, subject, writes=writes, kind=kind)

    async def get(self, path: str, query: Query, model: type[M], context: StripeRequest) -> M:
        target = f"{path}?{urlencode(query)}" if query else path
        return self._read(await self._http.send("GET", target), model, context)

    async def get_unless(
        self, path: str, model: type[M], context: StripeRequest, statuses: Collection[int]
    ) -> M | None:
        """None where the answer is one of these `statuses`, whatever it says."""
        answer = await self._http.send("GET", path)
        return None if answer.status_code in statuses else self._read(answer, model, context)

    async def ask(self, path: str, form: Query, model: type[M], context: StripeRequest) -> M:
        """A read that Stripe takes as a form, such as a preview: it changes nothing."""
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = await self._http.send(
            "POST", path, headers=headers, content=urlencode(form).encode()
        )
        return self._read(answer, model, context)

    async def page(
        self,
        path: str,
        query: Query,
        model: type[Page[Listed]],
        context: StripeRequest,
        *,
        size: int = _PAGE,
    ) -> Page[Listed]:
        """The first page of a list, which need not be read to its end."""
        return await self.get(path, [*query, ("limit", str(size))], model, context)

    async def list_all(
        self, path: str, query: Query, model: type[Page[Listed]], context: StripeRequest
    ) -> list[Listed]:
        page = await self.page(path, query, model, context)
        return await self.rest(page, path, query, model, context)

    async def rest(
        self,
        page: Page[Listed],
        path: str,
        query: Query,
        model: type[Page[Listed]],
        context: StripeRequest,
    ) -> list[Listed]:
        """The objects of `page` and of all pages after it."""
        found = [*page.data]
        for _ in range(_MOST_PAGES):
            if not page.has_more:
                return found
            if not page.data:
                break
            after = [*query, ("limit", str(_PAGE)), ("starting_after", page.data[-1].id)]
            page = await self.get(path, after, model, context)
            found += page.data
        raise ContractDrift(
            f"Stripe's list does not end after {len(found)} objects when asked to {context.words}: "
            "ask for less of the past, or look at the list in Stripe",
            system=SYSTEM,
            payload_path="$.has_more",
        )

    async def post(
        self, path: str, form: dict[str, str], context: StripeRequest, *, key: str
    ) -> None:
        """Write what may be written twice.

        `key` is Stripe's Idempotency-Key: for a day a repetition gets the first answer again, also
        when that was an error. Such an old error says nothing about now, so the same request then
        goes out afresh.
        """
        content = urlencode(form)
        answer = await self._post(path, content, key)
        if answer.status_code != 200 and answer.headers.get("idempotent-replayed") == "true":
            answer = await self._post(path, content, None)
        self._read(answer, Identified, context)

    async def delete(self, path: str, query: Query, context: StripeRequest) -> None:
        """Stripe takes no key for this: a repetition finds that it has happened."""
        answer = await self._http.send("DELETE", f"{path}?{urlencode(query)}", writes=True)
        self._read(answer, Identified, context)

    async def close(self) -> None:
        await self._http.close()

    async def _post(self, path: str, content: str, key: str | None) -> httpx.Response:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        if key is not None:
            headers["Idempotency-Key"] = key
        return await self._http.send(
            "POST", path, writes=True, headers=headers, content=content.encode()
        )

    def _read(self, answer: httpx.Response, model: type[M], context: StripeRequest) -> M:
        if answer.status_code != 200:
            raise failure(answer, context)
        remedy = f"compare the API version {API_VERSION} with Stripe's changelog"
        with contract("Stripe's answer", SYSTEM, context.words, remedy):
            return model.model_validate(self._http.decode(answer))


def expanding(*members: str) -> Query:
    """The parameters that ask for whole objects in place of their ids."""
    return [("expand[]", member) for member in members]


def path_part(key: str, kind: Kind = Kind.SUBSCRIPTION) -> str:
    """`key` where it can be part of a path as it stands, as all of Stripe's ids can.

    Raises the Rejection of an object that is not there."""
    if _ID.fullmatch(key) is None:
        raise unknown(
            f"{key[:80]!r} cannot be the id of {kind.article} at Stripe: correct it or abort",
            key[:255],
            kind,
        )
    return key
