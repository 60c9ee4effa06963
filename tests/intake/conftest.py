"""The intake behind a real HTTP server, with the vendors' translators and a real database."""

from collections.abc import AsyncIterator

import httpx
import pytest

from connectors.stripe.webhooks import StripeWebhooks
from connectors.zendesk.webhooks import ZendeskWebhooks
from starter_api.app import create_app
from starter_api.intake import IntakeConnection
from tests.harness.serving import serving
from tests.harness.webhooks import CONNECTION, SECRET, TENANT

CONNECTIONS = {
    (TENANT, CONNECTION): IntakeConnection(StripeWebhooks(), ("whsec_rolled", SECRET)),
    (TENANT, "desk"): IntakeConnection(ZendeskWebhooks(), ("rolled", "zendesk secret")),
    ("globex", CONNECTION): IntakeConnection(StripeWebhooks(), ("whsec_globex",)),
}


@pytest.fixture
async def intake(dsn: str) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(dsn=dsn, connections=CONNECTIONS)
    async with serving(app) as url, httpx.AsyncClient(base_url=url, trust_env=False) as client:
        yield client
