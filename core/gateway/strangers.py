"""Who tries keys that nobody knows: each costs queries, so an address has only so many.

A bucket for each address, in this process: who is known never takes from it. Somebody behind the
same address whose key is in no cache waits along with the one who tries.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv6Address, ip_network

from core.gateway.errors import TooManyUnknownKeys
from core.gateway.limits import address_of

# So many at once, and then one each second.
MOST_AT_ONCE = 60
MOST_ADDRESSES = 20_000
# Everybody with IPv6 has a whole network of this size.
_IPV6_BITS = 64


class Strangers:
    """Counts by address what was shown and is unknown. Threads may use it."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        # How many each had tried at what moment, the one that tried last at the end.
        self._tried: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def check(self, address: str) -> None:
        """Pass an address that may try another key.

        Raises:
            TooManyUnknownKeys: not before a second has passed.
        """
        with self._lock:
            is_full = self._tried_by(_network_of(address)) > MOST_AT_ONCE - 1
        if is_full:
            raise TooManyUnknownKeys(
                "Too many unknown keys came from this address; try again in a moment.",
                retry_after_seconds=1,
            )

    def missed(self, address: str) -> None:
        """Count a key that nobody knows."""
        network = _network_of(address)
        if not network:
            # Nothing says who it is, so it may be anybody.
            return
        with self._lock:
            self._tried[network] = (self._tried_by(network) + 1, self._clock())
            self._tried.move_to_end(network)
            while len(self._tried) > MOST_ADDRESSES:
                self._tried.popitem(last=False)

    def _tried_by(self, network: str) -> float:
        tried, at = self._tried.get(network, (0.0, 0.0))
        return max(tried - (self._clock() - at), 0.0)


def _network_of(address: str) -> str:
    found = address_of(address)
    if isinstance(found, IPv6Address):
        return str(ip_network((found, _IPV6_BITS), strict=False))
    return "" if found is None else str(found)
