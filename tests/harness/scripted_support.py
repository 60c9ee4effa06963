"""A support platform and an entitlement target in memory, behind the real ports."""

from dataclasses import dataclass, field

from canonical_models.commerce import AccountProfile
from canonical_models.entitlement import (
    CustomerEntitlements,
    SupportEntitlement,
    SupportOrganization,
    TargetHeld,
    TargetReceipt,
)
from tests.harness.script import Script


@dataclass
class Support:
    script: Script
    shown: dict[str, SupportEntitlement] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    #: Organisations that are not there until they are made; all others are.
    unknown: set[str] = field(default_factory=set)

    async def organization(self, external_id: str) -> SupportOrganization | None:
        async with self.script.call("support.organization"):
            return None if external_id in self.unknown else self._organization(external_id)

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

    async def publish(self, entitlement: SupportEntitlement) -> SupportOrganization:
        async with self.script.call("support.publish"):
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
