"""Which of the ERP's parties a billing customer is: for certain, or for a person to say. Pure."""

from collections.abc import Sequence

from canonical_models.ledgering import PartyMatch

#: How far what agrees speaks for a party, of 100; what contradicts takes the same from each.
_STRENGTH = {"external_id": 100, "tax_id": 80, "name": 40}
_CONTRADICTION = 30
_INACTIVE = 20


def certain_match(found: Sequence[PartyMatch]) -> PartyMatch | None:
    """The one of them that is the customer for certain; None where a person has to look."""
    certain = [match for match in found if match.by == "external_id"] or [
        match for match in found if match.by == "tax_id" and not match.contradicts
    ]
    return certain[0] if len(certain) == 1 and certain[0].active else None


def certain_party(found: Sequence[PartyMatch]) -> str | None:
    """Its code."""
    match = certain_match(found)
    return match.party if match else None


def listed(found: Sequence[PartyMatch]) -> str:
    """Such as `C-7 (by tax id), C-9 (by name, but another country)`; at most five."""
    return ", ".join(f"{match.party} (by {reason(match)})" for match in found[:5])


def reason(match: PartyMatch) -> str:
    """Such as `tax id, but another country, inactive`."""
    words = [match.by.replace("_", " "), *(f"but another {what}" for what in match.contradicts)]
    return ", ".join(words if match.active else [*words, "inactive"])


def score(match: PartyMatch) -> int:
    """0 to 100, to put the likeliest first. Nothing is decided by it: what is certain, is so by
    `certain_match`."""
    against = _CONTRADICTION * len(match.contradicts) + (0 if match.active else _INACTIVE)
    return max(0, _STRENGTH.get(match.by, 0) - against)
