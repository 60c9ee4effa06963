"""The ASGI application."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.routing import Route

from sandbox.simulators.stripe import (
    account,
    balance_routes,
    balance_transactions,
    catalog,
    clock,
    control,
    control_money,
    control_payouts,
    coupons,
    credit_grants,
    credit_notes,
    customer_deletion,
    customers,
    discount_routes,
    disputes,
    events,
    invoice_items,
    invoice_line_routes,
    invoice_routes,
    meters,
    payment_routes,
    payouts,
    refund_outcomes,
    refunds,
    schedules,
    search,
    subscription_items,
    subscriptions,
    tax_ids,
    thin_events,
    trials,
)
from sandbox.simulators.stripe.context import Context
from sandbox.simulators.stripe.deliveries import Backoff, Deliverer
from sandbox.simulators.stripe.faults import Faults
from sandbox.simulators.stripe.idempotency import Keys
from sandbox.simulators.stripe.pipeline import Simulator, broken, endpoint, unknown_url
from sandbox.simulators.stripe.store import Store

ROUTES = [
    # Before those of one object, whose id anything may be.
    *search.ROUTES,
    *account.ROUTES,
    *customers.ROUTES,
    *customer_deletion.ROUTES,
    *tax_ids.ROUTES,
    *balance_routes.ROUTES,
    *catalog.ROUTES,
    *coupons.ROUTES,
    *discount_routes.ROUTES,
    *subscriptions.ROUTES,
    *trials.ROUTES,
    *subscription_items.ROUTES,
    *invoice_items.ROUTES,
    *invoice_routes.ROUTES,
    *invoice_line_routes.ROUTES,
    *credit_notes.ROUTES,
    *payment_routes.ROUTES,
    *refunds.ROUTES,
    *refund_outcomes.ROUTES,
    *disputes.ROUTES,
    *balance_transactions.ROUTES,
    *payouts.ROUTES,
    *meters.ROUTES,
    *credit_grants.ROUTES,
    *schedules.ROUTES,
    *events.ROUTES,
    *thin_events.ROUTES,
    *clock.ROUTES,
]
_TICK_SECONDS = 20.0
_ALL_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def create_app(state_path: Path, backoff: Backoff | None = None) -> Starlette:
    """The simulator on a state file, which is made when missing.

    `app.state.simulator` is the `Simulator`; whoever serves the app may set its `cut`.
    """
    store = Store(state_path)
    faults = Faults()

    def simulator(store: Store) -> Simulator:
        return Simulator(store, Keys(store), faults, Deliverer(store, backoff or Backoff()))

    sim, tasks = simulator(store), list[asyncio.Task[None]]()

    def begin(of: Simulator) -> None:
        tasks.append(asyncio.create_task(of.deliverer.run()))
        tasks.append(asyncio.create_task(_look_after(of)))

    def connecting(account: str) -> Simulator:
        made = simulator(Store(_state_of(state_path, account), account, store))
        begin(made)
        return made

    sim.connecting = connecting

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        begin(sim)
        for path in state_path.parent.glob(_state_of(state_path, "acct_*").name):
            sim.connect(path.name.split(".")[-2])
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for each in (*sim.connected.values(), sim):
                each.store.close()

    routes = [
        Route(path, endpoint(sim, handler), methods=[method]) for method, path, handler in ROUTES
    ]
    app = Starlette(
        routes=[
            *routes,
            *control.routes(sim),
            *control_money.routes(sim),
            *control_payouts.routes(sim),
            Route("/{rest:path}", unknown_url, methods=_ALL_METHODS),
        ],
        lifespan=lifespan,
        exception_handlers={500: broken},
    )
    app.state.simulator = sim
    return app


def _state_of(path: Path, account: str) -> Path:
    return path.with_name(f"{path.stem}.{account}{path.suffix or '.sqlite'}")


async def _look_after(sim: Simulator) -> None:
    """Renew what has fallen due in wall time, and forget old keys."""
    while True:
        with sim.store.transaction():
            clock.tick(Context(sim.store))
        sim.keys.sweep()
        sim.deliverer.wake()
        await asyncio.sleep(_TICK_SECONDS)
