"""What an installation may decide about its gateway. Times in seconds."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """Limits and waits, each with its reason."""

    # Two dozen inline images; the whole body is in memory while the call runs.
    most_body_bytes: int = 20 * 1024 * 1024
    # All bodies of a process that are on their way in: a dozen of the largest.
    most_bytes_in_flight: int = 256 * 1024 * 1024
    # A client that sends its body drop by drop holds a connection, nothing else.
    body_seconds: float = 30.0
    # Providers cut streams at ten minutes.
    call_seconds: float = 600.0
    # A process that dies is swept after this long; calls that last longer renew it.
    hold_seconds: int = 180
    heartbeat_seconds: float = 30.0
    # A client that takes nothing for so long is gone.
    send_seconds: float = 60.0
    # How long an answer waits for its settlement, so that what the client saw stands in the ledger.
    settle_wait_seconds: float = 5.0
    # Longer than a restart of Postgres; after that the sweep charges an estimate.
    settle_retry_seconds: float = 120.0
    # What one process holds in memory at once.
    most_calls: int = 2_000
    # How long streams may go on once the process was asked to stop.
    drain_seconds: float = 15.0
    # All gateway processes together: while Valkey is away, each takes its share of a key's rate.
    processes: int = 1
    # How many proxies of ours stand in front and write X-Forwarded-For.
    proxies: int = 0
    # May the page at this origin call, for the account of that slug (None: not known yet)?
    allows_origin: Callable[[str, str | None], bool] = lambda origin, slug: False  # noqa: ARG005
