"""Organizations and their custom fields.

https://developer.zendesk.com/api-reference/ticketing/organizations/organizations/
"""

import re
from datetime import datetime

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.simulators.zendesk.paging import paged
from sandbox.simulators.zendesk.store import Store, timestamp
from sandbox.simulators.zendesk.wire import (
    ApiError,
    Document,
    bad_parameter,
    blank,
    body_object,
    check_fields,
    not_found,
    record_invalid,
)

WRITABLE: dict[str, object] = {
    "name": str,
    "external_id": str,
    "details": str,
    "notes": str,
    "group_id": int,
    "domain_names": [str],
    "shared_tickets": bool,
    "shared_comments": bool,
    "tags": [str],
    "organization_fields": dict,
}
FIELD_TYPES = ("text", "textarea", "checkbox", "date", "integer", "decimal", "regexp", "dropdown")
FIELD_KINDS: dict[str, object] = {
    "key": str,
    "title": str,
    "type": FIELD_TYPES,
    "description": str,
    "position": int,
    "active": bool,
    "regexp_for_validation": str,
}


#: Seconds of which the export tells nothing yet, and organisations a page.
_NOT_YET = 60
_EXPORTED = 1000


class Organizations:
    """Endpoints under `/api/v2/organizations` and `/api/v2/organization_fields`.

    Zendesk ignores a custom field key that nobody defined. With `strict_fields` so does this;
    otherwise writing a key defines it as a text field, which spares a demo the set-up.
    """

    def __init__(self, store: Store, *, strict_fields: bool) -> None:
        self._store = store
        self._strict_fields = strict_fields

    def routes(self) -> list[Route]:
        """Paths in matching order."""
        base = "/api/v2/organizations"
        fields = "/api/v2/organization_fields"
        return [
            Route(base, self.list_all, methods=["GET"]),
            Route(base, self.create, methods=["POST"]),
            Route(f"{base}/create_or_update", self.create_or_update, methods=["POST"]),
            Route(f"{base}/search", self.search, methods=["GET"]),
            Route("/api/v2/incremental/organizations", self.export, methods=["GET"]),
            Route(f"{base}/{{id:int}}", self.show, methods=["GET"]),
            Route(f"{base}/{{id:int}}", self.update, methods=["PUT"]),
            Route(f"{base}/{{id:int}}", self.delete, methods=["DELETE"]),
            Route(f"{base}/{{id:int}}/related", self.related, methods=["GET"]),
            Route(f"{base}/{{id:int}}/merge", self.merge, methods=["POST"]),
            Route(f"{base}/{{id:int}}/merges", self.merges, methods=["GET"]),
            Route(fields, self.list_fields, methods=["GET"]),
            Route(fields, self.create_field, methods=["POST"]),
        ]

    async def list_all(self, request: Request) -> Response:
        """All organizations, in pages."""
        return self._page(request, self._store.all("organization"))

    async def show(self, request: Request) -> Response:
        """One organization."""
        return self._answer(request, self._existing(request))

    async def create(self, request: Request) -> Response:
        """A new organization; its name and external id must be new too."""
        given = await body_object(request, "organization")
        with self._store:
            created = self._write(None, given)
        return self._answer(request, created, 201)

    async def update(self, request: Request) -> Response:
        """Change the attributes given; tags are replaced, organization_fields merged."""
        given = await body_object(request, "organization")
        with self._store:
            updated = self._write(self._existing(request), given)
        return self._answer(request, updated)

    async def create_or_update(self, request: Request) -> Response:
        """Update the organization with this `id` or `external_id`, else create one. The name is
        no matching criterion: a taken name under another external id is refused."""
        given = await body_object(request, "organization")
        check_fields(given, {"id": int, "external_id": str})
        with self._store:
            existing = self._matching(given)
            written = self._write(existing, given)
        return self._answer(request, written, 201 if existing is None else 200)

    async def delete(self, request: Request) -> Response:
        """Remove an organization; its tickets stay and belong to none."""
        with self._store:
            self._remove(self._existing(request), None)
        return Response(status_code=204)

    async def merge(self, request: Request) -> Response:
        """Put one (the loser) into another (`winner_id`): its tickets and domain names go there, it
        is deleted, and its fields, tags and external id with it. It cannot be taken back
        (.../organizations/organizations/#merge-organization-with-another-organization)."""
        given = await body_object(request, "organization_merge")
        check_fields(given, {"winner_id": int})
        with self._store:
            loser = self._existing(request)
            winner = self._store.get("organization", given.get("winner_id") or 0)
            if winner is None or winner["id"] == loser["id"]:
                raise record_invalid({"winner_id": ("Winner: is invalid", "InvalidValue")})
            self._remove(loser, winner["id"])
            domains = normalized_tags([*winner["domain_names"], *loser["domain_names"]])
            now = timestamp(self._store.now())
            self._store.put("organization", {**winner, "domain_names": domains, "updated_at": now})
            made = {
                "id": self._store.next_id("organization_merge"),
                "loser_id": loser["id"],
                "winner_id": winner["id"],
                "status": "complete",
            }
            self._store.put("organization_merge", made)
        # It is carried out later there.
        return JSONResponse({"organization_merge": _merged(request, made) | {"status": "new"}})

    async def merges(self, request: Request) -> Response:
        """Those that an organization took part in, also one that they have deleted."""
        wanted = request.path_params["id"]
        if not any(self._store.get(kind, wanted) for kind in ("organization", "gone_organization")):
            raise not_found()
        found = [
            _merged(request, one)
            for one in self._store.all("organization_merge")
            if wanted in (one["loser_id"], one["winner_id"])
        ]
        return JSONResponse(paged(request, "organization_merges", found))

    def _remove(self, doomed: Document, heir: int | None) -> None:
        for ticket in self._store.find("ticket", "organization_id", doomed["id"]):
            self._store.put("ticket", {**ticket, "organization_id": heir})
        self._store.delete("organization", doomed["id"])
        now = timestamp(self._store.now())
        self._store.put("gone_organization", {**doomed, "updated_at": now, "deleted_at": now})

    async def search(self, request: Request) -> Response:
        """Exact, case-insensitive look-up by `external_id` or `name`."""
        for attribute in ("external_id", "name"):
            value = request.query_params.get(attribute)
            if value is not None:
                return self._page(request, self._store.find("organization", attribute, value))
        raise bad_parameter("external_id or name")

    async def export(self, request: Request) -> Response:
        """What was made, changed or deleted since `start_time`, the oldest change first; nothing of
        the last minute (.../ticket-management/incremental_exports/)."""
        given = request.query_params.get("start_time", "")
        ended = int(self._store.now().timestamp()) - _NOT_YET
        if not given.isdigit() or int(given) > ended:
            raise bad_parameter("start_time")
        changed = [
            (int(datetime.fromisoformat(one["updated_at"]).timestamp()), one)
            for one in (*self._store.all("organization"), *self._store.all("gone_organization"))
        ]
        told = [(at, one) for at, one in changed if int(given) <= at <= ended]
        told.sort(key=lambda each: (each[0], each[1]["id"]))
        page = told[:_EXPORTED]
        # Those of one second are told together, however many they are.
        page += [each for each in told[_EXPORTED:] if each[0] == page[-1][0]]
        keys = [*self._fields()]
        return JSONResponse(
            {
                "organizations": [self._render(request, one, keys) for _, one in page],
                "count": len(page),
                "end_time": page[-1][0] if page else None,
                "end_of_stream": len(page) == len(told),
                "next_page": None,
            }
        )

    async def related(self, request: Request) -> Response:
        """How much hangs on an organization."""
        tickets = self._store.find("ticket", "organization_id", self._existing(request)["id"])
        return JSONResponse(
            {"organization_related": {"tickets_count": len(tickets), "users_count": 0}}
        )

    async def list_fields(self, request: Request) -> Response:
        """The custom fields an organization may have."""
        fields = [
            {**field, "url": f"{request.base_url}api/v2/organization_fields/{field['id']}.json"}
            for field in self._store.all("organization_field")
        ]
        return JSONResponse(paged(request, "organization_fields", fields))

    async def create_field(self, request: Request) -> Response:
        """Define a custom field: `key`, `title` and `type`."""
        given = await body_object(request, "organization_field")
        check_fields(given, FIELD_KINDS)
        missing = [name for name in ("key", "title", "type") if blank(given.get(name))]
        if missing:
            raise record_invalid(
                {name: (f"{name.capitalize()}: cannot be blank", "BlankValue") for name in missing}
            )
        with self._store:
            if given["key"] in self._fields():
                taken = f"Key: {given['key']} has already been taken"
                raise record_invalid({"key": (taken, "DuplicateValue")})
            field = self._define_field({k: v for k, v in given.items() if k in FIELD_KINDS})
        return JSONResponse({"organization_field": field}, 201)

    def _fields(self) -> dict[str, Document]:
        return {field["key"]: field for field in self._store.all("organization_field")}

    def _define_field(self, given: Document) -> Document:
        now = timestamp(self._store.now())
        identifier = self._store.next_id("organization_field")
        field = {
            "id": identifier,
            "description": "",
            "raw_title": given["title"],
            "raw_description": given.get("description", ""),
            "position": 9999,
            "active": True,
            "system": False,
            "regexp_for_validation": None,
            "created_at": now,
            "updated_at": now,
            **given,
        }
        self._store.put("organization_field", field)
        return field

    def _existing(self, request: Request) -> Document:
        found = self._store.get("organization", request.path_params["id"])
        if found is None:
            raise not_found()
        return found

    def _matching(self, given: Document) -> Document | None:
        if given.get("id") is not None:
            return self._store.get("organization", given["id"])
        if blank(given.get("external_id")):
            return None
        found = self._store.find("organization", "external_id", given["external_id"])
        return found[0] if found else None

    def _write(self, existing: Document | None, given: Document) -> Document:
        check_fields(given, WRITABLE)
        changes = {key: value for key, value in given.items() if key in WRITABLE}
        if "name" in changes or existing is None:
            changes["name"] = (changes.get("name") or "").strip()
        for name in ("tags", "domain_names"):
            if name in changes:
                changes[name] = normalized_tags(changes[name])
        self._check_unique(existing, changes)
        now = timestamp(self._store.now())
        document = existing or {
            "id": self._store.next_id("organization"),
            "external_id": None,
            "details": None,
            "notes": None,
            "group_id": None,
            "domain_names": [],
            "shared_tickets": False,
            "shared_comments": False,
            "tags": [],
            "organization_fields": {},
            "created_at": now,
        }
        fields = self._merged_fields(document, changes.pop("organization_fields", None) or {})
        written = {**document, **changes, "organization_fields": fields, "updated_at": now}
        self._store.put("organization", written)
        return written

    def _check_unique(self, existing: Document | None, changes: Document) -> None:
        wrong: dict[str, tuple[str, str]] = {}
        if "name" in changes and not changes["name"]:
            wrong["name"] = ("Name: cannot be blank", "BlankValue")
        for attribute, label in (("name", "Name"), ("external_id", "External")):
            value = changes.get(attribute)
            if blank(value):
                continue
            others = self._store.find("organization", attribute, str(value))
            if any(existing is None or other["id"] != existing["id"] for other in others):
                wrong[attribute] = (f"{label}: {value} has already been taken", "DuplicateValue")
        if wrong:
            raise record_invalid(wrong)

    def _merged_fields(self, document: Document, given: Document) -> Document:
        known = self._fields()
        merged = dict(document["organization_fields"])
        for key, value in given.items():
            if value is not None and not isinstance(value, str | int | float | bool):
                raise self._field_invalid(key)
            if key not in known:
                if self._strict_fields:
                    continue
                if not re.fullmatch(r"\w{1,255}", key):
                    raise self._field_invalid(key)
                self._define_field({"key": key, "title": key, "type": "text"})
            merged[key] = value
        return merged

    @staticmethod
    def _field_invalid(key: str) -> ApiError:
        return record_invalid({"organization_fields": (f"{key}: is invalid", "InvalidValue")})

    def _render(self, request: Request, document: Document, keys: list[str]) -> Document:
        fields = {**dict.fromkeys(keys), **document["organization_fields"]}
        url = f"{request.base_url}api/v2/organizations/{document['id']}.json"
        return {"url": url, **document, "organization_fields": fields}

    def _answer(self, request: Request, document: Document, status: int = 200) -> Response:
        rendered = self._render(request, document, [*self._fields()])
        return JSONResponse({"organization": rendered}, status)

    def _page(self, request: Request, found: list[Document]) -> Response:
        keys = [*self._fields()]
        rendered = [self._render(request, one, keys) for one in found]
        return JSONResponse(paged(request, "organizations", rendered))


def _merged(request: Request, one: Document) -> Document:
    identifier = f"{one['id']:026d}"
    url = f"{request.base_url}api/v2/organization_merges/{identifier}.json"
    return {**one, "id": identifier, "url": url}


def normalized_tags(tags: list[str] | None) -> list[str]:
    """Lower case, no doubles, and a space separates two tags."""
    return list(dict.fromkeys(word for tag in tags or () for word in tag.lower().split()))
