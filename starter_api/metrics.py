"""What monitoring asks: can the process work, and how does the work stand.

    /readyz   the database answers and has this version's schema; Temporal is only reported, since
              webhooks and reads do without it
    /metrics  Prometheus; counts of the tables are over all tenants, and those of whole tables up to
              a minute old; the numbers are by tenant, of 30 days up to a quarter of an hour old

None of these takes an API key, so they have a listener of their own: `api.metrics_host` and
`api.metrics_port`. That the process lives is said at `/healthz` where webhooks arrive.
"""

import time
from collections.abc import Iterator

import psycopg
import structlog
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from operations.context import AppContext
from persistence import metrics
from persistence.database import newest_schema_version, schema_version
from persistence.metrics import POSTING_BUCKETS, Metrics
from starter_api.numbers import KeptNumbers

log = structlog.get_logger()

#: Counts over whole tables are read this often, in seconds, however often they are scraped.
_WHOLE_EVERY_S = 60.0


class Counts(Collector):
    """The tables' counts as Prometheus families; made anew for each scrape."""

    def __init__(self, read: Metrics | None) -> None:
        self._read = read

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily(
            "trueup_database_up",
            "Whether the database answers.",
            value=float(self._read is not None),
        )
        if (read := self._read) is None:
            return
        for name, words, label in (
            ("inbox", "Webhooks by status.", "status"),
            ("changes", "Changes by state.", "state"),
            ("outcomes", "Settled changes by outcome.", "outcome"),
            ("exceptions", "Open exceptions by the team that answers them.", "owner"),
            (
                "drifts",
                "Calls that wait for an answer that fits the vendor's contract.",
                "connection",
            ),
            ("dunning", "Overdue invoices, by stage of their dunning.", "stage"),
            ("renewals", "Renewals to come, by whether they will post.", "forecast"),
            ("documents", "Documents of billing by what became of them in the ERP.", "state"),
            ("invoices", "Documents of billing by where they stand in the ERP.", "erp_status"),
        ):
            yield _labelled(f"trueup_{name}", words, [label], read.counts[name])
        for name, words, label in (
            ("effects", "Effects by system and state.", "system"),
            ("targets", "Customers by how far each entitlement target follows.", "target"),
        ):
            yield _by_state(f"trueup_{name}", words, label, read.counts[name])
        for name, words, value in (
            ("exceptions_late", "Open exceptions past their service level.", read.late_exceptions),
            ("unsealed", "Rows that wait for their seal.", read.unsealed),
            ("pending_age_seconds", "Age of the oldest change not begun.", read.oldest_pending),
            ("inbox_age_seconds", "Age of the oldest webhook not dispatched.", read.oldest_unread),
        ):
            yield GaugeMetricFamily(f"trueup_{name}", words, value=value)
        yield _posting(read.posting_seconds)


def _labelled(name: str, words: str, labels: list[str], counts: dict[str, int]) -> Metric:
    family = GaugeMetricFamily(name, words, labels=labels)
    for value, count in counts.items():
        family.add_metric([value], count)
    return family


def _by_state(name: str, words: str, label: str, counts: dict[str, int]) -> Metric:
    family = GaugeMetricFamily(name, words, labels=[label, "state"])
    for key, count in counts.items():
        family.add_metric(key.rsplit("/", 1), count)
    return family


def _posting(seconds: tuple[float, ...]) -> Metric:
    buckets = [
        (f"{bound:g}", float(sum(second <= bound for second in seconds)))
        for bound in POSTING_BUCKETS
    ]
    return HistogramMetricFamily(
        "trueup_subscription_to_erp_seconds",
        "From webhook to posted ERP document, of documents posted in the last 24 hours.",
        buckets=[*buckets, ("+Inf", float(len(seconds)))],
        sum_value=sum(seconds),
    )


class Probes:
    """The endpoints, over the systems of this process."""

    def __init__(self, context: AppContext) -> None:
        self._systems = context
        self._whole: metrics.Whole | None = None
        self._again_at = 0.0
        self._numbers = KeptNumbers(context)
        self._head = newest_schema_version()

    async def ready(self, _request: Request) -> Response:
        database, schema = await self._database()
        temporal = "ok" if await self._systems.engine.reachable() else "not reachable"
        ready = database == "ok" and schema == "ok"
        return JSONResponse(
            {
                "status": "ready" if ready else "not ready",
                "database": database,
                "migrations": schema,
                "temporal": temporal,
            },
            200 if ready else 503,
            None if ready else {"retry-after": "2"},
        )

    async def metrics(self, _request: Request) -> Response:
        read = CollectorRegistry()
        read.register(Counts(await self._counts()))
        try:
            read.register(await self._numbers.read())
        except psycopg.Error as fault:
            log.warning("numbers without the database", error=type(fault).__name__)
        return Response(
            generate_latest() + generate_latest(read),
            headers={"content-type": CONTENT_TYPE_LATEST},
        )

    async def _database(self) -> tuple[str, str]:
        try:
            async with self._systems.database.transaction() as conn:
                version = await schema_version(conn)
        except psycopg.Error as fault:
            log.warning("not ready", error=type(fault).__name__)
            return "not reachable", "unknown"
        if version is None:
            return "ok", "none: run `trueup migrate`"
        return "ok", "ok" if version == self._head else f"at {version}: run `trueup migrate`"

    async def _counts(self) -> Metrics | None:
        try:
            async with self._systems.database.transaction() as conn:
                if time.monotonic() >= self._again_at:
                    self._whole = await metrics.whole(conn)
                    self._again_at = time.monotonic() + _WHOLE_EVERY_S
                return await metrics.read(conn, of_whole=self._whole)
        except psycopg.Error as fault:
            log.warning("metrics without the database", error=type(fault).__name__)
            return None
