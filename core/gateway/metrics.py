"""What operators watch. No labels that name an account: there may be thousands of them."""

from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate

from prometheus_client import REGISTRY, Counter, Gauge
from prometheus_client.core import HistogramMetricFamily, Metric

CALLS = Counter("cockpit_gateway_calls", "Calls that have ended", ("kind", "outcome"))
REFUSALS = Counter("cockpit_gateway_refusals", "Calls refused or failed, by code", ("code",))
IN_FLIGHT = Gauge("cockpit_gateway_calls_in_flight", "Calls that are running")
PENDING = Gauge("cockpit_gateway_settlements_pending", "Settlements not yet in the ledger")
RETRIES = Counter("cockpit_gateway_settlement_retries", "Settlements that had to be repeated")
UPSTREAM_FAILURES = Counter(
    "cockpit_gateway_upstream_failures", "Failures of providers", ("provider", "code")
)
LOST = Counter("cockpit_gateway_settlements_given_up", "Settlements left to the sweep")
CREDITS = Counter("cockpit_gateway_microcredits_charged", "Micro-credits charged", ("kind",))
RATES_ALONE = Counter(
    "cockpit_gateway_rate_limits_alone", "Times that Valkey was away and a process counted alone"
)
UPSTREAM_ERRORS = Counter(
    "cockpit_gateway_upstream_errors",
    "What providers failed with, by provider",
    ("provider", "code"),
)
LOGS_WAITING = Gauge("cockpit_gateway_logs_waiting", "Logs of calls that are not written yet")
LOGS_LOST = Counter("cockpit_gateway_logs_lost", "Logs of calls that could not be written")
JOBS_WAITING = Gauge("cockpit_jobs_waiting", "Jobs that no worker has taken yet; NaN: unknown")
JOBS_TAKEN = Gauge("cockpit_jobs_taken", "Jobs that workers have taken and not finished")


_BOUNDS = (
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120, 600,
)  # fmt: skip


class StepSeconds:
    """A histogram of one label that only the event loop's thread writes: without locks.

    A call takes ten times; the client library's own histogram costs several times as much.
    """

    def __init__(self) -> None:
        self._counts: dict[str, list[int]] = {}
        self._sums: dict[str, float] = {}

    def observe(self, step: str, seconds: float) -> None:
        """Take down how long a step took."""
        if step not in self._counts:
            self._counts[step] = [0] * (len(_BOUNDS) + 1)
            self._sums[step] = 0.0
        self._counts[step][bisect_left(_BOUNDS, seconds)] += 1
        self._sums[step] += seconds

    def collect(self) -> Iterator[Metric]:
        """Yield what has been taken down, as Prometheus reads it."""
        found = HistogramMetricFamily(
            "cockpit_gateway_step_seconds", "Time of a step of a call", labels=["step"]
        )
        names = [*(str(float(bound)) for bound in _BOUNDS), "+Inf"]
        for step, counts in list(self._counts.items()):
            buckets = zip(names, map(float, accumulate(counts)), strict=True)
            found.add_metric([step], list(buckets), self._sums[step])
        yield found


STEP_SECONDS = StepSeconds()
REGISTRY.register(STEP_SECONDS)
