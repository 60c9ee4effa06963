"""Stripe's API as we call it: paths, forms, pages. Answers come out checked, refusals as failures.

Source: https://docs.stripe.com/api, https://docs.stripe.com/api/pagination.
"""

import re
from typing import TypeVar
from urllib.parse import urlencode

import httpx
from pydantic import ValidationError

from canonical_models.failures import ContractDrift, Rejection, RejectionCode
from connectors.http import VendorHttp
from connectors.stripe import SYSTEM
from connectors.stripe.errors import Errand, failure
from connectors.stripe.wire import (
    Identified,
    Invoice,
    InvoiceItem,
    InvoiceLine,
    Page,
    Subscription,
    SubscriptionItem,
    Wire,
    fault_of,
)

#: Pinned, so that an upgrade of the account's default cannot change what we read.
API_VERSION = "2026-10-28.endive"

#: Objects a page, Stripe's most, and pages a list: a longer list is not one of a subscription.
_PAGE = 100
_MOST_PAGES = 100

_ID = re.compile(r"[A-Za-z0-9_-]{1,255}")

Query = list[tuple[str, str]]
M = TypeVar("M", bound=Wire)
Listed = TypeVar("Listed", bound=Identified)


class StripeClient:
    """The calls of one connection. Every method raises the failures of `errors.TABLE`."""

    def __init__(self, http: VendorHttp, connection: str) -> None:
        self._http = http
        self._connection = connection

    async def subscription(self, key: str) -> Subscription:
        query = [("expand[]", "customer"), ("expand[]", "test_clock")]
        path = f"/v1/subscriptions/{_path_part(key)}?{urlencode(query)}"
        return await self._get(path, Subscription, self._errand("read the subscription", key))

    async def items(self, subscription: Subscription) -> list[SubscriptionItem]:
        """The subscription's items, with those that did not fit into it."""
        return await self._rest(
            subscription.items,
            "/v1/subscription_items",
            [("subscription", subscription.id)],
            Page[SubscriptionItem],
            self._errand("list the items of the subscription", subscription.id),
        )

    async def pending_items(self, subscription: Subscription) -> list[InvoiceItem]:
        """The customer's invoice items that are on no invoice, of all subscriptions.

        Stripe cannot list them by subscription.
        """
        query: Query = [("customer", subscription.customer.id), ("pending", "true")]
        if subscription.automatic_tax.enabled:
            query.append(("expand[]", "data.pricing.price_details.price"))
        errand = self._errand("list the pending invoice items", subscription.id)
        return await self._list("/v1/invoiceitems", query, Page[InvoiceItem], errand)

    async def invoices(self, subscription: str, *, since: int | None) -> list[Invoice]:
        """The subscription's invoices of every status, made at or after `since` (Unix seconds)."""
        query: Query = [("subscription", subscription)]
        if since is not None:
            query.append(("created[gte]", str(since)))
        errand = self._errand("list the invoices", subscription)
        return await self._list("/v1/invoices", query, Page[Invoice], errand)

    async def lines(self, invoice: Invoice, subscription: str) -> list[InvoiceLine]:
        """All lines of an invoice, whose first ten came with it."""
        errand = self._errand(f"list the lines of invoice {invoice.id}", subscription)
        path = f"/v1/invoices/{_path_part(invoice.id)}/lines"
        return await self._rest(invoice.lines, path, [], Page[InvoiceLine], errand)

    async def set_metadata(self, subscription: str, metadata: dict[str, str], *, key: str) -> None:
        """Set the given keys. Stripe allows this on a subscription that has ended, too.

        `key` is Stripe's Idempotency-Key: for a day a repetition gets the first answer again, also
        when that was an error of Stripe's own. Such an old error says nothing about now, and
        setting the same values again does no harm, so the same request then goes out afresh.
        """
        form = urlencode({f"metadata[{name}]": value for name, value in metadata.items()})
        path = f"/v1/subscriptions/{_path_part(subscription)}"
        errand = self._errand("note the synchronisation on the subscription", subscription, True)
        answer = await self._post(path, form, key)
        if answer.status_code >= 500 and answer.headers.get("idempotent-replayed") == "true":
            answer = await self._post(path, form, None)
        self._read(answer, Identified, errand)

    async def close(self) -> None:
        await self._http.close()

    async def _post(self, path: str, form: str, key: str | None) -> httpx.Response:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        if key is not None:
            headers["Idempotency-Key"] = key
        return await self._http.send(
            "POST", path, writes=True, headers=headers, content=form.encode()
        )

    async def _get(self, path: str, model: type[M], errand: Errand) -> M:
        return self._read(await self._http.send("GET", path), model, errand)

    def _read(self, answer: httpx.Response, model: type[M], errand: Errand) -> M:
        if answer.status_code != 200:
            raise failure(answer, errand)
        try:
            return model.model_validate(self._http.decode(answer))
        except ValidationError as error:
            path, reason = fault_of(error)
            raise ContractDrift(
                f"Stripe's answer does not fit its contract at {path} ({reason}) when asked to "
                f"{errand.words}: compare the API version {API_VERSION} with Stripe's changelog",
                system=SYSTEM,
                payload_path=path,
            ) from None

    async def _list(
        self, path: str, query: Query, model: type[Page[Listed]], errand: Errand
    ) -> list[Listed]:
        first = [*query, ("limit", str(_PAGE))]
        page = await self._get(f"{path}?{urlencode(first)}", model, errand)
        return await self._rest(page, path, query, model, errand)

    async def _rest(
        self, page: Page[Listed], path: str, query: Query, model: type[Page[Listed]], errand: Errand
    ) -> list[Listed]:
        """The objects of `page` and of all pages after it."""
        found = list(page.data)
        for _ in range(_MOST_PAGES):
            if not page.has_more:
                return found
            if not page.data:
                break
            after = [*query, ("limit", str(_PAGE)), ("starting_after", page.data[-1].id)]
            page = await self._get(f"{path}?{urlencode(after)}", model, errand)
            found += page.data
        raise ContractDrift(
            f"Stripe's list does not end after {len(found)} objects when asked to {errand.words}: "
            "ask for less of the past, or look at the list in Stripe",
            system=SYSTEM,
            payload_path="$.has_more",
        )

    def _errand(self, words: str, subscription: str, writes: bool = False) -> Errand:
        text = words if subscription in words else f"{words} {subscription}"
        return Errand(text, subscription, self._connection, writes)


def _path_part(key: str) -> str:
    """`key` where it can be part of a path as it stands, as all of Stripe's ids can."""
    if _ID.fullmatch(key) is None:
        raise Rejection(
            RejectionCode.SUBSCRIPTION_UNKNOWN,
            f"{key[:80]!r} cannot be the id of a subscription at Stripe: correct it or abort",
            system=SYSTEM,
            subject=key[:255],
        )
    return key
