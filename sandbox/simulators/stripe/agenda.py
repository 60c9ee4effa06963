"""When something falls due for an object by itself; the store keeps it as an index."""

from dataclasses import dataclass
from enum import IntEnum

from sandbox.simulators.stripe.errors import Json


class Act(IntEnum):
    """What is to be done. At one and the same time, in this order."""

    RESUME = 0
    EXPIRE = 1
    LAPSE = 2
    PHASE = 3
    END = 4
    RENEW = 5
    FINALIZE = 6
    COLLECT = 7
    OVERDUE = 8


@dataclass(frozen=True, order=True)
class Due:
    """An act at a time in Unix seconds."""

    at: int
    act: Act


def next_due(obj: Json) -> Due | None:
    """The first thing that falls due for an object, if anything ever does."""
    match obj["object"]:
        case "subscription":
            found = _of_subscription(obj)
        case "invoice":
            found = _of_invoice(obj)
        case "discount":
            found = _of_discount(obj)
        case "subscription_schedule":
            found = _of_schedule(obj)
        case _:
            found = []
    return min(found, default=None)


def _of_subscription(subscription: Json) -> list[Due]:
    if subscription["status"] in ("canceled", "incomplete_expired"):
        return []
    found: list[Due] = []
    pause = subscription["pause_collection"]
    if pause and pause["resumes_at"]:
        found.append(Due(pause["resumes_at"], Act.RESUME))
    if update := subscription["pending_update"]:
        found.append(Due(update["expires_at"], Act.LAPSE))
    if subscription["cancel_at"] is not None:
        found.append(Due(subscription["cancel_at"], Act.END))
    # An incomplete one waits for its first payment, a paused one to be resumed.
    if subscription["status"] not in ("incomplete", "paused"):
        found.append(Due(subscription["items"][0]["current_period_end"], Act.RENEW))
    return found


def _of_invoice(invoice: Json) -> list[Due]:
    at = invoice["automatically_finalizes_at"]
    if invoice["status"] == "draft" and invoice["auto_advance"] and at is not None:
        return [Due(at, Act.FINALIZE)]
    found: list[Due] = []
    if invoice["status"] == "open" and invoice["next_payment_attempt"] is not None:
        found.append(Due(invoice["next_payment_attempt"], Act.COLLECT))
    if invoice["status"] == "open" and invoice["due_date"] and not invoice.get("_overdue"):
        found.append(Due(invoice["due_date"], Act.OVERDUE))
    return found


def _of_schedule(schedule: Json) -> list[Due]:
    """The next phase begins, or the last one ends."""
    if schedule["status"] == "not_started":
        return [Due(schedule["phases"][0]["start_date"], Act.PHASE)]
    if schedule["status"] == "active":
        return [Due(schedule["current_phase"]["end_date"], Act.PHASE)]
    return []


def _of_discount(discount: Json) -> list[Due]:
    if discount["end"] is None or discount.get("_gone"):
        return []
    return [Due(discount["end"], Act.EXPIRE)]
