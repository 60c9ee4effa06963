"""The whole stack for end-to-end tests: real processes, and a fault proxy before the real ERP."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from canonical_models.policy import AccountPolicy, TenantPolicy
from demo.systems import Row, System
from demo.world import World
from runtime.embedded.config import StackConfig
from runtime.embedded.facts import StackFacts
from runtime.embedded.stack import EmbeddedStack
from runtime.erp.instance import ErpInstance
from runtime.settings import ConnectionSettings
from simulators.child import running_child

#: Accounts of customers with an address in Germany are opened by themselves; others are asked for.
POLICY = TenantPolicy(
    accounts=AccountPolicy(create=True, legal_entities={"DE": "LE-DE"}), invoice_minutes=60
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
async def whole_stack(erp: ErpInstance, folder: Path) -> AsyncIterator[Front]:
    """PostgreSQL, Temporal, simulators, worker and API on `folder`, watched while it is up."""
    async with running_child("simulators.faultproxy", "--upstream", erp.url) as proxy:
        stack = EmbeddedStack(folder / "state", _with_erp(erp, proxy.url, folder))
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


def _with_erp(erp: ErpInstance, url: str, folder: Path) -> StackConfig:
    for name, secret in (
        ("erp-api-key", erp.api_key),
        ("erp-password", erp.credentials.admin_password),
    ):
        (folder / name).write_text(secret + "\n", encoding="utf-8")
    given = ConnectionSettings(
        vendor="tryton",
        base_url=url,
        secrets={"api_key": "file:erp-api-key", "password": "file:erp-password"},
        options={"database": erp.database, "login": erp.credentials.admin_login},
    )
    return StackConfig(connections={"tryton": given}, folder=folder, policy=POLICY)
