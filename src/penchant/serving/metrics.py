"""What is measured of a shop, for Prometheus: a registry for each, so that none shows another's."""

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from penchant.serving.messages import Taken
from penchant.serving.protocol import Standing

METRICS_TYPE = b"text/plain; version=0.0.4; charset=utf-8"
BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)  # seconds
MOST_REASONS = 50  # told apart
OTHER = "other"


class Metrics:
    """Counters and histograms of one shop."""

    def __init__(self, standing: Callable[[], Standing | None]) -> None:
        self.registry = CollectorRegistry()
        self._seconds = Histogram(
            "penchant_request_seconds",
            "Seconds from a request's head to its reply, by route and status.",
            ("method", "route", "status"),
            buckets=BUCKETS,
            registry=self.registry,
        )
        self._events = Counter(
            "penchant_events",
            "Events sent, by what became of them.",
            ("verdict",),
            registry=self.registry,
        )
        self._quarantined = Counter(
            "penchant_quarantined",
            "Events in quarantine, by reason.",
            ("reason",),
            registry=self.registry,
        )
        self.in_flight = 0
        flying = Gauge(
            "penchant_requests_in_flight", "Requests being answered.", registry=self.registry
        )
        flying.set_function(lambda: self.in_flight)
        self.registry.register(_Standing(standing))
        # Looking labels up takes longer than counting, so what they lead to is kept.
        self._bound: dict[tuple[str, str, int], Histogram] = {}
        self._accepted, self._duplicate, self._refused = (
            self._events.labels(verdict) for verdict in ("accepted", "duplicate", "quarantined")
        )
        self._reasons: dict[str, Counter] = {}

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request."""
        bound = self._bound.get((method, route, status))
        if bound is None:
            bound = self._seconds.labels(method, route, str(status))
            self._bound[method, route, status] = bound
        bound.observe(seconds)

    def took(self, taken: Taken) -> None:
        """Count events."""
        self._accepted.inc(taken.accepted)
        self._duplicate.inc(taken.duplicate)
        if taken.quarantined:
            self._refused.inc(taken.quarantined)
            for judged in taken.events:
                if judged.verdict == "quarantined":
                    self._of(judged.reason or OTHER).inc()

    def text(self) -> bytes:
        """Everything, in Prometheus's text format."""
        return generate_latest(self.registry)

    def _of(self, reason: str) -> Counter:
        if reason not in self._reasons:
            if len(self._reasons) >= MOST_REASONS:
                reason = OTHER  # a reason that quotes its row would fill the memory
            self._reasons[reason] = self._quarantined.labels(reason)
        return self._reasons[reason]


class _Standing(Collector):
    """The numbers that the shop itself tells, asked for when they are read."""

    def __init__(self, standing: Callable[[], Standing | None]) -> None:
        self._standing = standing

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Nothing, so that registering doesn't ask."""
        return ()

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """The gauges as they are now; none while the shop is being opened."""
        now = self._standing()
        if now is None:
            return
        for name, meaning, value in (
            (
                "penchant_freshness_seconds",
                "Seconds from an event's acknowledgement to an answer that knows it.",
                now.fresh_seconds,
            ),
            (
                "penchant_ground_age_seconds",
                "Seconds since the store was last read.",
                now.ground_age_seconds,
            ),
            (
                "penchant_journal_pending_bytes",
                "Bytes of the journal that are not in the store yet.",
                now.pending_bytes,
            ),
            (
                "penchant_journal_pending_events",
                "Events of the journal that are not in the store yet.",
                now.pending_events,
            ),
            (
                "penchant_live_customers",
                "Customers with events since the store was last read.",
                now.live_customers,
            ),
        ):
            yield GaugeMetricFamily(name, meaning, value=value)
        release = GaugeMetricFamily(
            "penchant_release", "1 for the release that answers.", labels=("release",)
        )
        if now.release is not None:
            release.add_metric((now.release,), 1)
        yield release
