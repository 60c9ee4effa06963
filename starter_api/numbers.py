"""The numbers as Prometheus families, by tenant: read now and then, however often they are scraped.

What is not known has no sample: an alert on it does not fire, and nobody takes it for nought.
"""

import time
from collections.abc import Iterator, Mapping

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from canonical_models.policy import Promise
from operations import numbers
from operations.context import AppContext
from operations.numbers import WINDOWS, Measure, Window
from persistence.numbers import Number

#: In seconds. What moves slowly is read seldom.
EVERY: Mapping[Window, float] = {"30d": 900.0, "1h": 60.0}

_Read = dict[str, dict[Number, Measure]]


class KeptNumbers:
    """What was last read of each window, for all tenants of the settings."""

    def __init__(self, context: AppContext) -> None:
        self._context = context
        self._read: dict[Window, _Read] = {}
        self._again_at: dict[Window, float] = dict.fromkeys(EVERY, 0.0)

    async def read(self) -> Collector:
        """Raises psycopg.Error where the database does not answer."""
        for window in WINDOWS:
            if time.monotonic() >= self._again_at[window]:
                self._read[window] = {
                    tenant: await self._of(tenant, window) for tenant in self._context.tenants
                }
                self._again_at[window] = time.monotonic() + EVERY[window]
        promises = {
            tenant: numbers.promised(self._context, tenant) for tenant in self._context.tenants
        }
        return Families(dict(self._read), promises)

    async def _of(self, tenant: str, window: Window) -> dict[Number, Measure]:
        async with self._context.database.transaction() as conn:
            return await numbers.over(self._context, conn, tenant, window)


class Families(Collector):
    def __init__(
        self, read: Mapping[Window, _Read], promises: Mapping[str, Mapping[Number, Promise]]
    ) -> None:
        self._read, self._promises = read, promises

    def collect(self) -> Iterator[Metric]:
        labels = ["tenant", "number", "window"]
        cases, missed, open_, within, burn = (
            GaugeMetricFamily(f"trueup_number_{name}", words, labels=labels)
            for name, words in (
                ("cases", "Cases of the number that were judged in the window."),
                ("missed", "Those of them that did not keep the promise."),
                ("open", "Those of them that are late and not done."),
                ("within", "Share that kept the promise; no sample where there is no case."),
                ("burn", "How much of what may go wrong did; 1 is all of it."),
            )
        )
        seconds = GaugeMetricFamily(
            "trueup_number_seconds", "Time that the cases took.", labels=[*labels, "quantile"]
        )
        for window, read in self._read.items():
            for tenant, measures in read.items():
                for number, measure in measures.items():
                    of = [tenant, number.value, window]
                    cases.add_metric(of, measure.cases)
                    missed.add_metric(of, measure.missed)
                    open_.add_metric(of, measure.open)
                    for family, value in ((within, measure.within), (burn, measure.burn)):
                        if value is not None:
                            family.add_metric(of, value)
                    for quantile, value in (("0.5", measure.median), ("0.95", measure.p95)):
                        if value is not None:
                            seconds.add_metric([*of, quantile], value)
        yield from (cases, missed, open_, within, burn, seconds)
        yield from self._promised()

    def _promised(self) -> Iterator[Metric]:
        target = GaugeMetricFamily(
            "trueup_number_target_seconds", "Time that is promised.", labels=["tenant", "number"]
        )
        objective = GaugeMetricFamily(
            "trueup_number_objective", "Share that is promised.", labels=["tenant", "number"]
        )
        for tenant, promises in self._promises.items():
            for number, promise in promises.items():
                objective.add_metric([tenant, number.value], promise.objective)
                if promise.seconds is not None:
                    target.add_metric([tenant, number.value], promise.seconds)
        yield from (target, objective)
