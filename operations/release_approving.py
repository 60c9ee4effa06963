"""A yes to a release, or to its undo, as a whole: whose it may be, and whether it is enough. Until
it is, nothing is handed over but the one that is tried alone."""

from collections.abc import Collection, Sequence

from pydantic import Field

from canonical_models.acts import Role
from canonical_models.base import Canonical
from canonical_models.batch import Batch, BatchState
from canonical_models.decisions import DecisionMade, Target
from canonical_models.policy import ReleaseRule
from operations import approving
from operations.approving import ApprovalStands
from operations.context import AppContext
from operations.errors import Conflict, NotFound
from operations.permissions import Principal
from persistence import batches, decisions, release_approvals
from persistence.connection import Connection
from planning.releasing import needs_of

_OPEN = (BatchState.RUNNING, BatchState.PAUSED)
#: Of one cause one release is open at a time.
_MOST = 50


class ReleaseApproval(ApprovalStands):
    """As `ApprovalStands`, of a release or its undo; nothing is needed where `standing` is empty.
    `caused_by` are those who may not say yes: who has begun it, has looked at what is released, or
    has filled it in."""

    caused_by: tuple[str, ...]

    @property
    def missing(self) -> bool:
        """Whether it still waits for somebody."""
        return any(each.missing for each in self.standing)

    def open_to(self, roles: Collection[Role] | None) -> bool:
        """Whether the yes of somebody with these roles counts for what is missing."""
        return any(each.missing and each.need.counts(roles, late=False) for each in self.standing)


class ReleaseYes(Canonical):
    """`digest` is the `content` that was looked at; what it is now must be the same."""

    digest: str = Field(min_length=1, max_length=200)
    note: str = Field(default="", max_length=2000)


class Waiting(Canonical):
    """A release, or the undo of one, that waits for somebody's yes as a whole."""

    batch: Batch
    approval: ReleaseApproval


async def show(context: AppContext, tenant: str, batch_id: str) -> ReleaseApproval:
    """Raises NotFound for what is neither a release nor an undo of one."""
    async with context.database.transaction() as conn:
        return await stands(conn, context, tenant, await _known(conn, tenant, batch_id))


async def asked(context: AppContext, tenant: str, batch: Batch) -> ReleaseApproval | None:
    """Of a release or an undo that is open; None where nobody's yes is needed."""
    if batch.state not in _OPEN or not _rules(context, tenant):
        return None
    async with context.database.transaction() as conn:
        found = await stands(conn, context, tenant, batch)
    return found if found.standing else None


async def waiting(context: AppContext, tenant: str) -> tuple[Waiting, ...]:
    """The newest first, 50 of each kind at most."""
    if not _rules(context, tenant):
        return ()
    found: list[Waiting] = []
    async with context.database.transaction() as conn:
        for kind in release_approvals.KINDS:
            paused = await batches.page(
                conn, tenant, kind=kind, state=BatchState.PAUSED, limit=_MOST
            )
            for batch in paused:
                approval = await stands(conn, context, tenant, batch)
                if approval.missing:
                    found.append(Waiting(batch=batch, approval=approval))
    return tuple(sorted(found, key=lambda each: each.batch.begun_at, reverse=True))


async def approve(
    context: AppContext, tenant: str, batch_id: str, asked: ReleaseYes, *, who: Principal
) -> ReleaseApproval:
    """Somebody's yes to exactly what they have looked at; it goes on once it is resumed. Raises
    NotFound; Conflict where it is at its end, needs no yes, is something else by now, or they have
    said it already; Forbidden where their yes does not count, or they have caused it."""
    async with context.database.transaction() as conn:
        batch = await _known(conn, tenant, batch_id)
        if batch.state not in _OPEN:
            raise Conflict(
                f"{batch.kind.value} {batch_id} is {batch.state.value}",
                remedy="see what was done of it",
                see=("batch", batch_id),
            )
        now = await stands(conn, context, tenant, batch)
        _require_countable(tenant, batch, now, asked, who)
        roles = None if who.roles is None else sorted(who.roles)
        await decisions.record(
            conn,
            tenant,
            context.entrance,
            DecisionMade(
                by=who.name,
                action="approve",
                target_kind=Target.BATCH,
                target_id=batch_id,
                shown_digest=now.content,
                after={"roles": roles},
                reason=asked.note,
            ),
        )
        return await stands(conn, context, tenant, batch)


def _require_countable(
    tenant: str, batch: Batch, now: ReleaseApproval, asked: ReleaseYes, who: Principal
) -> None:
    named = f"{batch.kind.value} {batch.batch_id}"
    see = ("batch", batch.batch_id)
    if not now.standing:
        raise Conflict(f"{named} needs nobody's yes", remedy="resume it", see=see)
    if asked.digest != now.content:
        raise Conflict(
            f"{named} is something else than what was looked at",
            remedy="look at it again, and approve that",
            see=see,
            facts={"digest": now.content},
        )
    needs = [each.need for each in now.standing if each.missing]
    if any(each.by == who.name for each in now.said):
        missing = f"it needs the yes of {approving.others(needs)}" if needs else "resume it"
        raise Conflict(f"{who.name} has approved {named} already", remedy=missing, see=see)
    if who.name in now.caused_by:
        raise approving.forbidden(
            tenant,
            f"{who.name} has caused {named} and may not approve it",
            needs,
            late=False,
            but=who.name,
        )
    if needs and not now.open_to(who.roles):
        raise approving.forbidden(tenant, f"{who.name} may not approve {named}", needs, late=False)


async def require(conn: Connection, context: AppContext, tenant: str, batch: Batch) -> None:
    """Raises Conflict where more than the one that is tried may not be handed over yet."""
    now = await stands(conn, context, tenant, batch)
    if now.missing:
        needs = [each.need for each in now.standing if each.missing]
        why = "; ".join(dict.fromkeys(need.why for need in needs))
        raise Conflict(
            f"{batch.kind.value} {batch.batch_id} {why}: it needs the yes of "
            f"{approving.others(needs)} before it goes on",
            remedy="have it approved by somebody who has not caused it, then resume it",
            see=("batch", batch.batch_id),
        )


async def stands(
    conn: Connection, context: AppContext, tenant: str, batch: Batch
) -> ReleaseApproval:
    """Of a release or an undo, by the policy as it is now."""
    listed = await release_approvals.listed(conn, tenant, batch)
    told = await release_approvals.said(conn, tenant, batch)
    needs = needs_of(_rules(context, tenant), listed)
    said = tuple(each for each in told if each.content == listed.content)
    return ReleaseApproval(
        content=listed.content,
        standing=tuple(approving.standing_of(need, said) for need in needs),
        said=said,
        before=tuple(sorted({each.by for each in told} - {each.by for each in said})),
        caused_by=await release_approvals.caused_by(conn, tenant, batch),
    )


def _rules(context: AppContext, tenant: str) -> Sequence[ReleaseRule]:
    settings = context.tenants.get(tenant)
    return settings.policy.releases.approvals if settings else ()


async def _known(conn: Connection, tenant: str, batch_id: str) -> Batch:
    found = await batches.get(conn, tenant, batch_id)
    if found is None or found.kind not in release_approvals.KINDS:
        raise NotFound(
            f"{batch_id} is no release, and no undo of one",
            remedy="list what is done in bulk",
            see=("batches", ""),
        )
    return found
