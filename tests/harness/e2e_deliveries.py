"""Billing's events, held back and then delivered as a test likes, to the real flow behind them.

Real: intake over HTTP, PostgreSQL, dispatcher, Temporal, sagas, the billing platform's simulator
and its adapter. In memory, for speed: ERP and support platform.
"""

import asyncio
import contextlib
import json
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import httpx
from pydantic import SecretStr
from temporalio.client import Client, WorkflowExecution

from activities.tenants import Tenant
from canonical_models.amendment import account_subject
from canonical_models.entitlement import Grant
from canonical_models.ledgering import DocumentDraft, ErpDocument
from canonical_models.mapping import AccountMapping, ItemMapping
from canonical_models.policy import TenantPolicy
from canonical_models.views import ChangeView
from connectors.attempts import Attempt
from connectors.config import ConnectionConfig
from connectors.stripe.adapter import StripeBilling
from connectors.stripe.webhooks import StripeWebhooks
from dispatch.dispatcher import Dispatcher
from persistence import changes, grants, mappings
from persistence.database import Database
from runtime.settings import DispatchSettings
from sandbox.simulators.child import running_child
from starter_api.app import create_app
from starter_api.intake import IntakeConnection
from tests.harness.e2e_seller import Shelf, Stripe
from tests.harness.serving import serving
from tests.harness.systems import CUTOVER, Erp, Script, Support, Target
from tests.harness.waiting import until
from tests.harness.webhooks import CONNECTION, PATH, SECRET, TENANT, signed
from worker import SANDBOX, make_worker
from workflows.names import change_workflow_id

Event = dict[str, Any]
KEY = "sk_test_properties"
TIERS = ("standard", "premium")
#: Features a seat, features once, support tier, by product.
GIVES: dict[str, tuple[tuple[str, ...], tuple[str, ...], str | None]] = {
    "starter": (("seats",), (), "standard"),
    "pro": (("seats",), ("sso",), "premium"),
    "ai": ((), ("assistant",), None),
}


@dataclass
class KeepingErp(Erp):
    """Also keeps what it was asked to post, line by line."""

    drafts: list[DocumentDraft] = field(default_factory=list)

    async def post(self, draft: DocumentDraft, *, attempt: Attempt | None = None) -> ErpDocument:
        document = await super().post(draft, attempt=attempt)
        self.drafts.append(draft)
        return document


@dataclass
class Flow:
    """From the intake's address to what every system holds."""

    stripe: Stripe
    shelf: Shelf
    intake: httpx.AsyncClient
    database: Database
    client: Client
    erp: KeepingErp
    support: Support
    #: The newest event that a test has seen.
    _seen: str | None = None

    async def map_account(self, customer: str) -> None:
        account = AccountMapping(
            billing_customer=customer,
            erp_party="C-1",
            support_organization=customer,
            legal_entity="LE-DE",
        )
        async with self.database.transaction() as conn:
            await mappings.put(conn, TENANT, account, by="tester")

    async def new_events(self, customer: str | None = None) -> list[Event]:
        """What billing has to tell since the last look, oldest first; of the customer alone, as
        far as events name one."""
        found = await self.stripe.all("events", until=self._seen)
        if found:
            self._seen = found[0]["id"]
        told = [*reversed(found)]
        if customer is None:
            return told
        return [e for e in told if e["data"]["object"].get("customer") == customer]

    async def deliver(self, event: Event) -> None:
        body = json.dumps(event).encode()
        answer = await self.intake.post(PATH, content=body, headers=signed(body))
        assert answer.status_code in (200, 202), answer.text

    async def settled(self, subscription: str, customer: str) -> list[ChangeView]:
        """The subscription's changes in their order, once nothing of it or its customer's account
        is under way."""
        subjects = (subscription, account_subject(customer))
        found: dict[str, list[ChangeView]] = {}

        async def done() -> bool:
            async with self.database.transaction() as conn:
                query = "select count(*) from inbox where status = 'received'"
                (unread,) = await (await conn.execute(query)).fetchone() or (0,)
                for subject in subjects:
                    page = await changes.page(conn, TENANT, subject=subject, limit=200)
                    found[subject] = [*reversed(page)]
            every = [change for each in found.values() for change in each]
            assert [c.summary for c in every if c.state == "waiting"] == []
            return not unread and all(change.state == "settled" for change in every)

        await until(done, f"all changes of {subscription} are settled", seconds=60)
        return found[subscription]

    async def grants(self, subscription: str) -> tuple[Grant, ...]:
        async with self.database.transaction() as conn:
            return await grants.of_subscription(conn, TENANT, subscription)

    async def runs(self, subscription: str, count: int) -> list[str]:
        """The run ids of the subscription's sagas as the engine has them, in their order."""
        found: list[WorkflowExecution] = []
        query = f'WorkflowId = "{change_workflow_id(TENANT, subscription)}"'

        async def listed() -> bool:
            found[:] = [run async for run in self.client.list_workflows(query)]
            return len(found) == count and all(run.close_time for run in found)

        await until(listed, f"{count} closed sagas of {subscription} are listed")
        return [run.run_id for run in sorted(found, key=lambda run: run.start_time)]


@asynccontextmanager
async def flow(
    dsn: str,
    client: Client,
    folder: Path,
    *,
    policy: TenantPolicy = TenantPolicy(tiers=TIERS),  # noqa: B008 - frozen
    targets: Mapping[str, Target] = MappingProxyType({}),
) -> AsyncIterator[Flow]:
    """`targets` are told what customers may use."""
    queue = f"flow-{secrets.token_hex(4)}"
    connections = {(TENANT, CONNECTION): IntakeConnection(StripeWebhooks(), (SECRET,))}
    async with AsyncExitStack() as stack:
        state = ("--state", str(folder / "stripe.sqlite"))
        child = await stack.enter_async_context(running_child("sandbox.simulators.stripe", *state))
        http = await stack.enter_async_context(
            httpx.AsyncClient(
                base_url=child.url, headers={"Authorization": f"Bearer {KEY}"}, trust_env=False
            )
        )
        config = ConnectionConfig(
            name=CONNECTION,
            vendor="stripe",
            base_url=child.url,
            secrets={"api_key": SecretStr(KEY)},
        )
        billing = await stack.enter_async_context(StripeBilling.connect(config))
        database = Database(dsn)
        stack.push_async_callback(database.close)
        url = await stack.enter_async_context(serving(create_app(dsn=dsn, connections=connections)))
        intake = await stack.enter_async_context(httpx.AsyncClient(base_url=url, trust_env=False))
        erp, support = KeepingErp(Script()), Support(Script())
        tenant = Tenant(
            TENANT, CONNECTION, CUTOVER, billing, erp, support, policy=policy, targets=targets
        )
        stripe = Stripe(http)
        shelf = await stripe.shelf("eur")
        await map_items(database, shelf)
        dispatcher = Dispatcher(
            DispatchSettings(in_flight=8, poll_seconds=1),
            database,
            client,
            {(TENANT, CONNECTION): StripeWebhooks()},
            task_queue=queue,
        )
        await stack.enter_async_context(
            make_worker(client, queue, database, {TENANT: tenant}, runner=SANDBOX)
        )
        await stack.enter_async_context(_running(dispatcher))
        yield Flow(stripe, shelf, intake, database, client, erp, support)


async def map_items(database: Database, shelf: Shelf) -> None:
    async with database.transaction() as conn:
        for name, (per_unit, included, tier) in GIVES.items():
            mapping = ItemMapping(
                item=shelf.products[name],
                erp_item=name.upper(),
                per_unit=per_unit,
                included=included,
                support_tier=tier,
            )
            await mappings.put(conn, TENANT, mapping, by="tester")


@asynccontextmanager
async def _running(dispatcher: Dispatcher) -> AsyncIterator[None]:
    task = asyncio.create_task(dispatcher.run())
    try:
        yield
        assert not task.done(), task.exception()
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
