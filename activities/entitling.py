"""What a customer may use, told to every target: as it is now, whatever a target has missed."""

import hashlib
from datetime import UTC, datetime

from temporalio import activity

from activities.contracts.life import (
    EntitlementActivities,
    EntitlementLook,
    EntitlementSeen,
    PublishInput,
)
from activities.effects import publish_share
from activities.failing import failures_told
from activities.ledger import Effect, EffectLedger, effect_key, written_again
from activities.tenants import Tenant, Tenants
from canonical_models.entitlement import (
    CustomerEntitlements,
    EntitledFeature,
    Entitlement,
    Grant,
    SubscriptionSupport,
    SupportOrganization,
    TargetReceipt,
)
from canonical_models.events import EntitlementTimed, Event, event
from canonical_models.failures import Rejection, RejectionCode
from canonical_models.process import Process
from persistence import briefing, grants, outbox, processes, targets
from persistence.database import Database
from planning.entitlements import boundary, entitlements

#: The support platform as a target, for what people grant beside subscriptions.
SUPPORT = "support"


class Entitling(EntitlementActivities):
    def __init__(self, database: Database, tenants: Tenants) -> None:
        self._database = database
        self._tenants = tenants
        self._ledger = EffectLedger(database)

    @activity.defn(name="entitlement.look")
    async def look(self, given: EntitlementSeen) -> EntitlementLook:
        with failures_told():
            process = given.process
            tenant, now = self._tenants[process.tenant], datetime.now(UTC)
            async with self._database.work() as raw:
                held = await grants.of_customer(raw, process.tenant, process.key)
                found = entitlements(held, now)
                digest = _digest(found)
                since = await processes.changed(raw, process.workflow_id)
                if given.digest != digest and _by_time(held, since, now):
                    await processes.advance(raw, process.workflow_id, at=now)
                    await outbox.publish(raw, process.tenant, [_timed(process, found, now)])
                revision = await processes.revision(raw, process.workflow_id)
                wanted = set(tenant.targets) | ({SUPPORT} if _given(held) else set())
                known = await targets.of_customer(raw, process.tenant, process.key)
                for name in wanted - {view.target for view in known}:
                    await targets.put(raw, process.tenant, name, process.key, wanted=revision)
            current = {view.target for view in known if view.confirmed >= revision}
            # A support share that nobody's grant stands behind any more is taken back, too.
            behind = (wanted | {v.target for v in known if v.target == SUPPORT}) - current
            ahead = boundary(held, now)
            return EntitlementLook(
                words=_words(found, behind, ahead),
                revision=revision,
                digest=digest,
                behind=tuple(sorted(behind)),
                seconds=None if ahead is None else max((ahead - now).total_seconds(), 0.0),
            )

    @activity.defn(name="entitlement.publish")
    async def publish(self, given: PublishInput) -> int:
        with failures_told():
            process = given.process
            tenant, now = self._tenants[process.tenant], datetime.now(UTC)
            async with self._database.statement() as raw:
                revision = await processes.revision(raw, process.workflow_id)
                held = await grants.of_customer(raw, process.tenant, process.key)
            if given.target == SUPPORT:
                return await self._tell_support(tenant, process, revision, held)
            entitled = CustomerEntitlements(
                customer_id=process.key,
                revision=revision,
                as_of=now,
                features=tuple(
                    EntitledFeature(feature=e.feature, quantity=e.quantity, until=e.until)
                    for e in entitlements(held, now)
                ),
            )
            receipt = await self._ledger.perform(
                self._target_effect(tenant, process, given.target, entitled)
            )
            return receipt.revision

    @activity.defn(name="entitlement.refused")
    async def refused(self, given: PublishInput) -> None:
        with failures_told():
            process = given.process
            async with self._database.work() as raw:
                revision = await processes.revision(raw, process.workflow_id)
                await targets.put(
                    raw,
                    process.tenant,
                    given.target,
                    process.key,
                    wanted=revision,
                    error="given up by a person until the next change",
                )

    def _target_effect(
        self, tenant: Tenant, process: Process, name: str, entitled: CustomerEntitlements
    ) -> Effect[TargetReceipt]:
        target = tenant.targets.get(name)
        if target is None:
            raise Rejection(
                RejectionCode.TARGET_REFUSED,
                f"the entitlement target {name} of tenant {tenant.name} is not configured any "
                "more: restore it and retry, or abort to leave it as it is",
                system=name,
                subject=name,
            )

        async def holds() -> TargetReceipt | None:
            receipt = await target.held(process.key)
            return receipt if receipt.revision >= entitled.revision else None

        step = f"target.{name}/{entitled.revision}"
        return Effect(
            key=effect_key(process.workflow_id, step),
            tenant=tenant.name,
            change_id=process.workflow_id,
            step=step,
            system=name,
            operation="publish entitlements",
            request=entitled,
            result=TargetReceipt,
            probe=holds,
            write=lambda: target.publish(entitled),
            named=lambda receipt: (f"revision {receipt.revision}", None),
            confirmed=lambda raw, receipt: targets.put(
                raw,
                tenant.name,
                name,
                process.key,
                wanted=entitled.revision,
                confirmed=receipt.revision,
            ),
        )

    async def _tell_support(
        self, tenant: Tenant, process: Process, revision: int, held: tuple[Grant, ...]
    ) -> int:
        """The features that people granted, as a share beside those of the subscriptions."""
        async with self._database.statement() as raw:
            found = await briefing.master_data(
                raw, tenant.name, customer_id=process.key, keys=(), subscription_id=None
            )
        if found.account is None:
            raise Rejection(
                RejectionCode.ACCOUNT_UNMAPPED,
                f"billing customer {process.key} has no support organisation: map it with "
                f"`trueup mappings set account {process.key}`, then retry",
                system="trueup",
                subject=process.key,
            )
        organization = found.account.support_organization
        live = entitlements(_given(held), datetime.now(UTC))
        share = SubscriptionSupport(
            tier=None, contract_end=None, features=tuple(sorted(e.feature for e in live))
        )

        step = f"target.{SUPPORT}/{revision}"
        await self._ledger.perform(
            Effect(
                key=effect_key(process.workflow_id, step),
                tenant=tenant.name,
                change_id=process.workflow_id,
                step=step,
                system=SUPPORT,
                operation="publish entitlement",
                request=share,
                result=SupportOrganization,
                probe=written_again,
                write=lambda: publish_share(
                    tenant, self._database, f"given:{process.key}", organization, share
                ),
                named=lambda shown: (shown.organization_id, shown.url),
                confirmed=lambda raw, _: targets.put(
                    raw,
                    tenant.name,
                    SUPPORT,
                    process.key,
                    wanted=revision,
                    confirmed=revision,
                ),
            )
        )
        return revision


def _given(held: tuple[Grant, ...]) -> tuple[Grant, ...]:
    """Grants that no subscription stands behind."""
    return tuple(grant for grant in held if grant.subscription_id is None)


def _by_time(held: tuple[Grant, ...], since: datetime | None, now: datetime) -> bool:
    """Whether the same grants give something else now than when there was news last."""
    if since is None or since >= now:
        return False
    return _digest(entitlements(held, since)) != _digest(entitlements(held, now))


def _digest(found: tuple[Entitlement, ...]) -> str:
    told = "\n".join(f"{e.feature} {e.quantity} {e.until}" for e in found)
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def _timed(process: Process, found: tuple[Entitlement, ...], now: datetime) -> Event:
    return event(
        process.tenant,
        "entitlement.timed.v1",
        key=f"{process.key}/{now:%Y%m%dT%H%M%S%f}",
        subject=process.key,
        data=EntitlementTimed(
            customer_id=process.key, features={e.feature: e.quantity for e in found}
        ),
    )


def _words(found: tuple[Entitlement, ...], behind: set[str], ahead: datetime | None) -> str:
    words = f"{len(found)} features"
    if behind:
        words += f"; telling {', '.join(sorted(behind))}"
    return words + (f"; next change by time {ahead:%Y-%m-%d %H:%M} UTC" if ahead else "")
