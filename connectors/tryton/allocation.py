"""How much of a movement a document takes. Pure.

All amounts are in minor units of one currency. What a document is over, and what of it is open, is
signed as the customer owes it: an invoice is positive, a credit note negative. A movement and the
share that a document takes of it are positive where they reduce what the customer owes.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Claim:
    """What a document asks for: `open` of its `total`."""

    total: int
    open: int


@dataclass(frozen=True)
class Allocation:
    """`share` is for the document and `rest` stays on the account: together the movement.

    `opens` says that the share goes against the document's own sign, such as money that goes back
    on an invoice: what was settled of it is open again by that much.
    """

    share: int
    rest: int
    opens: bool = False


def allocate(amount: int, claim: Claim | None) -> Allocation:
    """As much of `amount` as the document can take: what is open of it, or what was settled."""
    if claim is None or claim.total == 0:
        return Allocation(share=0, rest=amount)
    opens = amount * claim.total < 0
    left = max(0, claim.open if claim.total > 0 else -claim.open)
    limit = max(0, abs(claim.total) - left) if opens else left
    share = min(abs(amount), limit) * (1 if amount > 0 else -1)
    return Allocation(share=share, rest=amount - share, opens=opens and share != 0)
