"""What a customer may use: the merge of live grants, each with its reason."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from canonical_models.entitlement import Entitlement, Grant, GrantState


def entitlements(grants: Iterable[Grant], at: datetime) -> tuple[Entitlement, ...]:
    """One entitlement a feature, ordered by feature: quantities add up, the latest end counts."""
    live: defaultdict[tuple[str, str], list[Grant]] = defaultdict(list)
    for grant in grants:
        if grant.live(at):
            live[grant.customer_id, grant.feature].append(grant)
    return tuple(
        Entitlement(
            customer_id=customer,
            feature=feature,
            quantity=sum(grant.quantity for grant in held),
            until=_latest(held),
            because=tuple(held),
        )
        for (customer, feature), held in sorted(live.items())
    )


def boundary(grants: Iterable[Grant], at: datetime) -> datetime | None:
    """When the next grant begins or ends by time alone; None when none does."""
    moments = (
        moment
        for grant in grants
        if grant.state is GrantState.ACTIVE
        for moment in (grant.starts_at, grant.ends_at)
        if moment is not None and moment > at
    )
    return min(moments, default=None)


def _latest(grants: list[Grant]) -> datetime | None:
    ends = [grant.ends_at for grant in grants]
    return None if None in ends else max(end for end in ends if end is not None)
