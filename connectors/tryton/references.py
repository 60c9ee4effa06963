"""How a document is told apart in Tryton: by our external id and by billing's number. Pure.

Without the optional module `reference` says both, `INV-7 (in_1Nx)`: it is the one text that neither
a duplicate nor a credit note takes over, so nobody's copy is taken for ours, and people who search
for billing's number find it. With the module the id has a field of its own, and `reference` is the
number alone. Documents that were made before the module came keep the first form: both are read.
"""

import re
from dataclasses import dataclass
from datetime import date
from typing import Any

from canonical_models.documents import DocumentKind

_BOTH = re.compile(r"(.+) \(([!-~]+)\)")
_KINDS = {DocumentKind.INVOICE: "invoice", DocumentKind.CREDIT_NOTE: "credit note"}
_NOTE = re.compile(r"Billing's (invoice|credit note)\b.*")


@dataclass(frozen=True)
class Identity:
    """`external_id` is empty on what was not made by us."""

    external_id: str
    number: str | None


def reference_of(external_id: str, number: str | None, *, own_field: bool) -> str:
    if number is None:
        return external_id
    return number if own_field else f"{number} ({external_id})"


def identity(external_id: str | None, reference: str | None, *, ours: bool) -> Identity:
    """What a document is called. A bare reference is our id where we made the document, which then
    has no number of billing's, and billing's number where people did."""
    said = reference or ""
    if external_id:
        return Identity(external_id, None if said in ("", external_id) else said)
    if both := _BOTH.fullmatch(said):
        return Identity(both[2], both[1])
    return Identity(said, None) if ours else Identity("", said or None)


def issue_note(kind: DocumentKind, number: str | None, issued_on: date) -> str:
    """What billing has issued, and when: Tryton tells credit notes by their sign alone, and prints
    another day where its numbers are in the order of dates."""
    named = f" {number}" if number else ""
    return f"Billing's {_KINDS[kind]}{named}, issued on {issued_on}"


def noted_kind(comment: str | None) -> DocumentKind | None:
    for said in (comment or "").split("\n"):
        if found := _NOTE.fullmatch(said):
            return next(kind for kind, word in _KINDS.items() if word == found[1])
    return None


def by_external_id(external_id: str, *, own_field: bool) -> list[Any]:
    """A domain that finds all that carry the id, and maybe more: `identity` decides."""
    found: list[Any] = [
        ["reference", "=", external_id],
        ["reference", "like", f"% ({literal(external_id)})"],
    ]
    if own_field:
        found.append(["external_id", "=", external_id])
    return ["OR", *found]


def by_number(number: str) -> list[Any]:
    """A domain that finds all that carry billing's number, and maybe more."""
    return [
        "OR",
        ["number", "=", number],
        ["reference", "=", number],
        ["reference", "like", f"{literal(number)} (%)"],
    ]


def literal(text: str) -> str:
    """For a pattern of Tryton's: the text itself."""
    return "".join(f"\\{sign}" if sign in "%_\\" else sign for sign in text)


_UNBILLED = "not billed yet: "

#: Part of a domain: leaves out what is shown as not billed.
NOT_UNBILLED: list[Any] = [
    "OR",
    ["reference", "=", None],
    ["reference", "not like", f"{literal(_UNBILLED)}%"],
]


def unbilled_reference(external_id: str) -> str:
    """Another form than that of documents, so that one is never found as the other. It has no other
    place with the optional module either: there an id can be had once, and what somebody posts by
    hand keeps it for good."""
    return f"{_UNBILLED}{external_id}"
