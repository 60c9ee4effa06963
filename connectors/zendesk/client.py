"""Zendesk's API as we call it. Answers come out checked, refusals as failures.

Source: https://developer.zendesk.com/api-reference/ticketing/organizations/organizations/,
https://developer.zendesk.com/api-reference/ticketing/ticket-management/incremental_exports/ and
https://developer.zendesk.com/api-reference/introduction/pagination/.
"""

from typing import Any, TypeVar
from urllib.parse import urlencode

import httpx
import orjson

from canonical_models.failures import ContractDrift, Rejection, RejectionCode
from connectors.http import VendorHttp
from connectors.refusals import RequestContext, contract
from connectors.zendesk import SYSTEM
from connectors.zendesk.errors import failure
from connectors.zendesk.wire import (
    ExportedOrganizations,
    NamedOrganization,
    NamedOrganizationsAnswer,
    Organization,
    OrganizationAnswer,
    OrganizationField,
    OrganizationFieldAnswer,
    OrganizationFieldsPage,
    OrganizationMerge,
    OrganizationMergesAnswer,
    OrganizationsAnswer,
    SlaPoliciesAnswer,
    Ticket,
    TicketsPage,
    Wire,
    WireSlaPolicy,
)

_ORGANIZATIONS = "/api/v2/organizations"
_FIELDS = "/api/v2/organization_fields"
_SLAS = "/api/v2/slas/policies"
_EXPORT = "/api/v2/incremental/organizations"

#: Objects a page, Zendesk's most, and pages a list.
_PAGE = 100
_MOST_PAGES = 20
#: Of tickets, which somebody waits for.
MOST_TICKET_PAGES = 5

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

    async def changed_organizations(self, since: int) -> ExportedOrganizations:
        """Those that were made, changed or deleted from then on (Unix seconds), the oldest change
        first; some of the page before may come again."""
        context = self._context(f"export the organisations that have changed since {since}")
        path = f"{_EXPORT}?{urlencode({'start_time': since})}"
        return self._read(await self._get(path), ExportedOrganizations, context)

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

    async def organization(self, organization_id: int) -> Organization | None:
        """By Zendesk's own id; None for one that is gone."""
        answer = await self._get(f"{_ORGANIZATIONS}/{organization_id}")
        context = self._context(f"show the organisation {organization_id}", str(organization_id))
        try:
            return self._read(answer, OrganizationAnswer, context).organization
        except Rejection as refused:
            if refused.reason is RejectionCode.ORGANIZATION_UNKNOWN:
                return None
            raise

    async def merges(self, organization_id: int) -> list[OrganizationMerge]:
        """In which it took part, as winner or loser; none of one that Zendesk does not know."""
        answer = await self._get(f"{_ORGANIZATIONS}/{organization_id}/merges")
        words = f"list the merges of the organisation {organization_id}"
        context = self._context(words, str(organization_id))
        try:
            return self._read(answer, OrganizationMergesAnswer, context).organization_merges
        except Rejection as refused:
            if refused.reason is RejectionCode.ORGANIZATION_UNKNOWN:
                return []
            raise

    async def tag(self, ticket: Ticket, tags: list[str], *, external_id: str) -> None:
        """Replace its tags, unless somebody has changed the ticket since it was read."""
        context = self._context(f"tag the ticket {ticket.id}", external_id, writes=True)
        change = {"tags": tags, "safe_update": True, "updated_stamp": ticket.updated_at}
        answer = await self._write("PUT", f"/api/v2/tickets/{ticket.id}", {"ticket": change})
        if answer.status_code != httpx.codes.OK:
            raise failure(answer, context)

    async def tickets(
        self, organization_id: int, *, external_id: str, most_pages: int = MOST_TICKET_PAGES
    ) -> tuple[list[Ticket], bool]:
        """Those of the organisation, with what is promised for each, and whether they are all.
        Zendesk has no list of open ones that does not run behind: search does, by minutes."""
        context = self._context(f"list the tickets of {external_id}", external_id)
        query = {"page[size]": str(_PAGE), "include": "slas"}
        found: list[Ticket] = []
        for _ in range(most_pages):
            path = f"{_ORGANIZATIONS}/{organization_id}/tickets?{urlencode(query)}"
            page = self._read(await self._get(path), TicketsPage, context)
            found += page.tickets
            if not page.meta.has_more or page.meta.after_cursor is None:
                return found, not page.meta.has_more
            query["page[after]"] = page.meta.after_cursor
        return found, False

    async def sla_policies(self) -> list[WireSlaPolicy]:
        """In the order in which they are matched. Zendesk shows them to administrators alone."""
        context = self._context("list the SLA policies")
        answer = self._read(await self._get(_SLAS), SlaPoliciesAnswer, context)
        return sorted(answer.sla_policies, key=lambda found: found.position or 0)

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
