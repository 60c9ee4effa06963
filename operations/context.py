"""What operations work on: the database, the workflow engine, each tenant's policy, and how the
webhooks of each connection are understood."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

from canonical_models.decisions import Entrance
from connectors import registry
from connectors.config import ConnectionConfig
from connectors.ports import BillingPort, ErpPort, TicketingPort, WebhookTranslator
from operations.engine import Engine
from persistence.database import Database
from runtime.metrics import observe_vendor
from runtime.pushing import Pusher
from runtime.settings import Settings, TenantSettings
from runtime.temporal import connect as connect_engine

Port = TypeVar("Port")
Observer = Callable[[str, str, str, float], None]


@dataclass(frozen=True)
class AppContext:
    """`translators` is keyed by (tenant, connection); reads need neither it nor the engine.
    `billing`, `erp` and `support` are a tenant's systems, None where there is none to ask; whoever
    asks closes them. `entrance` is how who asks came in, and `pusher` sends events to receivers."""

    database: Database
    engine: Engine
    tenants: Mapping[str, TenantSettings] = field(default_factory=dict)
    translators: Mapping[tuple[str, str], WebhookTranslator] = field(default_factory=dict)
    entrance: Entrance = field(default_factory=Entrance)
    billing: Callable[[str], BillingPort | None] = lambda _tenant: None
    erp: Callable[[str], ErpPort | None] = lambda _tenant: None
    support: Callable[[str], TicketingPort | None] = lambda _tenant: None
    pusher: Pusher | None = None

    def cutover(self, tenant: str) -> datetime:
        """From when on billing's documents and movements are ours; the beginning of time where the
        tenant is not configured here."""
        settings = self.tenants.get(tenant)
        return settings.cutover if settings else datetime(1970, 1, 1, tzinfo=UTC)


def open_context(settings: Settings, *, pool_size: int | None = None) -> AppContext:
    """Whoever opens them closes `database` at the end."""
    translators: dict[tuple[str, str], WebhookTranslator] = {}
    for tenant, configured in settings.tenants.items():
        for name in configured.connections:
            config = settings.connection(tenant, name)
            if (translator := registry.webhooks(config)) is not None:
                translators[tenant, name] = translator
    database = Database(settings.dsn, pool_size=pool_size or settings.database.pool_size)
    engine = Engine(
        lambda: connect_engine(settings.temporal, folder=settings.folder),
        namespace=settings.temporal.namespace,
        ui=settings.temporal.ui,
        task_queue=settings.temporal.task_queue,
    )

    return AppContext(
        database,
        engine,
        settings.tenants,
        translators,
        billing=_asking(settings, "billing", registry.billing),
        erp=_asking(settings, "erp", registry.erp),
        support=_asking(settings, "support", registry.support),
        pusher=Pusher(settings),
    )


def _asking(
    settings: Settings, part: str, make: Callable[[ConnectionConfig, Observer], Port]
) -> Callable[[str], Port | None]:
    """A tenant's system of that part, for who asks it now; None where there is none."""

    def connect(tenant: str) -> Port | None:
        try:
            config = settings.connection(tenant, settings.tenants[tenant].parts[part])
            return make(config, observe_vendor)
        except (KeyError, registry.UnknownVendor):
            return None

    return connect
