"""One webhook is one trace, down to the row of the ledger and the request to the vendor."""

import asyncio
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, format_span_id, format_trace_id
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from canonical_models.entitlement import SupportEntitlement, SupportOrganization
from connectors import spans
from connectors.http import VendorHttp
from connectors.stripe.webhooks import StripeWebhooks
from dispatch.dispatcher import Dispatcher
from persistence.change_queue import change_id
from persistence.database import Database
from runtime.settings import DispatchSettings
from runtime.tracing import SAID, interceptors, recorded
from starter_api.app import create_app
from starter_api.intake import IntakeConnection
from tests.harness.flow import states
from tests.harness.sagas import sagas_at_work
from tests.harness.scripted_support import Support
from tests.harness.serving import serving
from tests.harness.subscriptions import invoice, item, line, snapshot, subscription
from tests.harness.systems import Systems
from tests.harness.waiting import until
from tests.harness.webhooks import SECRET, signed, subscription_event

CONNECTION = "stripe"


@dataclass
class Recorded:
    exporter: InMemorySpanExporter
    provider: TracerProvider

    def spans(self) -> dict[str, ReadableSpan]:
        """By name; the first of each."""
        self.provider.force_flush()
        found: dict[str, ReadableSpan] = {}
        for span in self.exporter.get_finished_spans():
            found.setdefault(span.name, span)
        return found


@pytest.fixture
def recording() -> Iterator[Recorded]:
    exporter = InMemorySpanExporter()
    with recorded("test", exporter) as provider:
        yield Recorded(exporter, provider)


@dataclass
class OverHttp(Support):
    """Is asked over the product's own HTTP; what it was sent is kept."""

    sent: list[httpx.Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        def answer(request: httpx.Request) -> httpx.Response:
            self.sent.append(request)
            return httpx.Response(200)

        self.http = VendorHttp(
            "zendesk", "https://support.example", transport=httpx.MockTransport(answer)
        )

    async def publish(self, entitlement: SupportEntitlement) -> SupportOrganization:
        await self.http.send(
            "PUT", "/search?query=jane@doe.example", writes=True, headers={"x-ours": "1"}
        )
        return await super().publish(entitlement)


@dataclass
class Walked:
    change: str
    systems: Systems
    support: OverHttp


async def walk(temporal: WorkflowEnvironment, database: Database) -> Walked:
    """A webhook, delivered twice, by the intake's own HTTP, until its saga has settled."""
    of = f"sub_{secrets.token_hex(4)}"
    event = f"evt_{secrets.token_hex(4)}"
    systems = Systems(lands_within=30)
    support = OverHttp(systems.script)
    object.__setattr__(systems.tenant, "support", support)
    systems.billing.snapshots[of] = snapshot(
        subscription(item("pro", 5), subscription_id=of), invoice(line("il_1", 5000, of=of))
    )
    config = temporal.client.config()
    config["interceptors"] = interceptors()
    client = Client(**config)
    app = create_app(
        dsn=database.dsn,
        connections={("acme", CONNECTION): IntakeConnection(StripeWebhooks(), (SECRET,))},
    )
    async with sagas_at_work(client, database, systems) as sagas:
        dispatcher = Dispatcher(
            DispatchSettings(),
            database,
            client,
            {("acme", CONNECTION): StripeWebhooks()},
            task_queue=sagas.task_queue,
        )
        async with serving(app) as url, httpx.AsyncClient(base_url=url, trust_env=False) as vendor:
            body = subscription_event(event, of)
            for _ in range(2):
                answer = await vendor.post(
                    f"/webhooks/acme/{CONNECTION}", content=body, headers=signed(body)
                )
                assert answer.is_success

            running = asyncio.create_task(dispatcher.run())

            async def settled() -> bool:
                return (await states(database)).get(event) == "completed"

            try:
                await until(settled, "the change is completed")
            finally:
                running.cancel()
                await asyncio.wait([running])
    return Walked(change_id("acme", CONNECTION, event), systems, support)


async def test_from_the_webhook_to_the_line_of_the_ledger(
    recording: Recorded, temporal: WorkflowEnvironment, database: Database
) -> None:
    walked = await walk(temporal, database)
    change = walked.change
    found = recording.spans()
    trace, first = spans.ids_of(change) or (0, 0)
    webhook = found["webhook"]
    assert webhook.context is not None
    assert (webhook.context.trace_id, webhook.context.span_id) == (trace, first)
    assert webhook.parent is None
    assert format_trace_id(trace).endswith(change.removeprefix("chg_"))

    ours = [
        span
        for span in recording.exporter.get_finished_spans()
        if span.context is not None and span.context.trace_id == trace
    ]
    by_id = {span.context.span_id: span for span in ours if span.context is not None}
    assert len(by_id) == len(ours)
    # Every one hangs on another of the trace; the webhook alone, once, is the first.
    assert [span.name for span in ours if span.parent is None] == ["webhook"]
    assert [span.name for span in ours if span.parent and span.parent.span_id not in by_id] == []

    def way(span: ReadableSpan) -> list[str]:
        names = [span.name]
        while span.parent is not None:
            span = by_id[span.parent.span_id]
            names.append(span.name)
        return names[::-1]

    posted = way(found["post invoice"])
    assert posted == [
        "webhook",
        "start saga",
        "StartWorkflow:amendment",
        "StartActivity:books.post_document",
        "RunActivity:books.post_document",
        "post invoice",
    ]
    assert found["post invoice"].attributes == {
        "trueup.tenant": "acme",
        "trueup.change_id": change,
        "trueup.effect": "document:acme/in_1",
        "trueup.system": "erp",
        "trueup.operation": "post invoice",
        "trueup.reference": walked.systems.erp.documents[0].number,
    }
    # And on to the vendor, who is told in which span.
    call = found["PUT zendesk"]
    assert call.kind is SpanKind.CLIENT
    assert way(call)[-2] == "publish entitlement"
    assert call.context is not None
    header = f"00-{format_trace_id(trace)}-{format_span_id(call.context.span_id)}-01"
    assert walked.support.sent[0].headers["traceparent"] == header
    assert walked.support.sent[0].headers["x-ours"] == "1"
    told = "".join(span.to_json() for span in recording.exporter.get_finished_spans())
    assert "jane" not in told
    assert "support.example" not in told


async def test_errors_are_told_by_their_kind_and_by_nothing_else(recording: Recorded) -> None:
    def fail() -> None:
        with spans.span("x", tenant="acme") as span:
            span.set_attribute("customer.email", "jane@doe.example")
            span.add_event("said", {"text": "jane@doe.example"})
            raise ValueError("jane@doe.example is unknown")

    with pytest.raises(ValueError, match="jane"):
        fail()
    (failed,) = recording.spans().values()
    assert failed.status.description == "ValueError"
    assert set(failed.attributes or {}) == {"trueup.tenant"} <= SAID
    assert failed.events == ()


async def test_nobody_is_asked_for_anything_where_nothing_is_recorded() -> None:
    assert interceptors() == []
    given = {"a": "b"}
    assert spans.carried(given) is given
    with spans.span("x", tenant="acme") as span:
        assert not span.is_recording()
