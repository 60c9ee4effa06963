"""The whole stack for end-to-end tests: real processes, and a fault proxy before the real ERP."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType

from canonical_models.approvals import Occasion
from canonical_models.policy import (
    AccountPolicy,
    ApprovalRule,
    BooksPolicy,
    EntityBooks,
    PartyTaxRules,
    ReconciliationPolicy,
    TenantPolicy,
)
from runtime.settings import ConnectionSettings
from sandbox.demo.systems import Row, System
from sandbox.demo.world import World
from sandbox.embedded.config import StackConfig
from sandbox.embedded.facts import StackFacts
from sandbox.embedded.stack import EmbeddedStack
from sandbox.erp.instance import SETTLEMENT_OPTIONS, ErpInstance
from sandbox.simulators.child import running_child

#: Accounts of customers with an address in Germany are opened by themselves; others are asked for.
POLICY = TenantPolicy(
    accounts=AccountPolicy(create=True, legal_entities={"DE": "LE-DE"}),
    books=BooksPolicy(country="DE", party_tax_rules=PartyTaxRules(domestic="Domestic")),
    invoice_minutes=60,
)
#: Two legal entities that decide otherwise wherever there is something to decide. Accounts are
#: opened in the books of their currency.
BOTH_ENTITIES = TenantPolicy(
    # What was paid past billing is told to it when somebody asks for repair.
    reconciliation=ReconciliationPolicy(paid_elsewhere="ask"),
    accounts=AccountPolicy(
        create=True,
        legal_entities={"EUR": "LE-DE", "JPY": "LE-DE", "KWD": "LE-DE", "USD": "LE-US"},
    ),
    books=BooksPolicy(
        approvals=(
            ApprovalRule(
                on=Occasion.CREDIT,
                above={
                    "EUR": Decimal(5000),
                    **dict.fromkeys(("USD", "JPY", "KWD"), Decimal(10**9)),
                },
            ),
        ),
        entities={
            "LE-DE": EntityBooks(
                country="DE",
                late_number="billing_number",
                party_tax_rules=PartyTaxRules(
                    domestic="Domestic",
                    eu_business="EU reverse charge",
                    eu_consumer={"FR": "Consumers in France", "AT": "Consumers in Austria"},
                    third_country="Outside the EU",
                ),
            ),
            "LE-US": EntityBooks(
                country="US",
                closed_period="first_open_day",
                master_data="update",
                party_tax_rules=PartyTaxRules(domestic="Domestic", third_country="Outside the US"),
            ),
        },
    ),
    invoice_minutes=60,
)


@dataclass(frozen=True)
class Front:
    """A stack that is up. `world` reads each system directly; only Trueup goes by the proxy."""

    world: World
    #: The control interface of the proxy between Trueup and the ERP.
    proxy: System

    @property
    def facts(self) -> StackFacts:
        """As they are now: a service that was started again has another process."""
        return StackFacts.load(self.world.facts.state)

    async def fault(self, **rule: object) -> None:
        """Arm one fault between Trueup and the ERP."""
        await self.proxy.ask("POST", "/_proxy/faults", json=rule)

    async def faults(self) -> list[Row]:
        return list((await self.proxy.ask("GET", "/_proxy/faults"))["faults"])

    async def no_faults(self) -> None:
        await self.proxy.ask("DELETE", "/_proxy/faults")


@asynccontextmanager
async def whole_stack(
    erp: ErpInstance,
    folder: Path,
    policy: TenantPolicy = POLICY,
    services: Collection[str] = ("worker", "api"),
    connected: Mapping[str, str] = MappingProxyType({}),
) -> AsyncIterator[Front]:
    """PostgreSQL, Temporal, simulators and our `services` on `folder`, watched while it is up."""
    async with running_child("sandbox.simulators.faultproxy", "--upstream", erp.url) as proxy:
        stack = EmbeddedStack(
            folder / "state",
            _with_erp(erp, proxy.url, folder, policy).model_copy(
                update={"connected": dict(connected)}
            ),
            services=services,
        )
        async with stack.running() as facts, _supervised(stack):
            seen_directly = facts.tryton.model_copy(update={"url": erp.url})
            world = World.of(facts.model_copy(update={"tryton": seen_directly}))
            front = Front(replace(world, facts=facts), System(proxy.url))
            try:
                yield front
            finally:
                await front.proxy.http.aclose()
                await world.close()


@asynccontextmanager
async def _supervised(stack: EmbeddedStack) -> AsyncIterator[None]:
    stop = asyncio.Event()
    watching = asyncio.create_task(stack.supervise(stop))
    try:
        yield
    finally:
        stop.set()
        await watching


def _with_erp(erp: ErpInstance, url: str, folder: Path, policy: TenantPolicy) -> StackConfig:
    for name, secret in (
        ("erp-api-key", erp.api_key),
        ("erp-password", erp.credentials.api_password),
    ):
        (folder / name).write_text(secret + "\n", encoding="utf-8")
    given = ConnectionSettings(
        vendor="tryton",
        base_url=url,
        secrets={"api_key": "file:erp-api-key", "password": "file:erp-password"},
        options={
            "database": erp.database,
            "login": erp.credentials.api_login,
            **SETTLEMENT_OPTIONS,
        },
    )
    return StackConfig(connections={"tryton": given}, folder=folder, policy=policy)
