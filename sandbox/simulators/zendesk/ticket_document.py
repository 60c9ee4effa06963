"""What a ticket and a comment consist of."""

from datetime import datetime

from sandbox.simulators.zendesk.store import timestamp
from sandbox.simulators.zendesk.wire import Document, record_invalid

STATUSES = ("new", "open", "pending", "hold", "solved", "closed")
PRIORITIES = ("low", "normal", "high", "urgent")
TYPES = ("problem", "incident", "question", "task")

UPDATABLE: dict[str, object] = {
    "subject": str,
    "external_id": str,
    "type": TYPES,
    "priority": PRIORITIES,
    "status": STATUSES,
    "requester_id": int,
    "assignee_id": int,
    "organization_id": int,
    "group_id": int,
    "problem_id": int,
    "due_at": str,
    "tags": [str],
    "custom_fields": [dict],
    "collaborator_ids": [int],
    "comment": dict,
    "safe_update": bool,
    "updated_stamp": str,
}
CREATABLE: dict[str, object] = {
    **UPDATABLE,
    "submitter_id": int,
    "recipient": str,
    "requester": dict,
}


def new_ticket(identifier: int, now: datetime, *, author: int, requester: int) -> Document:
    """A ticket with nothing set. Attributes with a leading underscore never leave the server."""
    created = timestamp(now)
    return {
        "id": identifier,
        "external_id": None,
        "via": {"channel": "api", "source": {"from": {}, "to": {}, "rel": None}},
        "created_at": created,
        "updated_at": created,
        "generated_timestamp": int(now.timestamp()),
        "type": None,
        "subject": None,
        "raw_subject": None,
        "description": None,
        "priority": None,
        "status": "new",
        "recipient": None,
        "requester_id": requester,
        "submitter_id": author,
        "assignee_id": None,
        "organization_id": None,
        "group_id": None,
        "collaborator_ids": [],
        "follower_ids": [],
        "email_cc_ids": [],
        "forum_topic_id": None,
        "problem_id": None,
        "has_incidents": False,
        "is_public": False,
        "due_at": None,
        "tags": [],
        "custom_fields": [],
        "sharing_agreement_ids": [],
        "followup_ids": [],
        "allow_channelback": False,
        "allow_attachments": True,
        "from_messaging_channel": False,
        "_sla_policy_id": None,
        "_first_reply_at": None,
        "_solved_at": None,
    }


def public_part(base_url: str, ticket: Document) -> Document:
    """The ticket as clients see it."""
    url = f"{base_url}api/v2/tickets/{ticket['id']}.json"
    return {"url": url, **{k: v for k, v in ticket.items() if not k.startswith("_")}}


def merged_custom_fields(known: list[Document], given: list[Document] | None) -> list[Document]:
    """Custom fields by id, those given replacing those known. Raises ApiError 422."""
    merged = {field["id"]: field["value"] for field in known}
    for field in given or ():
        identifier = field.get("id")
        if type(identifier) is not int or "value" not in field:
            raise record_invalid(
                {"custom_fields": ("Custom fields: need id and value", "InvalidValue")}
            )
        merged[identifier] = field["value"]
    return [{"id": identifier, "value": value} for identifier, value in merged.items()]


def comment_document(
    given: Document, ticket: Document, *, identifier: int, author: int
) -> Document:
    """A comment of `ticket`; public unless it says otherwise, as at Zendesk."""
    text = given.get("body") or given.get("html_body") or ""
    return {
        "id": identifier,
        "ticket_id": ticket["id"],
        "type": "Comment",
        "author_id": given.get("author_id") or author,
        "body": text,
        "html_body": given.get("html_body") or text,
        "plain_body": text,
        "public": given.get("public") is not False,
        "attachments": [],
        "via": {"channel": "api", "source": {"from": {}, "to": {}, "rel": None}},
        "metadata": {"system": {}, "custom": {}},
        "created_at": ticket["updated_at"],
    }
