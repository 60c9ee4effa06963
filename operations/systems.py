"""What operations work on: the database, the workflow engine, each tenant's policy, and how the
webhooks of each connection are understood."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from connectors.ports import WebhookTranslator
from operations.engine import Engine
from persistence.database import Database
from runtime.settings import TenantSettings


@dataclass(frozen=True)
class Systems:
    """`translators` is keyed by (tenant, connection); reads need neither it nor the engine."""

    database: Database
    engine: Engine
    tenants: Mapping[str, TenantSettings] = field(default_factory=dict)
    translators: Mapping[tuple[str, str], WebhookTranslator] = field(default_factory=dict)

    def cutover(self, tenant: str) -> datetime:
        """From when on billing's documents and movements are ours; the beginning of time where the
        tenant is not configured here."""
        settings = self.tenants.get(tenant)
        return settings.cutover if settings else datetime(1970, 1, 1, tzinfo=UTC)
