"""A support platform and an entitlement target in memory, behind the real ports."""

from dataclasses import dataclass, field

from canonical_models.commerce import AccountProfile
from canonical_models.entitlement import (
    CustomerEntitlements,
    MergedOrganization,
    SupportEntitlement,
    SupportOrganization,
    TargetHeld,
    TargetReceipt,
)
from canonical_models.failures import Rejection, RejectionCode
from canonical_models.reconciliation import Facts
from canonical_models.support import SupportCase, SupportDesk
from tests.harness.script import Script


@dataclass
class Support:
    script: Script
    shown: dict[str, SupportEntitlement] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    #: Organisations that are not there until they are made; all others are.
    unknown: set[str] = field(default_factory=set)
    #: By the id of one that is gone, such as `org-cus_1`, where it was put.
    merged: dict[str, MergedOrganization] = field(default_factory=dict)
    #: Open ones, of every organisation.
    cases: tuple[SupportCase, ...] = ()

    async def organization(self, external_id: str) -> SupportOrganization | None:
        async with self.script.call("support.organization"):
            return None if external_id in self.unknown else self._organization(external_id)

    async def desk(self, external_id: str) -> SupportDesk | None:
        async with self.script.call("support.desk"):
            if external_id in self.unknown:
                return None
            return SupportDesk(organization=self._organization(external_id), cases=self.cases)

    async def create_organization(
        self, external_id: str, profile: AccountProfile
    ) -> SupportOrganization:
        del profile
        async with self.script.call("support.create_organization"):
            self.unknown.discard(external_id)
            return self._organization(external_id)

    async def rename_organization(self, external_id: str, profile: AccountProfile) -> None:
        async with self.script.call("support.rename_organization"):
            self.names[external_id] = profile.name

    async def merged_into(self, organization_id: str) -> MergedOrganization | None:
        async with self.script.call("support.merged_into"):
            return self.merged.get(organization_id)

    async def facts(self, *, after: str | None = None) -> Facts:
        del after
        async with self.script.call("support.facts"):
            shown = (each for key, each in self.shown.items() if key not in self.unknown)
            return Facts(organizations=tuple(shown), next=None, more=False)

    async def publish(self, entitlement: SupportEntitlement) -> SupportOrganization:
        async with self.script.call("support.publish"):
            if entitlement.organization in self.unknown:
                raise Rejection(
                    RejectionCode.ORGANIZATION_UNKNOWN,
                    f"support has no organisation {entitlement.organization}",
                    system="support",
                    subject=entitlement.organization,
                )
            self.shown[entitlement.organization] = entitlement
            return self._organization(entitlement.organization)

    async def close(self) -> None:
        return None

    def _organization(self, external_id: str) -> SupportOrganization:
        nothing = SupportEntitlement(organization=external_id, tier=None, contract_end=None)
        return SupportOrganization(
            organization_id=f"org-{external_id}",
            entitlement=self.shown.setdefault(external_id, nothing),
        )


@dataclass
class Target:
    """An entitlement target that keeps the newest revision."""

    script: Script
    name: str
    kept: dict[str, CustomerEntitlements] = field(default_factory=dict)

    async def publish(self, entitled: CustomerEntitlements) -> TargetReceipt:
        async with self.script.call(f"{self.name}.publish"):
            known = self.kept.get(entitled.customer_id)
            if known is None or known.revision < entitled.revision:
                self.kept[entitled.customer_id] = entitled
            return self._receipt(entitled.customer_id)

    async def held(self, customer_id: str) -> TargetHeld:
        async with self.script.call(f"{self.name}.held"):
            known = self.kept.get(customer_id)
            return TargetHeld(
                customer_id=customer_id,
                revision=known.revision if known else 0,
                features=known.features if known else (),
            )

    async def close(self) -> None:
        return None

    def features(self, customer_id: str) -> dict[str, int]:
        known = self.kept.get(customer_id)
        return {} if known is None else {f.feature: f.quantity for f in known.features}

    def _receipt(self, customer_id: str) -> TargetReceipt:
        known = self.kept.get(customer_id)
        return TargetReceipt(customer_id=customer_id, revision=known.revision if known else 0)
