"""What a credential may do less than its owner: LLMs, rates, addresses. It only ever narrows."""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class KeyLimits:
    """The limits of one virtual key. None is no limit; an empty list admits nothing."""

    llms: frozenset[str] | None = None
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    networks: tuple[Network, ...] | None = None

    def has_llm(self, name: str) -> bool:
        """Whether the key may call an LLM by its public name, as far as the key goes."""
        return self.llms is None or name in self.llms

    def has_address(self, address: str) -> bool:
        """Whether the key may be used from an address."""
        if self.networks is None:
            return True
        found = address_of(address)
        return found is not None and any(found in network for network in self.networks)

    @property
    def has_rates(self) -> bool:
        """Whether anything is counted by the minute."""
        return self.requests_per_minute is not None or self.tokens_per_minute is not None


NO_LIMITS = KeyLimits()


def address_of(text: str) -> Address | None:
    """Return an address, or None for what is none. IPv4 that came over an IPv6 socket is IPv4."""
    try:
        found = ip_address(text.strip())
    except ValueError:
        return None
    mapped = getattr(found, "ipv4_mapped", None)
    return mapped or found
