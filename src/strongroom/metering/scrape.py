"""What `/metrics` answers: the sum over all processes, in Prometheus's text form.

    strongroom_request_duration_seconds   histogram   service, operation, outcome (ok or error)
    strongroom_requests_total             counter     service, operation, code (OK or an error's)
    strongroom_requests_in_flight         gauge
    strongroom_received_bytes_total       counter
    strongroom_sent_bytes_total           counter
    strongroom_processes                  gauge

An operation nobody has asked for yet has no series, and so has a code.  `prometheus_client` is
imported by the first scrape, since a server that is never scraped need not carry it.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from strongroom.metering.layout import (
    BUCKETS,
    CODES,
    ERROR_TIME,
    ERRORS,
    IN_FLIGHT,
    MICROSECONDS,
    OK_TIME,
    RECEIVED,
    SENT,
    Layout,
)
from strongroom.metering.slots import readings

if TYPE_CHECKING:
    from prometheus_client.metrics_core import HistogramMetricFamily, Metric

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"

_BOUNDS = (*(str(bound / 1e6) for bound in MICROSECONDS), "+Inf")
_NANO = 1e9


class Collector:
    """prometheus_client's collector interface over a folder of slots."""

    def __init__(self, folder: Path, layout: Layout) -> None:
        self._folder = folder
        self._layout = layout

    def collect(self) -> "Iterator[Metric]":
        from prometheus_client import metrics_core as core

        layout = self._layout
        found = list(readings(self._folder, layout))
        total = [sum(column) for column in zip(*(r.numbers for r in found), strict=True)]
        total = total or [0] * layout.size
        in_flight = sum(r.numbers[IN_FLIGHT] for r in found if r.alive)

        duration = core.HistogramMetricFamily(
            "strongroom_request_duration_seconds",
            "Time from a request's last byte to its answer.",
            labels=("service", "operation", "outcome"),
        )
        requests = core.CounterMetricFamily(
            "strongroom_requests",
            "Requests answered.",
            labels=("service", "operation", "code"),
        )
        for service, operation in layout.operations:
            at = layout.base(service, operation)
            succeeded = _histogram(
                duration, (service, operation, "ok"), total[at : at + BUCKETS], total[at + OK_TIME]
            )
            errors = at + ERRORS
            _histogram(
                duration,
                (service, operation, "error"),
                total[errors : errors + BUCKETS],
                total[at + ERROR_TIME],
            )
            counts = total[at + CODES : at + layout.width]
            for code, count in (("OK", succeeded), *zip(layout.codes, counts, strict=True)):
                if count:
                    requests.add_metric((service, operation, code), count)
        yield duration
        yield requests
        yield core.GaugeMetricFamily(
            "strongroom_requests_in_flight", "Requests not yet answered.", value=in_flight
        )
        yield core.CounterMetricFamily(
            "strongroom_received_bytes", "Bytes of requests.", value=total[RECEIVED]
        )
        yield core.CounterMetricFamily(
            "strongroom_sent_bytes", "Bytes of answers.", value=total[SENT]
        )
        yield core.GaugeMetricFamily(
            "strongroom_processes", "Processes that count.", value=sum(r.alive for r in found)
        )


def scrape(folder: Path, layout: Layout) -> bytes:
    """The text of `/metrics`, to be sent as CONTENT_TYPE."""
    from prometheus_client import CollectorRegistry, generate_latest

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Collector(folder, layout))
    return generate_latest(registry)


def _histogram(
    family: "HistogramMetricFamily",
    labels: tuple[str, str, str],
    counts: list[int],
    nanoseconds: int,
) -> int:
    """Add one histogram, unless it is empty; the number of observations in it."""
    seen = 0
    buckets = []
    for bound, count in zip(_BOUNDS, counts, strict=True):
        seen += count
        buckets.append((bound, float(seen)))
    if seen:
        family.add_metric(labels, buckets, sum_value=nanoseconds / _NANO)
    return seen
