"""Which documents a movement on a customer's account settles, and by how much. Pure.

All amounts are in minor units of one currency and signed as the customer owes them: an invoice is
positive, a credit memo negative. A share is positive where it reduces what the customer owes.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Claim:
    """What a document asks for: `open` of its `total`."""

    key: str
    total: int
    open: int


@dataclass(frozen=True)
class Share:
    """The part of a movement for one document. One against the document's own sign, such as a
    refund of an invoice that was paid, opens it again."""

    key: str
    amount: int


@dataclass(frozen=True)
class Allocation:
    """`rest` stays on the account. Shares and rest together are the movement's amount."""

    shares: tuple[Share, ...]
    rest: int


def allocate(amount: int, claims: Sequence[Claim]) -> Allocation:
    """Money in pays invoices in order, and lets credit memos pay what it does not reach itself.

    Money out pays credit memos in order; what is left of it opens invoices that were settled.
    """
    if amount >= 0:
        owed = sum(claim.open for claim in claims if claim.open > 0)
        credit = -sum(claim.open for claim in claims if claim.open < 0)
        paid = min(owed, amount + credit)
        parts = _taken(paid, [(claim.key, claim.open) for claim in claims])
        used = max(0, paid - amount)
        parts += [(key, -part) for key, part in _taken(used, _turned(claims))]
    else:
        out = -amount
        parts = [(key, -part) for key, part in _taken(out, _turned(claims))]
        left = out + sum(part for _, part in parts)
        settled = [(claim.key, claim.total - max(claim.open, 0)) for claim in claims]
        parts += [(key, -part) for key, part in _taken(left, settled)]
    return Allocation(
        shares=tuple(Share(key, part) for key, part in parts),
        rest=amount - sum(part for _, part in parts),
    )


def _turned(claims: Sequence[Claim]) -> list[tuple[str, int]]:
    return [(claim.key, -claim.open) for claim in claims]


def _taken(amount: int, limits: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
    """As much of `amount` as each positive limit takes, in order."""
    parts = []
    for key, limit in limits:
        part = min(amount, limit)
        if part > 0:
            parts.append((key, part))
            amount -= part
    return parts
