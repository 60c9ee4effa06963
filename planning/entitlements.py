"""What a customer may use: the merge of live grants, each with its reason."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from canonical_models.base import isoformat
from canonical_models.entitlement import EntitledFeature, Entitlement, Grant, GrantState


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
    return min((moment for moment in _moments(grants) if moment > at), default=None)


def passed(grants: Iterable[Grant], since: datetime, at: datetime) -> datetime | None:
    """When time alone last changed what they give, after `since` and until `at`; None where it
    did not."""
    held = tuple(grants)
    if told(held, since) == told(held, at):
        return None
    return max((moment for moment in _moments(held) if since < moment <= at), default=None)


def told(grants: Iterable[Grant], at: datetime) -> tuple[EntitledFeature, ...]:
    """What targets are told, by feature."""
    return tuple(
        EntitledFeature(feature=e.feature, quantity=e.quantity, until=e.until)
        for e in entitlements(grants, at)
    )


def target_differences(
    expected: Iterable[EntitledFeature], held: Iterable[EntitledFeature], at: datetime
) -> tuple[str, ...]:
    """Where what a target holds is not what it should, in words. An end that has passed gives
    nothing, and some keep times in whole seconds."""
    wanted = {one.feature: one for one in expected}
    there = {one.feature: one for one in held if one.until is None or one.until > at}
    found = []
    for name in sorted(wanted.keys() | there.keys()):
        ours, theirs = wanted.get(name), there.get(name)
        if ours is None or theirs is None or not _same(ours, theirs):
            found.append(f"{name}: should be {_words(ours)}, is {_words(theirs)}")
    return tuple(found)


def _same(ours: EntitledFeature, theirs: EntitledFeature) -> bool:
    if ours.until is None or theirs.until is None:
        return (ours.quantity, ours.until) == (theirs.quantity, theirs.until)
    apart = abs((ours.until - theirs.until).total_seconds())
    return ours.quantity == theirs.quantity and apart < 1


def _words(feature: EntitledFeature | None) -> str:
    if feature is None:
        return "nothing"
    until = f" until {isoformat(feature.until)}" if feature.until else ""
    return f"{feature.quantity}{until}"


def _moments(grants: Iterable[Grant]) -> Iterable[datetime]:
    return (
        moment
        for grant in grants
        if grant.state is GrantState.ACTIVE
        for moment in (grant.starts_at, grant.ends_at)
        if moment is not None
    )


def _latest(grants: list[Grant]) -> datetime | None:
    ends = [grant.ends_at for grant in grants]
    return None if None in ends else max(end for end in ends if end is not None)
