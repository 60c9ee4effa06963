"""From the configuration to the systems that operations work on. Connects to nothing yet."""

from connectors import registry
from connectors.ports import WebhookTranslator
from operations.engine import Engine
from operations.systems import Systems
from persistence.database import Database
from runtime.settings import Settings
from runtime.temporal import connect


def opened(settings: Settings, *, pool_size: int | None = None) -> Systems:
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
    return Systems(database, engine, settings.tenants, translators)
