"""Whose yes a release, or its undo, needs as a whole before more than the one that is tried is
handed over. Pure."""

from collections.abc import Iterator, Sequence

from canonical_models.approvals import Extent, Need, Occasion
from canonical_models.policy import ReleaseRule


def needs_of(rules: Sequence[ReleaseRule], extent: Extent) -> tuple[Need, ...]:
    """One a rule that asks; `why` stands after the name of the release."""
    return tuple(
        Need(occasion=Occasion.RELEASE, why=why, roles=rule.roles, people=rule.people)
        for rule in rules
        if (why := ", and ".join(_why(rule, extent)))
    )


def _why(rule: ReleaseRule, extent: Extent) -> Iterator[str]:
    if rule.cases is None and not rule.above:
        yield f"is of {extent.cases}"
    if rule.cases is not None and extent.cases > rule.cases:
        yield f"is of {extent.cases}, more than {rule.cases}"
    if not rule.above:
        return
    for amount in extent.amounts:
        limit = rule.above.get(amount.currency)
        if limit is None:
            yield f"comes to {amount}, and the policy has no limit in {amount.currency}"
        elif amount.decimal > limit:
            yield f"comes to {amount}, more than {limit:,f} {amount.currency}"
    if extent.unknown:
        yield f"has {extent.unknown} of which nobody knows the amount"
