"""What operations work on: the database, the workflow engine, each tenant's policy, and how the
webhooks of each connection are understood."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from canonical_models.decisions import Door, Entrance
from connectors import registry
from connectors.ports import ErpPort, WebhookTranslator
from operations.engine import Engine
from persistence.database import Database
from runtime.metrics import observe_vendor
from runtime.settings import Settings, TenantSettings
from runtime.temporal import connect


@dataclass(frozen=True)
class AppContext:
    """`translators` is keyed by (tenant, connection); reads need neither it nor the engine.
    `erp` is a tenant's ERP, None where there is none to ask; whoever asks closes it. `entrance` is
    how who asks came in."""

    database: Database
    engine: Engine
    tenants: Mapping[str, TenantSettings] = field(default_factory=dict)
    translators: Mapping[tuple[str, str], WebhookTranslator] = field(default_factory=dict)
    entrance: Entrance = field(default_factory=Entrance)
    erp: Callable[[str], ErpPort | None] = lambda _tenant: None

    def cutover(self, tenant: str) -> datetime:
        """From when on billing's documents and movements are ours; the beginning of time where the
        tenant is not configured here."""
        settings = self.tenants.get(tenant)
        return settings.cutover if settings else datetime(1970, 1, 1, tzinfo=UTC)


def open_context(
    settings: Settings, *, pool_size: int | None = None, door: Door = Door.TRUEUP
) -> AppContext:
    """Whoever opens them closes `database` at the end."""
    translators: dict[tuple[str, str], WebhookTranslator] = {}
    for tenant, configured in settings.tenants.items():
        for name in configured.connections:
            config = settings.connection(tenant, name)
            if (translator := registry.webhooks(config)) is not None:
                translators[tenant, name] = translator
    database = Database(settings.dsn, pool_size=pool_size or settings.database.pool_size)
    engine = Engine(
        lambda: connect(settings.temporal, folder=settings.folder),
        namespace=settings.temporal.namespace,
        ui=settings.temporal.ui,
        task_queue=settings.temporal.task_queue,
    )

    def erp(tenant: str) -> ErpPort | None:
        try:
            config = settings.connection(tenant, settings.tenants[tenant].erp)
            return registry.erp(config, observe_vendor)
        except (KeyError, registry.UnknownVendor):
            return None

    return AppContext(
        database, engine, settings.tenants, translators, entrance=Entrance(door=door), erp=erp
    )
