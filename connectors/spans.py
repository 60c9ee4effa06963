"""Spans of one trace from the webhook to the row of the ledger; nothing where no tracer is given.

The trace of a change follows from its id, which follows from the event: intake and dispatcher know
it without telling each other, and who has a change's id has its trace: its 20 digits behind twelve
zeros. The last 16 of them are its first span, the webhook.

A span holds ids, systems, and how things went. It holds no text of anybody else: an error is its
kind, and an address of a vendor is not written down at all.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

from opentelemetry.context import Context
from opentelemetry.trace import (
    INVALID_SPAN,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

#: Digits of a change's id, and of a span's.
_DIGITS, _SPAN_DIGITS = 20, 16


@dataclass
class _Recording:
    tracer: "Tracer | None" = None


_RECORDING = _Recording()
_HEADERS = TraceContextTextMapPropagator()
#: The ids that the next root span of this context is to have, for the tracer's generator.
GIVEN: ContextVar[tuple[int, int] | None] = ContextVar("given_ids", default=None)


def record_with(tracer: "Tracer | None") -> None:
    """From now on, for the whole process; None ends it."""
    _RECORDING.tracer = tracer


def tracer() -> "Tracer | None":
    return _RECORDING.tracer


def ids_of(change_id: str) -> tuple[int, int] | None:
    """Trace and first span of a change; None for an id of another kind."""
    digits = change_id.removeprefix("chg_")
    if len(digits) != _DIGITS:
        return None
    try:
        return int(digits, 16), int(digits[-_SPAN_DIGITS:], 16)
    except ValueError:
        return None


@contextmanager
def span(
    name: str, kind: SpanKind = SpanKind.INTERNAL, **attributes: str | int | None
) -> Iterator[Span]:
    """Around what is done in the block; a child of the span around it."""
    recorder = _RECORDING.tracer
    if recorder is None:
        yield INVALID_SPAN
        return
    with recorder.start_as_current_span(
        name,
        kind=kind,
        attributes=_named(attributes),
        record_exception=False,
        set_status_on_exception=False,
    ) as current:
        try:
            yield current
        except BaseException as fault:
            current.set_status(Status(StatusCode.ERROR, type(fault).__name__))
            raise


def received(change_id: str, since_ns: int, **attributes: str | int | None) -> None:
    """The first span of a change, once its webhook is on disk."""
    recorder, ids = _RECORDING.tracer, ids_of(change_id)
    if recorder is None or ids is None:
        return
    with _given(ids):
        recorder.start_span(
            "webhook",
            context=Context(),
            kind=SpanKind.SERVER,
            attributes=_named({"change_id": change_id, **attributes}),
            start_time=since_ns,
        ).end()


@contextmanager
def of_change(
    name: str, change_id: str, *, told: bool, **attributes: str | int | None
) -> Iterator[None]:
    """What the change's saga is started in: a child of the webhook that `told` of it, or the first
    span of a change that we have asked for."""
    recorder, ids = _RECORDING.tracer, ids_of(change_id)
    if recorder is None or ids is None:
        yield
        return
    first = SpanContext(*ids, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))
    around = set_span_in_context(NonRecordingSpan(first), Context()) if told else Context()
    with (
        _given(None if told else ids),
        recorder.start_as_current_span(
            name,
            context=around,
            kind=SpanKind.PRODUCER,
            attributes=_named({"change_id": change_id, **attributes}),
            record_exception=False,
            set_status_on_exception=False,
        ),
    ):
        yield


def carried(headers: Mapping[str, str] | None) -> Mapping[str, str] | None:
    """The headers of a request, with the span that it is sent in (W3C Trace Context)."""
    if _RECORDING.tracer is None:
        return headers
    found: dict[str, str] = {}
    _HEADERS.inject(found)
    return {**(headers or {}), **found} if found else headers


@contextmanager
def _given(ids: tuple[int, int] | None) -> Iterator[None]:
    token = GIVEN.set(ids)
    try:
        yield
    finally:
        GIVEN.reset(token)


def _named(attributes: Mapping[str, str | int | None]) -> dict[str, str | int]:
    return {f"trueup.{name}": value for name, value in attributes.items() if value is not None}
