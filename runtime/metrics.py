"""What the worker measures of other systems."""

from prometheus_client import Histogram

VENDOR_SECONDS = Histogram(
    "trueup_vendor_request_seconds",
    "Time that a vendor took to answer, by outcome: a status code, or `fault` without an answer.",
    ("system", "method", "outcome"),
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20),
)


def observe_vendor(system: str, method: str, outcome: str, seconds: float) -> None:
    VENDOR_SECONDS.labels(system, method, outcome).observe(seconds)
