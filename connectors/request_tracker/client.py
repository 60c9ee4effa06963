"""Request Tracker's REST 2 as we call it. Answers come out checked, refusals as failures.

A search with a condition that Request Tracker does not understand leaves the condition out, and an
update answers 200 with what it did not do as a sentence. So what is found is compared with what was
asked for, and what was written is read back.
Source: https://docs.bestpractical.com/rt/5.0.3/RT/REST2.html.
"""

from dataclasses import dataclass
from typing import Any, TypeVar

import httpx
import orjson

from canonical_models.failures import Rejection, RejectionCode
from connectors.http import VendorHttp
from connectors.refusals import RequestContext, contract
from connectors.request_tracker import SYSTEM
from connectors.request_tracker.errors import failure
from connectors.request_tracker.mapping import external_id_of
from connectors.request_tracker.options import RequestTrackerOptions
from connectors.request_tracker.wire import (
    Asset,
    Assets,
    Catalogs,
    CustomFields,
    Made,
    Ticket,
    Tickets,
    Transaction,
    Transactions,
    Wire,
)

REST = "/REST/2.0"
#: Objects a page, Request Tracker's most.
PAGE = 100
#: Of tickets, which somebody waits for.
_MOST_TICKET_PAGES = 5
_MOST_FIELD_PAGES = 10
_SHOWN = "Name,Status,Catalog,LastUpdated,CustomFields"
_FORMS = {"Content-Type": "application/json"}

M = TypeVar("M", bound=Wire)
Condition = dict[str, str | int]


@dataclass(frozen=True)
class Place:
    """Where customers are kept: the catalog, and the custom fields of its assets by name."""

    catalog: int
    fields: dict[str, int]


class RequestTrackerClient:
    """The calls of one connection. Every method raises the failures of `errors.REFUSALS`."""

    def __init__(self, http: VendorHttp, connection: str, options: RequestTrackerOptions) -> None:
        self._http = http
        self._connection = connection
        self._options = options
        self._known: Place | None = None

    async def place(self) -> Place:
        """Looked up once. Raises Rejection (support_refused) for what is not there: a search by a
        field that is not there finds nothing, and one that is written is left out without a
        word."""
        if self._known is None:
            self._known = await self._place()
        return self._known

    async def assets(self, external_id: str) -> list[Asset]:
        """Those of this external id that are not deleted."""
        place = await self.place()
        name = self._options.customer_field
        context = self._context(f"look up the asset of {external_id}", external_id)
        found = await self._assets(
            context,
            {"field": f"CustomField.{{{place.fields[name]}}}", "value": external_id},
            {"field": "Catalog", "value": place.catalog},
        )
        others = [one for one in found if (external_id_of(one, name) or "") != external_id]
        if any(
            (external_id_of(one, name) or "").casefold() != external_id.casefold() for one in others
        ):
            self._known = None
            raise self._lacking(
                f"Request Tracker found others when asked for the asset of {external_id!r}: its "
                f"custom field {name!r} was taken away",
                external_id,
            )
        return [one for one in found if one not in others]

    async def namesakes(self, name: str, *, external_id: str) -> list[Asset]:
        """Those of this very name, for the customer to be `external_id`."""
        place = await self.place()
        context = self._context(f"look for assets of the name that {external_id} has", external_id)
        found = await self._assets(
            context,
            {"field": "Name", "value": name},
            {"field": "Catalog", "value": place.catalog},
        )
        return [one for one in found if (one.name or "") == name]

    async def after(self, asset: int) -> list[Asset]:
        """A page of those that are not deleted, by id."""
        place = await self.place()
        return await self._assets(
            self._context(f"list the assets after {asset}"),
            {"field": "Catalog", "value": place.catalog},
            {"field": "id", "operator": ">", "value": asset},
            order=("id", "ASC"),
        )

    async def newest_changes(self, page: int) -> list[Asset]:
        """A page of those that are not deleted, what was changed last first. A condition of time
        would be read in the time zone of the user."""
        place = await self.place()
        return await self._assets(
            self._context("list the assets that have changed"),
            {"field": "Catalog", "value": place.catalog},
            order=("LastUpdated", "DESC"),
            page=page,
        )

    async def deletions(self, after: int) -> list[Transaction]:
        """A page of what has deleted an asset of any catalog, by id; no search finds the asset."""
        return await self._deletions(after, "ASC", PAGE)

    async def last_deletion(self) -> int:
        """0 where there is none."""
        found = await self._deletions(0, "DESC", 1)
        return found[0].id if found else 0

    async def asset(self, asset: int, *, external_id: str | None = None) -> tuple[Asset, str]:
        """And the tag that changes whenever the asset does. Raises Rejection
        (organization_unknown) for one that is not there."""
        context = self._context(f"read the asset {asset}", external_id or str(asset))
        answer = await self._http.send("GET", f"{REST}/asset/{asset}")
        return self._read(answer, Asset, context), answer.headers.get("etag", "")

    async def create(self, name: str, *, external_id: str) -> int:
        """The id of the asset that was made. Request Tracker refuses a second of the same id."""
        place = await self.place()
        context = self._context(f"make the asset of {external_id}", external_id, writes=True)
        field = str(place.fields[self._options.customer_field])
        body = {"Catalog": place.catalog, "Name": name, "CustomFields": {field: external_id}}
        answer = await self._write("POST", f"{REST}/asset", body)
        return self._read(answer, Made, context, expected=201).id

    async def update(
        self, asset: int, changes: dict[str, Any], *, external_id: str, tag: str
    ) -> None:
        """Sets what `changes` names, unless the asset has changed since `tag`."""
        context = self._context(f"update the asset of {external_id}", external_id, writes=True)
        headers = {"If-Match": tag} if tag else {}
        answer = await self._write("PUT", f"{REST}/asset/{asset}", changes, headers)
        if answer.status_code != httpx.codes.OK:
            raise failure(answer, context)

    async def tickets(self, asset: int, *, external_id: str) -> tuple[list[Ticket], bool]:
        """The open ones that are linked to the asset, and whether they are certainly all."""
        context = self._context(f"list the open tickets of {external_id}", external_id)
        query = {
            "query": f"LinkedTo = 'asset:{asset}' AND Status = '__Active__'",
            "fields": "Subject,Status,Priority,SLA,Due,Created",
            "orderby": "id",
            "per_page": str(PAGE),
        }
        found: list[Ticket] = []
        for number in range(1, _MOST_TICKET_PAGES + 1):
            answer = await self._http.send(
                "GET", f"{REST}/tickets", params={**query, "page": str(number)}
            )
            page = self._read(answer, Tickets, context)
            found += page.items
            if len(page.items) < PAGE:
                return found, page.total is not None
        return found, False

    async def set_level(self, ticket: int, level: str, *, external_id: str) -> None:
        context = self._context(
            f"change the ticket {ticket} of {external_id}", external_id, writes=True
        )
        answer = await self._write("PUT", f"{REST}/ticket/{ticket}", {"SLA": level})
        if answer.status_code != httpx.codes.OK:
            raise failure(answer, context)

    async def close(self) -> None:
        await self._http.close()

    async def _place(self) -> Place:
        name = self._options.catalog
        context = self._context(f"look up the catalog {name}")
        answer = await self._search(
            "catalogs", ({"field": "Name", "value": name},), {"fields": "Name,Disabled"}
        )
        catalogs = [one for one in self._read(answer, Catalogs, context).items if one.name == name]
        if not catalogs:
            raise self._lacking(f"Request Tracker has no catalog {name!r} that we may see")
        found = await self._fields(catalogs[0].id)
        missing = [field for field in self._options.field_names if field not in found]
        if missing:
            raise self._lacking(
                f"Request Tracker's catalog {name!r} has no custom field {', '.join(missing)} that "
                "we may see, so the support entitlement is not kept there"
            )
        return Place(catalogs[0].id, {field: found[field] for field in self._options.field_names})

    async def _fields(self, catalog: int) -> dict[str, int]:
        """Ids by name of those that its assets have, and that are not disabled."""
        context = self._context(f"list the custom fields of the catalog {catalog}")
        query = {"fields": "Name,Type,MaxValues,UniqueValues,Disabled,LookupType"}
        found: dict[str, int] = {}
        for number in range(1, _MOST_FIELD_PAGES + 1):
            answer = await self._http.send(
                "GET",
                f"{REST}/catalog/{catalog}/customfields",
                params={**query, "per_page": str(PAGE), "page": str(number)},
            )
            page = self._read(answer, CustomFields, context).items
            found |= {one.name: one.id for one in page}
            if len(page) < PAGE:
                break
        return found

    def _lacking(self, said: str, subject: str | None = None) -> Rejection:
        return Rejection(
            RejectionCode.SUPPORT_REFUSED,
            f"{said}: have `trueup connections setup {self._connection}` make it, or an "
            "administrator let the token's user see it, then retry",
            system=SYSTEM,
            subject=subject or self._options.catalog,
        )

    async def _assets(
        self,
        context: RequestContext,
        *conditions: Condition,
        order: tuple[str, str] = ("id", "ASC"),
        page: int = 1,
    ) -> list[Asset]:
        query = {
            "fields": _SHOWN,
            "per_page": str(PAGE),
            "page": str(page),
            "orderby": order[0],
            "order": order[1],
        }
        answer = await self._search("assets", conditions, query)
        return self._read(answer, Assets, context).items

    async def _deletions(self, after: int, order: str, most: int) -> list[Transaction]:
        context = self._context("list the assets that were deleted")
        conditions: tuple[Condition, ...] = (
            {"field": "ObjectType", "value": "RT::Asset"},
            {"field": "Type", "value": "Status"},
            {"field": "NewValue", "value": "deleted"},
            {"field": "id", "operator": ">", "value": after},
        )
        query = {"fields": "ObjectId", "orderby": "id", "order": order, "per_page": str(most)}
        answer = await self._search("transactions", conditions, query)
        return self._read(answer, Transactions, context).items

    async def _search(
        self, what: str, conditions: tuple[Condition, ...], query: dict[str, str]
    ) -> httpx.Response:
        """A read, though it is posted: values need no quoting that way, and stay out of paths."""
        return await self._http.send(
            "POST", f"{REST}/{what}", params=query, headers=_FORMS, content=orjson.dumps(conditions)
        )

    async def _write(
        self, method: str, path: str, body: dict[str, Any], headers: dict[str, str] | None = None
    ) -> httpx.Response:
        return await self._http.send(
            method,
            path,
            writes=True,
            headers={**_FORMS, **(headers or {})},
            content=orjson.dumps(body),
        )

    def _read(
        self,
        answer: httpx.Response,
        model: type[M],
        context: RequestContext,
        *,
        expected: int = 200,
    ) -> M:
        if answer.status_code != expected:
            raise failure(answer, context)
        remedy = "compare Request Tracker's release notes for REST 2, then retry"
        with contract("Request Tracker's answer", SYSTEM, context.words, remedy):
            return model.model_validate(self._http.decode(answer))

    def _context(
        self, words: str, customer: str | None = None, *, writes: bool = False
    ) -> RequestContext:
        return RequestContext(words, self._connection, customer, writes=writes)
