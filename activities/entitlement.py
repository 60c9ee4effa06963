"""What a customer may use, told to one target: as it is now, whatever the target has missed.

A target keeps the highest revision that it was told of a customer, so telling it is repeated freely
and needs no ledger. The revision is the count of news of the process (persistence/processes.py).
"""

from datetime import UTC, datetime

from temporalio import activity

from activities.contracts.entitlement import EntitlementActivities, EntitlementEvaluation
from activities.error_mapping import mapped_failures
from activities.support_target import SupportTarget
from activities.tenants import Tenant, Tenants
from canonical_models.entitlement import CustomerEntitlements, Grant
from canonical_models.events import EntitlementTimed, Event, event
from canonical_models.failures import Failure, Rejection, RejectionCode, TransientFailure
from canonical_models.process import SUPPORT_TARGET, Process
from canonical_models.states import TargetState
from connectors.failpoints import reached
from persistence import grants, outbox, processes, targets
from persistence.connection import Connection
from persistence.database import Database
from persistence.mappings import account_begins
from planning.entitlements import boundary, entitlements, passed, told

#: How often a target may say that it holds something higher than what it is being told.
_HIGHER = 3


class Entitling(EntitlementActivities):
    def __init__(self, database: Database, tenants: Tenants) -> None:
        self._database = database
        self._tenants = tenants
        self._support = SupportTarget(database)

    @activity.defn(name="entitlement.evaluate")
    async def evaluate(self, process: Process) -> EntitlementEvaluation:
        with mapped_failures():
            tenant, now = self._tenants[process.tenant], datetime.now(UTC)
            target = target_of(process)
            if target != SUPPORT_TARGET and target not in tenant.targets:
                return EntitlementEvaluation(
                    words=f"{target} is not configured any more", behind=False
                )
            async with self._database.transaction() as conn:
                held = await grants.of_customer(conn, tenant.name, process.key)
                begins = await _others(conn, tenant, process)
                since = await processes.changed(conn, process.workflow_id)
                await self._news_of_time(conn, process, held, begins, since, now)
                revision = await processes.revision(conn, process.workflow_id)
                view = await targets.get(conn, tenant.name, target, process.key)
                if view is None or view.revision < revision:
                    await targets.put(conn, tenant.name, target, process.key, revision=revision)
                    behind = True
                else:
                    behind = view.state is TargetState.BEHIND
            ahead = min(
                (moment for moment in (boundary(held, now), *begins) if moment and moment > now),
                default=None,
            )
            return EntitlementEvaluation(
                words=_words(target, len(entitlements(held, now)), ahead, behind=behind),
                behind=behind,
                seconds=None if ahead is None else (ahead - now).total_seconds(),
            )

    @activity.defn(name="entitlement.publish")
    async def publish(self, process: Process) -> int:
        with mapped_failures():
            return await self.tell(self._tenants[process.tenant], process)

    async def tell(self, tenant: Tenant, process: Process) -> int:
        """The target holds what holds now; the revision that it has confirmed."""
        try:
            if target_of(process) == SUPPORT_TARGET:
                return await self._support.tell(tenant, process)
            return await self._tell(tenant, process)
        except Failure as failure:
            # Nobody is asked about an outage, so this is where people see it.
            await self._note(process, failure.message)
            raise

    @activity.defn(name="entitlement.refused")
    async def refused(self, process: Process) -> None:
        with mapped_failures():
            await self._note(process, "given up by a person until the next change", given_up=True)

    async def _tell(self, tenant: Tenant, process: Process) -> int:
        name, customer = target_of(process), lambda: process.key
        target = tenant.targets.get(name)
        if target is None:
            raise Rejection(
                RejectionCode.TARGET_REFUSED,
                f"the entitlement target {name} of tenant {tenant.name} is not configured any "
                "more: restore it and retry, or abort to leave it as it is",
                system=name,
                subject=process.key,
            )
        for _ in range(_HIGHER):
            now = datetime.now(UTC)
            async with self._database.statement() as conn:
                revision = await processes.revision(conn, process.workflow_id)
                held = await grants.of_customer(conn, tenant.name, process.key)
            await reached("tell target", "before", customer)
            receipt = await target.publish(
                CustomerEntitlements(
                    customer_id=process.key,
                    revision=revision,
                    as_of=now,
                    features=told(held, now),
                )
            )
            await reached("tell target", "answered", customer)
            async with self._database.transaction() as conn:
                if receipt.revision == revision:
                    await targets.put(
                        conn,
                        tenant.name,
                        name,
                        process.key,
                        revision=revision,
                        confirmed=revision,
                    )
                else:
                    # It has not taken ours: what it holds was told by somebody else, or by us
                    # before our own database was restored. What is told next is above that.
                    await processes.above(conn, process.workflow_id, receipt.revision)
            await reached("tell target", "committed", customer)
            if receipt.revision == revision:
                return revision
        raise TransientFailure(
            f"{name} says each time that it holds a higher revision of {process.key} than it is "
            "told: see whether somebody else tells it too; it is tried again",
            system=name,
        )

    async def _news_of_time(
        self,
        conn: Connection,
        process: Process,
        held: tuple[Grant, ...],
        begins: tuple[datetime, ...],
        since: datetime | None,
        now: datetime,
    ) -> None:
        """Raise the revision where time alone has changed something since there was news last."""
        if since is None or since >= now:
            return
        moment = passed(held, since, now)
        if moment is not None:
            await outbox.publish(conn, process.tenant, [_timed(process, held, moment, now)])
        if moment is not None or any(since < begun <= now for begun in begins):
            await processes.advance(conn, process.workflow_id, at=now)

    async def _note(self, process: Process, error: str, *, given_up: bool = False) -> None:
        async with self._database.transaction() as conn:
            await targets.put(
                conn,
                process.tenant,
                target_of(process),
                process.key,
                revision=await processes.revision(conn, process.workflow_id),
                error=error[:2000],
                given_up=given_up,
            )


def target_of(process: Process) -> str:
    if process.target is None:
        raise AssertionError(f"{process.workflow_id} tells nobody")
    return process.target


async def _others(conn: Connection, tenant: Tenant, process: Process) -> tuple[datetime, ...]:
    """When something else than a grant begins: for support, where the customer is mapped to."""
    if process.target != SUPPORT_TARGET:
        return ()
    return await account_begins(conn, tenant.name, process.key)


def _timed(process: Process, held: tuple[Grant, ...], moment: datetime, now: datetime) -> Event:
    """The same event for every target that notices it."""
    found = entitlements(held, now)
    return event(
        process.tenant,
        "entitlement.timed.v1",
        key=f"{process.key}/{moment.astimezone(UTC):%Y%m%dT%H%M%S%f}",
        subject=process.key,
        data=EntitlementTimed(
            customer_id=process.key, features={e.feature: e.quantity for e in found}
        ),
    )


def _words(target: str, features: int, ahead: datetime | None, *, behind: bool) -> str:
    words = f"{features} features" + (f"; telling {target}" if behind else f" told to {target}")
    return words + (f"; next change by time {ahead:%Y-%m-%d %H:%M} UTC" if ahead else "")
