"""The search endpoint and the part of its query language that concerns tickets and
organizations.

https://developer.zendesk.com/api-reference/ticketing/ticket-management/search/
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.simulators.zendesk.conditions import ORDERS
from sandbox.simulators.zendesk.paging import paged
from sandbox.simulators.zendesk.store import Store
from sandbox.simulators.zendesk.ticket_document import public_part
from sandbox.simulators.zendesk.wire import Document, bad_parameter

LAG_SETTING = "search_lag_s"
SORTABLE = ("created_at", "updated_at", "priority", "status")
DATES = {"created": "created_at", "updated": "updated_at", "due_date": "due_at"}
ALIASES = {
    "organization_id": "organization",
    "requester_id": "requester",
    "assignee_id": "assignee",
    "ticket_type": "type_of_ticket",
}
_TERM = re.compile(
    r"(?P<minus>-?)(?:(?P<key>[A-Za-z_][\w.]*)(?P<operator>:|<=|>=|<|>))?"
    r"(?:\"(?P<quoted>[^\"]*)\"|(?P<bare>[^\s\"]+))"
)


@dataclass(frozen=True)
class Term:
    """`key` is empty for a plain word."""

    key: str
    operator: str
    value: str
    negated: bool


def parse_query(query: str) -> list[Term]:
    """The terms of a query, in order."""
    terms = []
    for match in _TERM.finditer(query):
        quoted = match["quoted"]
        key = (match["key"] or "").lower()
        terms.append(
            Term(
                key=ALIASES.get(key, key),
                operator=match["operator"] or ":",
                value=match["bare"] if quoted is None else quoted,
                negated=bool(match["minus"]),
            )
        )
    return terms


class Search:
    """`GET /api/v2/search`.

    Zendesk's index runs behind its data by up to minutes. How far is a setting here: a record
    is not found until it has been left alone for that many seconds.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def routes(self) -> list[Route]:
        """The one path."""
        return [Route("/api/v2/search", self.search, methods=["GET"])]

    async def search(self, request: Request) -> Response:
        """Tickets and organizations that meet every term; terms with the same key are
        alternatives."""
        query = request.query_params.get("query", "")
        terms = parse_query(query)
        if not terms:
            raise bad_parameter("query")
        wanted = {term.value.lower() for term in terms if term.key == "type"}
        found: list[Document] = []
        if not wanted or "ticket" in wanted:
            found += [
                {**public_part(str(request.base_url), ticket), "result_type": "ticket"}
                for ticket in self._indexed("ticket")
                if self._meets(ticket, terms, self._ticket_holds)
            ]
        if not wanted or "organization" in wanted:
            found += [
                {
                    "url": f"{request.base_url}api/v2/organizations/{one['id']}.json",
                    **one,
                    "result_type": "organization",
                }
                for one in self._indexed("organization")
                if self._meets(one, terms, self._organization_holds)
            ]
        _sort(found, request)
        return JSONResponse({**paged(request, "results", found), "facets": None})

    def _indexed(self, kind: str) -> list[Document]:
        lag = self._store.setting(LAG_SETTING, 0)
        documents = self._store.all(kind)
        if not lag:
            return documents
        newest = self._store.now().timestamp() - lag
        return [one for one in documents if _moment(one["updated_at"]) <= newest]

    @staticmethod
    def _meets(
        document: Document, terms: list[Term], holds: Callable[[Document, Term], bool]
    ) -> bool:
        alternatives: dict[str, list[bool]] = {}
        for term in terms:
            if term.key == "type":
                continue
            outcome = holds(document, term)
            if term.negated:
                if outcome:
                    return False
            elif term.key and term.operator == ":":
                alternatives.setdefault(term.key, []).append(outcome)
            elif not outcome:
                return False
        return all(any(outcomes) for outcomes in alternatives.values())

    def _ticket_holds(self, ticket: Document, term: Term) -> bool:
        if term.key in ORDERS:
            return _compare_rank(ORDERS[term.key], ticket[term.key], term)
        if term.key in DATES:
            return _compare_date(ticket[DATES[term.key]], term)
        if term.operator != ":":
            return False
        if term.key == "":
            return _contains(term.value, ticket["subject"], ticket["description"])
        if term.key in {"subject", "description"}:
            return _contains(term.value, ticket[term.key])
        return _any_equal(self._ticket_values(ticket, term.key), term)

    def _ticket_values(self, ticket: Document, key: str) -> list[object]:
        match key:
            case "tags":
                return [*ticket["tags"]]
            case "external_id":
                return [ticket["external_id"]]
            case "type_of_ticket":
                return [ticket["type"]]
            case "requester" | "assignee" | "group" | "submitter":
                return [ticket[f"{key}_id"]]
            case "organization" if ticket["organization_id"] is not None:
                organization = self._store.get("organization", ticket["organization_id"]) or {}
                return [ticket["organization_id"], organization.get("name")]
        identifier = key.removeprefix("custom_field_")
        return [one["value"] for one in ticket["custom_fields"] if str(one["id"]) == identifier]

    @staticmethod
    def _organization_holds(organization: Document, term: Term) -> bool:
        if term.key in DATES:
            return _compare_date(organization.get(DATES[term.key]), term)
        if term.operator != ":":
            return False
        match term.key:
            case "":
                return _contains(term.value, organization["name"], organization["details"])
            case "name":
                return _contains(term.value, organization["name"])
            case "tags":
                return _any_equal(organization["tags"], term)
            case "external_id":
                return _any_equal([organization["external_id"]], term)
            case key:
                return _any_equal([organization["organization_fields"].get(key)], term)


def _sort(found: list[Document], request: Request) -> None:
    by = request.query_params.get("sort_by", "created_at")
    if by not in SORTABLE:
        raise bad_parameter("sort_by")

    def rank(document: Document) -> tuple[int, str, int]:
        value = document.get(by)
        place = ORDERS[by].index(value) if by in ORDERS and value is not None else -1
        return place, str(value), document["id"]

    found.sort(key=rank, reverse=request.query_params.get("sort_order", "desc") != "asc")


def _any_equal(values: Sequence[object], term: Term) -> bool:
    wanted = term.value.lower()
    texts = [str(value).lower() for value in values if value is not None]
    if wanted == "none":
        return not texts
    if wanted.endswith("*"):
        return any(text.startswith(wanted[:-1]) for text in texts)
    return wanted in texts


def _contains(word: str, *texts: str | None) -> bool:
    return any(word.lower().rstrip("*") in text.lower() for text in texts if text)


def _compare_rank(order: tuple[str, ...], actual: str | None, term: Term) -> bool:
    if term.operator == ":" or actual is None:
        return term.operator == ":" and _any_equal([actual], term)
    if term.value.lower() not in order:
        raise bad_parameter("query")
    return _compare(order.index(actual), order.index(term.value.lower()), term.operator)


def _compare_date(actual: str | None, term: Term) -> bool:
    if actual is None:
        return False
    if term.operator == ":":
        return actual.startswith(term.value)
    try:
        return _compare(_moment(actual), _moment(term.value), term.operator)
    except ValueError as broken:
        raise bad_parameter("query") from broken


def _compare(left: float, right: float, operator: str) -> bool:
    outcomes = {"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}
    return outcomes[operator]


def _moment(text: str) -> float:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = datetime.fromisoformat(f"{text}T00:00:00+00:00" if "T" not in text else text + "Z")
    return moment.timestamp()
