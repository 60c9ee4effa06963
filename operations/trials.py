"""Another policy or mapping, planned beside what holds: over what has happened, and what comes."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from typing import Any

from pydantic import Field, ValidationError

from canonical_models.base import Canonical, Identifier
from canonical_models.batch import Batch, BatchKind, ItemOutcome
from canonical_models.mapping import AccountMapping, ItemMapping
from canonical_models.policy import TenantPolicy
from canonical_models.preview import Overlay
from canonical_models.shadow import ShadowDifference
from operations import batches
from operations.batches import Begun
from operations.context import AppContext
from operations.errors import Invalid, NotFound
from operations.paging import Page, cursor, cut, number
from persistence import trials


class TrialAsked(Canonical):
    """`policy` is what the tenant's policy would say otherwise, as in its settings; `accounts` and
    `items` are mappings that would hold. Everything that billing has issued from `since` on counts
    as not posted yet. With `keep_on` changes to come are planned as well, until it is stopped."""

    policy: dict[str, Any] = Field(default_factory=dict)
    accounts: tuple[AccountMapping, ...] = ()
    items: tuple[ItemMapping, ...] = ()
    since: date
    keep_on: bool = False


class TrialDifference(Canonical):
    """A change whose two plans do not say the same; `planned` is what holds, `found` what is
    tried."""

    change_id: Identifier
    subject: Identifier
    differences: tuple[ShadowDifference, ...]


class Trial(Canonical):
    """`alike`, `differ` and `untold` count the changes that were planned twice; `untold` are those
    of which a system did not say what it needs."""

    batch: Batch
    alike: int
    differ: int
    untold: int
    differing: Page[TrialDifference]


async def begin(context: AppContext, tenant: str, asked: TrialAsked, *, by: str) -> Trial:
    """It goes on by itself, and is seen with `show`. Raises Invalid where nothing is tried, or the
    policy is none."""
    if not (asked.policy or asked.accounts or asked.items):
        raise Invalid("nothing is to be tried", remedy="give a policy or mappings that differ")
    settings = context.tenants.get(tenant)
    held = (settings.policy if settings else TenantPolicy()).model_dump(mode="json")
    try:
        policy = TenantPolicy.model_validate(_over(held, asked.policy))
    except ValidationError as fault:
        first = fault.errors(include_url=False, include_input=False)[0]
        raise Invalid(
            f"policy.{'.'.join(map(str, first['loc']))}: {first['msg']}",
            remedy="write it as in the tenant's settings",
        ) from None
    overlay = Overlay(accounts=asked.accounts, items=asked.items)
    given = {
        "policy": policy.model_dump(mode="json") if asked.policy else None,
        "overlay": overlay.model_dump(mode="json"),
        "since": datetime.combine(asked.since, time(), tzinfo=UTC).isoformat(),
        "keep_on": asked.keep_on,
    }
    async with context.database.transaction() as conn:
        begun = Begun(kind=BatchKind.TRIAL, given=given, by=by, listed=False)
        made = await batches.begin(conn, tenant, begun)
    return await show(context, tenant, made)


async def show(
    context: AppContext, tenant: str, batch_id: str, *, after: str | None = None, limit: int = 50
) -> Trial:
    """Raises NotFound."""
    batch = await batches.show(context, tenant, batch_id)
    if batch.kind is not BatchKind.TRIAL:
        raise NotFound(f"{batch_id} is no trial", remedy="list them", see=("batches", ""))
    async with context.database.statement() as conn:
        differ = await trials.count(conn, tenant, batch_id)
        rows = await trials.differing(
            conn, tenant, batch_id, after=number(after) or 0, limit=limit + 1
        )
    page, more = cut(rows, limit)
    return Trial(
        batch=batch,
        alike=batch.count(ItemOutcome.DONE) - differ,
        differ=differ,
        untold=batch.count(ItemOutcome.FAILED),
        differing=Page[TrialDifference](
            items=tuple(
                TrialDifference.model_validate(
                    {"change_id": key, "subject": subject, "differences": differences},
                    strict=False,
                )
                for _, key, subject, differences in page
            ),
            next=cursor(page[-1][0]) if more else None,
        ),
    )


def _over(held: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    """Tables are laid over each other, all else is replaced."""
    merged = dict(held)
    for name, value in said.items():
        below = merged.get(name)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            merged[name] = _over(below, value)
        else:
            merged[name] = value
    return merged
