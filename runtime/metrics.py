"""What the worker measures of other systems."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from prometheus_client import REGISTRY, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from connectors.breaker import State
from connectors.governor import Governor

VENDOR_SECONDS = Histogram(
    "trueup_vendor_request_seconds",
    "Time that a vendor took to answer, by outcome: a status code, or `fault` without an answer.",
    ("system", "method", "outcome"),
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20),
)

NOTIFICATIONS = Counter(
    "trueup_notifications",
    "Mails to teams by what became of them: `sent`, or `failed` and tried again.",
    ("team", "outcome"),
)

DELIVERIES = Counter(
    "trueup_deliveries",
    "Events sent to receivers by what became of them: `delivered`, `failed` and tried again, or "
    "`dead` and waiting for somebody.",
    ("tenant", "outcome"),
)

LANE_HELD = Gauge(
    "trueup_lane_held", "Whether this worker posts for the legal entity.", ("tenant", "entity")
)


def observe_vendor(system: str, method: str, outcome: str, seconds: float) -> None:
    VENDOR_SECONDS.labels(system, method, outcome).observe(seconds)


class _Connections(Collector):
    def __init__(self, governors: Mapping[tuple[str, str], Governor]) -> None:
        self._governors = governors

    def collect(self) -> Iterator[Metric]:
        limit, in_flight, in_bulk, away = (
            GaugeMetricFamily(f"trueup_connection_{name}", words, labels=["tenant", "connection"])
            for name, words in (
                ("limit", "Calls at once that the vendor was found to take."),
                ("in_flight", "Calls under way."),
                ("in_bulk", "Calls under way of what is done in bulk."),
                ("away", "Whether the vendor is away, as this worker knows it."),
            )
        )
        for (tenant, connection), governor in self._governors.items():
            labels = [tenant, connection]
            limit.add_metric(labels, governor.limiter.limit)
            in_flight.add_metric(labels, governor.in_flight)
            in_bulk.add_metric(labels, governor.in_bulk)
            away.add_metric(labels, governor.breaker.state is not State.CLOSED)
        yield from (limit, in_flight, in_bulk, away)


@contextmanager
def connections_shown(governors: Mapping[tuple[str, str], Governor]) -> Iterator[None]:
    """As long as the block lasts these are among the process's metrics."""
    shown = _Connections(governors)
    REGISTRY.register(shown)
    try:
        yield
    finally:
        REGISTRY.unregister(shown)
