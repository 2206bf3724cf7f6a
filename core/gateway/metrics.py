"""What operators watch. No labels that name an account: there may be thousands of them."""

from functools import cache

from prometheus_client import Counter, Gauge, Histogram

CALLS = Counter("cockpit_gateway_calls", "Calls that have ended", ("kind", "outcome"))
REFUSALS = Counter("cockpit_gateway_refusals", "Calls refused or failed, by code", ("code",))
IN_FLIGHT = Gauge("cockpit_gateway_calls_in_flight", "Calls that are running")
PENDING = Gauge("cockpit_gateway_settlements_pending", "Settlements not yet in the ledger")
RETRIES = Counter("cockpit_gateway_settlement_retries", "Settlements that had to be repeated")
UPSTREAM_FAILURES = Counter(
    "cockpit_gateway_upstream_failures", "Failures of providers", ("provider", "code")
)
LOST = Counter("cockpit_gateway_settlements_given_up", "Settlements left to the sweep")
STEP_SECONDS = Histogram(
    "cockpit_gateway_step_seconds",
    "Time of a step of a call",
    ("step",),
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120, 600),
)
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


@cache
def step_seconds(step: str) -> Histogram:
    """Return where the time of a step is taken down; finding it costs as much as using it."""
    return STEP_SECONDS.labels(step)
