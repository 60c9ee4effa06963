"""Every system that the suite knows. A new adapter is one entry here and its description."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

from tests.connectors.conformance.billing import BILLING
from tests.connectors.conformance.describing import Port, System
from tests.connectors.conformance.erp import erp
from tests.connectors.conformance.support import SUPPORT
from tests.connectors.conformance.systems.deskling import Deskling
from tests.connectors.conformance.systems.request_tracker import RequestTracker
from tests.connectors.conformance.systems.signed_http import SignedHttp
from tests.connectors.conformance.systems.stripe import Stripe
from tests.connectors.conformance.systems.tryton import Tryton
from tests.connectors.conformance.systems.zendesk import Zendesk, ZendeskByOauth
from tests.connectors.conformance.target import TARGET


@dataclass(frozen=True)
class Entry:
    """`part` is billing, erp, support or target, `port` what that asks of it, and `started` how it
    is started in a folder of its own. With a `mark` it is a real system: its tests have that mark,
    and are `slow`."""

    part: str
    port: Port
    started: Callable[[Path], AbstractAsyncContextManager[System]]
    mark: str | None = None


SYSTEMS = {
    "stripe": Entry("billing", BILLING, Stripe.running),
    "zendesk": Entry("support", SUPPORT, Zendesk.running),
    "zendesk_oauth": Entry("support", SUPPORT, ZendeskByOauth.running),
    "deskling": Entry("support", SUPPORT, Deskling.running),
    "request_tracker": Entry("support", SUPPORT, RequestTracker.running, mark="rt"),
    "signed_http": Entry("target", TARGET, SignedHttp.running),
    "tryton": Entry("erp", erp("LE-DE"), Tryton.running, mark="erp"),
}
