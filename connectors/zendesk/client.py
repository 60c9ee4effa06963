"""Zendesk's API as we call it. Answers come out checked, refusals as failures.

Source: https://developer.zendesk.com/api-reference/ticketing/organizations/organizations/ and
https://developer.zendesk.com/api-reference/introduction/pagination/.
"""

from typing import Any, TypeVar
from urllib.parse import urlencode

import httpx
import orjson

from canonical_models.failures import ContractDrift
from connectors.http import VendorHttp
from connectors.refusals import RequestContext, contract
from connectors.zendesk import SYSTEM
from connectors.zendesk.errors import failure
from connectors.zendesk.wire import (
    NamedOrganization,
    NamedOrganizationsAnswer,
    Organization,
    OrganizationAnswer,
    OrganizationField,
    OrganizationFieldAnswer,
    OrganizationFieldsPage,
    OrganizationsAnswer,
    Wire,
)

_ORGANIZATIONS = "/api/v2/organizations"
_FIELDS = "/api/v2/organization_fields"

#: Objects a page, Zendesk's most, and pages a list.
_PAGE = 100
_MOST_PAGES = 20

M = TypeVar("M", bound=Wire)


class ZendeskClient:
    """The calls of one connection. Every method raises the failures of `errors.REFUSALS`."""

    def __init__(self, http: VendorHttp, connection: str) -> None:
        self._http = http
        self._connection = connection

    async def organizations(self, external_id: str) -> list[Organization]:
        """Those with this external id; Zendesk does not tell upper from lower case."""
        context = self._context(f"look up the organisation {external_id}", external_id)
        path = f"{_ORGANIZATIONS}/search?{urlencode({'external_id': external_id})}"
        answer = self._read(await self._get(path), OrganizationsAnswer, context)
        for index, found in enumerate(answer.organizations):
            self._require(found, external_id, context, at=f"$.organizations[{index}]")
        return answer.organizations

    async def namesakes(self, name: str, *, external_id: str) -> list[NamedOrganization]:
        """Those that Zendesk finds by `name`, for the organisation to be `external_id`."""
        context = self._context(
            f"look for organisations of the name that {external_id} has", external_id
        )
        # Not in the path, which failures show: a name may be a person's.
        answer = await self._http.send("GET", f"{_ORGANIZATIONS}/search", params={"name": name})
        return self._read(answer, NamedOrganizationsAnswer, context).organizations

    async def create(self, name: str, *, external_id: str) -> Organization:
        """The organisation of this external id, made, or renamed where it was there already."""
        context = self._context(f"create the organisation {external_id}", external_id, writes=True)
        path = f"{_ORGANIZATIONS}/create_or_update"
        body = {"organization": {"name": name, "external_id": external_id}}
        answer = await self._write("POST", path, body)
        made = self._read(answer, OrganizationAnswer, context, expected=(200, 201)).organization
        self._require(made, external_id, context, at="$.organization")
        return made

    async def update(
        self, organization_id: int, changes: dict[str, Any], *, external_id: str
    ) -> Organization:
        """Sets what `changes` names: fields are merged, tags replaced as a whole."""
        context = self._context(f"update the organisation {external_id}", external_id, writes=True)
        path = f"{_ORGANIZATIONS}/{organization_id}"
        answer = await self._write("PUT", path, {"organization": changes})
        return self._read(answer, OrganizationAnswer, context).organization

    async def fields(self) -> list[OrganizationField]:
        """All organisation fields of the account, inactive ones included."""
        context = self._context("list the organisation fields")
        query = {"page[size]": str(_PAGE)}
        found: list[OrganizationField] = []
        for _ in range(_MOST_PAGES):
            path = f"{_FIELDS}?{urlencode(query)}"
            page = self._read(await self._get(path), OrganizationFieldsPage, context)
            found += page.organization_fields
            if not page.meta.has_more:
                return found
            if page.meta.after_cursor is None:
                break
            query["page[after]"] = page.meta.after_cursor
        raise ContractDrift(
            f"Zendesk's list does not end after {len(found)} objects when asked to "
            f"{context.words}: remove fields that nobody uses, or define Trueup's by hand",
            system=SYSTEM,
            payload_path="$.meta",
        )

    async def create_field(self, key: str, *, title: str, kind: str, description: str) -> None:
        """Define an organisation field; Zendesk allows it to administrators only."""
        context = self._context(f"define the organisation field {key}", writes=True)
        field = {"key": key, "title": title, "type": kind, "description": description}
        answer = await self._write("POST", _FIELDS, {"organization_field": field})
        self._read(answer, OrganizationFieldAnswer, context, expected=(201,))

    async def close(self) -> None:
        await self._http.close()

    async def _get(self, path: str) -> httpx.Response:
        return await self._http.send("GET", path)

    async def _write(self, method: str, path: str, body: dict[str, Any]) -> httpx.Response:
        return await self._http.send(
            method,
            path,
            writes=True,
            headers={"Content-Type": "application/json"},
            content=orjson.dumps(body),
        )

    def _read(
        self,
        answer: httpx.Response,
        model: type[M],
        context: RequestContext,
        *,
        expected: tuple[int, ...] = (200,),
    ) -> M:
        if answer.status_code not in expected:
            raise failure(answer, context)
        remedy = "compare Zendesk's changelog for this API, then retry"
        with contract("Zendesk's answer", SYSTEM, context.words, remedy):
            return model.model_validate(self._http.decode(answer))

    def _require(
        self, found: Organization, external_id: str, context: RequestContext, *, at: str
    ) -> None:
        if (found.external_id or "").casefold() != external_id.casefold():
            raise ContractDrift(
                f"Zendesk answered with an organisation of another external id when asked to "
                f"{context.words}: look the id up in Zendesk, then retry",
                system=SYSTEM,
                payload_path=f"{at}.external_id",
            )

    def _context(
        self, words: str, organization: str | None = None, *, writes: bool = False
    ) -> RequestContext:
        return RequestContext(words, self._connection, organization, writes=writes)
