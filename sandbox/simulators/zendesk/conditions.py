"""Conditions of an SLA policy's filter.

https://developer.zendesk.com/documentation/ticketing/reference-guides/conditions-reference/
"""

import re

from sandbox.simulators.zendesk.wire import ApiError, Document, record_invalid

ORDERS = {
    "status": ("new", "open", "pending", "hold", "solved", "closed"),
    "priority": ("low", "normal", "high", "urgent"),
}
TICKET_FIELDS = (
    *ORDERS,
    *("type", "organization_id", "requester_id", "assignee_id", "group_id", "submitter_id"),
)
ORGANIZATION_FIELD = "organization.custom_fields."
TICKET_FIELD = "custom_fields_"


def check_conditions(conditions: Document) -> None:
    """Raises ApiError 422 for a filter that could not be evaluated."""
    for part in ("all", "any"):
        listed = conditions.get(part) or []
        if not isinstance(listed, list):
            raise _invalid(part)
        for condition in listed:
            if not isinstance(condition, dict) or not _understood(condition):
                raise _invalid(part)


def _invalid(part: str) -> ApiError:
    return record_invalid({"filter": (f"Filter: {part} holds an invalid condition", "Invalid")})


def _understood(condition: Document) -> bool:
    field, operator = condition.get("field"), condition.get("operator")
    if not isinstance(field, str) or not isinstance(operator, str):
        return False
    value = condition.get("value")
    if not isinstance(value, str | int | list | None):
        return False
    if field == "current_tags":
        return operator in {"includes", "not_includes"}
    if operator in {"less_than", "greater_than"}:
        return field in ORDERS and value in ORDERS[field]
    known = field in TICKET_FIELDS or field.startswith((ORGANIZATION_FIELD, TICKET_FIELD))
    return known and operator in {"is", "is_not", "includes", "present", "not_present"}


def holds(condition: Document, ticket: Document, organization: Document | None) -> bool:
    """Whether a ticket of this organization meets a condition that passed the check."""
    field: str = condition["field"]
    operator: str = condition["operator"]
    value = condition.get("value")
    if field == "current_tags":
        wanted = set(_words(value))
        carries = bool(wanted & set(ticket["tags"]))
        return carries if operator == "includes" else not carries
    actual = _actual(field, ticket, organization)
    match operator:
        case "present":
            return actual is not None
        case "not_present":
            return actual is None
        case "less_than" | "greater_than":
            order = ORDERS[field]
            if actual is None:
                return operator == "less_than"
            distance = order.index(str(actual)) - order.index(str(value))
            return distance < 0 if operator == "less_than" else distance > 0
        case "is" | "includes":
            return _text(actual) in _allowed(value)
        case "is_not":
            return _text(actual) not in _allowed(value)
        case _:
            raise ValueError(f"condition on {field} with operator {operator} was not checked")


def _actual(field: str, ticket: Document, organization: Document | None) -> object:
    if field.startswith(ORGANIZATION_FIELD):
        fields = {} if organization is None else organization["organization_fields"]
        return fields.get(field.removeprefix(ORGANIZATION_FIELD))
    if field.startswith(TICKET_FIELD):
        wanted = field.removeprefix(TICKET_FIELD)
        return next(
            (one["value"] for one in ticket["custom_fields"] if str(one["id"]) == wanted), None
        )
    return ticket[field]


def _allowed(value: object) -> set[str]:
    return {_text(one) for one in value} if isinstance(value, list) else {_text(value)}


def _text(value: object) -> str:
    # Conditions are text even where the field is a number or a checkbox.
    return (
        str(value).lower() if isinstance(value, bool) else str(value if value is not None else "")
    )


def _words(value: object) -> list[str]:
    parts = value if isinstance(value, list) else [value]
    return [word.lower() for part in parts for word in re.split(r"[\s,]+", str(part)) if word]
