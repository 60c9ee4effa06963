"""Where spans go: to the OTLP endpoint of the settings, in the background, and nowhere without one.

What a span may say is a closed list, so that nothing which belongs to a person leaves the process
this way: other attributes, events, and the text of errors are left out, whoever has put them in.
"""

import importlib.metadata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased
from opentelemetry.trace import Link, Status
from temporalio.contrib.opentelemetry import TracingInterceptor

from connectors import spans
from runtime.settings import TracingSettings, resolve

SAID = frozenset(
    {
        *("trueup.tenant", "trueup.connection", "trueup.change_id", "trueup.receipt"),
        *("trueup.effect", "trueup.system", "trueup.operation", "trueup.reference"),
        *("trueup.method", "trueup.outcome", "trueup.status", "trueup.undo"),
        *("temporalWorkflowID", "temporalRunID", "temporalActivityID", "temporalUpdateID"),
    }
)
#: A collector that is away holds nothing up.
_TIMEOUT_S = 3


@contextmanager
def traced(service: str, settings: TracingSettings, folder: Path) -> Iterator[None]:
    """As long as the block lasts spans of this process are exported, if the settings say where to.

    Raises SettingsError for a header whose secret cannot be read.
    """
    if settings.endpoint is None:
        yield
        return
    headers = {
        name: resolve(reference, folder, f"tracing.headers.{name}")
        for name, reference in settings.headers.items()
    }
    exporter = OTLPSpanExporter(settings.endpoint, headers=headers, timeout=_TIMEOUT_S)
    with recorded(service, exporter, share=settings.share):
        yield


@contextmanager
def recorded(service: str, exporter: SpanExporter, *, share: float = 1) -> Iterator[TracerProvider]:
    """Spans of this process go to the exporter; of traces the `share`, each whole or not at all."""
    provider = TracerProvider(
        # By the trace alone: all processes decide alike.
        sampler=TraceIdRatioBased(share),
        id_generator=_Ids(),
        resource=Resource.create(
            {
                "service.name": f"trueup-{service}",
                "service.version": importlib.metadata.version("trueup"),
            }
        ),
        shutdown_on_exit=False,
    )
    provider.add_span_processor(BatchSpanProcessor(_Closed(exporter)))
    spans.record_with(provider.get_tracer("trueup"))
    try:
        yield provider
    finally:
        spans.record_with(None)
        provider.shutdown()


def interceptors() -> list[TracingInterceptor]:
    """What carries the trace through the engine, for the client of a process that is traced."""
    tracer = spans.tracer()
    return [] if tracer is None else [TracingInterceptor(tracer)]


class _Ids(RandomIdGenerator):
    """The ids that a change's first span is to have, else random ones."""

    def generate_trace_id(self) -> int:
        given = spans.GIVEN.get()
        return super().generate_trace_id() if given is None else given[0]

    def generate_span_id(self) -> int:
        given = spans.GIVEN.get()
        return super().generate_span_id() if given is None else given[1]


class _Closed(SpanExporter):
    """Hands on what a span may say."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return self._exporter.export([_closed(span) for span in spans])

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)


def _closed(span: ReadableSpan) -> ReadableSpan:
    kind = (span.status.description or "").partition(":")[0]
    return ReadableSpan(
        name=span.name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes={name: value for name, value in (span.attributes or {}).items() if name in SAID},
        links=[Link(link.context) for link in span.links],
        kind=span.kind,
        status=Status(span.status.status_code, kind if kind.isidentifier() else None),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )
