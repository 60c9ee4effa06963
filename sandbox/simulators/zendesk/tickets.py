"""Tickets, their comments, and ticket creation exactly once by `Idempotency-Key`.

https://developer.zendesk.com/api-reference/ticketing/tickets/tickets/
"""

import json

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.simulators.zendesk.organizations import normalized_tags
from sandbox.simulators.zendesk.paging import paged
from sandbox.simulators.zendesk.sla import SlaPolicies
from sandbox.simulators.zendesk.store import Store, timestamp
from sandbox.simulators.zendesk.ticket_document import (
    CREATABLE,
    UPDATABLE,
    comment_document,
    merged_custom_fields,
    new_ticket,
    public_part,
)
from sandbox.simulators.zendesk.users import Users
from sandbox.simulators.zendesk.wire import (
    Document,
    bad_parameter,
    blank,
    body_object,
    check_fields,
    conflict,
    idempotency_mismatch,
    not_found,
    record_invalid,
)

MAX_KEY_LENGTH = 255


class Tickets:
    """Endpoints under `/api/v2/tickets`, and the tickets of an organization."""

    def __init__(self, store: Store, policies: SlaPolicies, users: Users) -> None:
        self._store = store
        self._policies = policies
        self._users = users

    def routes(self) -> list[Route]:
        """Paths in matching order."""
        base = "/api/v2/tickets"
        return [
            Route(base, self.list_all, methods=["GET"]),
            Route(base, self.create, methods=["POST"]),
            Route(f"{base}/{{id:int}}", self.show, methods=["GET"]),
            Route(f"{base}/{{id:int}}", self.update, methods=["PUT"]),
            Route(f"{base}/{{id:int}}", self.delete, methods=["DELETE"]),
            Route(f"{base}/{{id:int}}/comments", self.list_comments, methods=["GET"]),
            Route("/api/v2/organizations/{id:int}/tickets", self.of_organization, methods=["GET"]),
        ]

    async def list_all(self, request: Request) -> Response:
        """All tickets, or those with an `external_id`, which several may share."""
        external_id = request.query_params.get("external_id")
        if external_id is None:
            return self._page(request, self._store.all("ticket"))
        return self._page(request, self._store.find("ticket", "external_id", external_id))

    async def of_organization(self, request: Request) -> Response:
        """The tickets of one organization."""
        organization_id = request.path_params["id"]
        if self._store.get("organization", organization_id) is None:
            raise not_found()
        return self._page(request, self._store.find("ticket", "organization_id", organization_id))

    async def show(self, request: Request) -> Response:
        """One ticket; `include=slas` adds its deadlines."""
        return JSONResponse({"ticket": self._render(request, self._existing(request))})

    async def create(self, request: Request) -> Response:
        """A new ticket. With an `Idempotency-Key` the same payload creates it once in two hours;
        `x-idempotency-lookup` says `miss` or `hit`, another payload is refused."""
        given = await body_object(request, "ticket")
        key = request.headers.get("idempotency-key")
        if key is None:
            with self._store:
                return self._created(request, self._create(request, given))
        if not 0 < len(key) <= MAX_KEY_LENGTH:
            raise bad_parameter("Idempotency-Key")
        fingerprint = json.dumps(given, sort_keys=True)
        with self._store:
            known = self._store.remembered_reply(key)
            if known is None:
                reply = self._create(request, given)
                self._store.remember_reply(key, fingerprint, reply)
            elif known[0] != fingerprint:
                raise idempotency_mismatch()
            else:
                reply = known[1]
        response = self._created(request, reply)
        response.headers["x-idempotency-lookup"] = "miss" if known is None else "hit"
        return response

    async def update(self, request: Request) -> Response:
        """Change a ticket and add a comment; answers with the audit of what changed."""
        given = await body_object(request, "ticket")
        check_fields(given, UPDATABLE)
        with self._store:
            before = self._existing(request)
            if before["status"] == "closed":
                closed = "Status: closed prevents ticket update"
                raise record_invalid({"status": (closed, "InvalidValue")})
            if given.get("safe_update") and given.get("updated_stamp") != before["updated_at"]:
                raise conflict("Safe Update prevented the update due to outdated ticket data.")
            after = self._applied(before, given)
            audit = self._audit(request, before, after, given)
            after["_sla_policy_id"] = self._policies.policy_id_for(after)
            self._store.put("ticket", after)
        return JSONResponse({"ticket": self._render(request, after), "audit": audit})

    async def delete(self, request: Request) -> Response:
        """Remove a ticket."""
        with self._store:
            self._store.delete("ticket", self._existing(request)["id"])
        return Response(status_code=204)

    async def list_comments(self, request: Request) -> Response:
        """A ticket's comments, oldest first."""
        comments = self._store.find("comment", "ticket_id", self._existing(request)["id"])
        shown = [{k: v for k, v in one.items() if k != "ticket_id"} for one in comments]
        return JSONResponse(paged(request, "comments", shown))

    def _create(self, request: Request, given: Document) -> Document:
        check_fields(given, CREATABLE)
        comment = given.get("comment") or {}
        if blank(comment.get("body")) and blank(comment.get("html_body")):
            raise record_invalid({"base": ("Description: cannot be blank", "BlankValue")})
        author = self._users.current(request)["id"]
        ticket = new_ticket(
            self._store.next_id("ticket"),
            self._store.now(),
            author=author,
            requester=self._users.requester_id(given) or author,
        )
        ticket = self._applied(ticket, given)
        inherited = self._organization_tags(ticket)
        ticket["tags"] = normalized_tags([*ticket["tags"], *inherited])
        if ticket["status"] == "new" and ticket["assignee_id"] is not None:
            ticket["status"] = "open"
        ticket["description"] = comment.get("body") or comment.get("html_body")
        self._add_comment(ticket, comment, author, self._store.next_id("audit"))
        # The first comment asks; it is no reply.
        ticket["_first_reply_at"] = None
        ticket["_sla_policy_id"] = self._policies.policy_id_for(ticket)
        self._store.put("ticket", ticket)
        return {"ticket": self._render(request, ticket)}

    def _created(self, _request: Request, reply: Document) -> Response:
        return JSONResponse(reply, 201, {"Location": reply["ticket"]["url"]})

    def _applied(self, ticket: Document, given: Document) -> Document:
        """The ticket with the attributes given; the comment is not among them."""
        organization_id = given.get("organization_id")
        if organization_id is not None and not self._store.get("organization", organization_id):
            unknown = f"Organization: {organization_id} is invalid"
            raise record_invalid({"organization": (unknown, "InvalidValue")})
        now = self._store.now()
        after = {**ticket, **{k: v for k, v in given.items() if k in ticket and k in CREATABLE}}
        after["tags"] = normalized_tags(after["tags"])
        after["status"] = after["status"] or ticket["status"]
        after["custom_fields"] = merged_custom_fields(
            ticket["custom_fields"], given.get("custom_fields")
        )
        after["raw_subject"] = after["subject"]
        after["updated_at"] = timestamp(now)
        after["generated_timestamp"] = int(now.timestamp())
        if after["status"] not in {"solved", "closed"}:
            after["_solved_at"] = None
        elif ticket["_solved_at"] is None:
            after["_solved_at"] = timestamp(now)
        return after

    def _audit(
        self, request: Request, before: Document, after: Document, given: Document
    ) -> Document:
        author = self._users.current(request)["id"]
        audit_id = self._store.next_id("audit")
        events: list[Document] = [
            {"type": "Change", "field_name": name, "value": value}
            for name, value in after.items()
            if name in UPDATABLE and value != before[name] and isinstance(value, str | int)
        ]
        comment = given.get("comment")
        if comment is not None:
            added = self._add_comment(after, comment, author, audit_id)
            events.append({"type": "Comment", "body": added["body"]})
        return {
            "id": audit_id,
            "ticket_id": after["id"],
            "created_at": after["updated_at"],
            "author_id": author,
            "metadata": {"system": {}, "custom": {}},
            "via": {"channel": "api", "source": {}},
            "events": [{"id": self._store.next_id("event"), **event} for event in events],
        }

    def _add_comment(
        self, ticket: Document, given: Document, author: int, audit_id: int
    ) -> Document:
        check_fields(given, {"body": str, "html_body": str, "public": bool, "author_id": int})
        if blank(given.get("body")) and blank(given.get("html_body")):
            raise record_invalid({"comment": ("Comment: cannot be blank", "BlankValue")})
        comment = comment_document(
            given, ticket, identifier=self._store.next_id("comment"), author=author
        )
        comment["audit_id"] = audit_id
        self._store.put("comment", comment)
        if comment["public"]:
            ticket["is_public"] = True
            if self._users.is_agent(comment["author_id"]):
                ticket["_first_reply_at"] = ticket["_first_reply_at"] or comment["created_at"]
        return comment

    def _organization_tags(self, ticket: Document) -> list[str]:
        if ticket["organization_id"] is None:
            return []
        organization = self._store.get("organization", ticket["organization_id"])
        return [] if organization is None else organization["tags"]

    def _existing(self, request: Request) -> Document:
        found = self._store.get("ticket", request.path_params["id"])
        if found is None:
            raise not_found()
        return found

    def _render(self, request: Request, ticket: Document) -> Document:
        rendered = public_part(str(request.base_url), ticket)
        if "slas" in request.query_params.get("include", "").split(","):
            rendered["slas"] = self._policies.sideload(ticket)
        return rendered

    def _page(self, request: Request, found: list[Document]) -> Response:
        rendered = [self._render(request, ticket) for ticket in found]
        return JSONResponse(paged(request, "tickets", rendered))
