"""Where a request may go whose address an account has typed in.

The name is resolved once, every address it has is checked, and the connection goes to one of just
these; name and SNI stay. So a name that resolves to something else a moment later (DNS rebinding)
gains nothing. Redirects are never followed.
"""

import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

from core.kit.problems import Problem

Address = IPv4Address | IPv6Address

# All that is public in IPv6. Outside are NAT64 and the old IPv4-compatible and site-local
# addresses, which Python takes for global; inside is 6to4, which leads to an IPv4 address.
_PUBLIC_IPV6 = IPv6Network("2000::/3")
_SIX_TO_FOUR = IPv6Network("2002::/16")
LOOPBACK = ("127.0.0.0/8", "::1/128")


class AddressRefused(Problem):
    """The address is none that the gateway may call for this account."""

    code = "address_refused"
    title = "The gateway may not call this address"
    status = 400


@dataclass(frozen=True, slots=True)
class EgressRule:
    """What a super admin allows one account besides public https addresses.

    `hosts` are names, `networks` ranges of addresses; `allows_http` counts for them alone.
    """

    hosts: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    allows_http: bool = False

    def lists(self, host: str) -> bool:
        """Whether a host is allowed by its name."""
        return host.lower().rstrip(".") in self.hosts

    def covers(self, address: Address) -> bool:
        """Whether an address is in one of the allowed ranges."""
        return any(address in ip_network(network) for network in self.networks)

    def admits(self, host: str, address: Address) -> bool:
        """Whether a connection to this address may be made for this name."""
        return is_public(address) or self.lists(host) or self.covers(_plain(address))


def is_public(address: Address) -> bool:
    """Whether an address is on the public internet: no private, local or reserved one."""
    plain = _plain(address)
    if isinstance(plain, IPv6Address) and (plain not in _PUBLIC_IPV6 or plain in _SIX_TO_FOUR):
        return False
    return plain.is_global and not plain.is_multicast


def check_address(url: str, rule: EgressRule) -> None:
    """Refuse an address by what it says itself; names are resolved when they are called.

    Raises:
        AddressRefused: it is no http address, holds a password, or may not be called.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        raise AddressRefused("This is no address.") from None
    # Other letters become plain ones later: the connection would see ①②⑦.⓪.⓪.① as 127.0.0.1.
    if not (url.isascii() and url.isprintable()):
        raise AddressRefused("Enter the address in plain letters, other names as xn--….")
    if parts.scheme not in {"http", "https"} or not host or parts.username or parts.password:
        raise AddressRefused("Enter an address such as https://llm.example.com/v1.")
    if parts.query or parts.fragment:
        raise AddressRefused("Enter the address without ? and #.")
    literal = _literal(host)
    if literal is not None and not rule.admits(host, literal):
        raise refused(host)
    is_listed = rule.lists(host) or (literal is not None and rule.covers(_plain(literal)))
    if parts.scheme == "http" and not (rule.allows_http and is_listed):
        raise AddressRefused(
            f"{host} must be called by https. A super admin can allow plain http for single hosts."
        )


def _plain(address: Address) -> Address:
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _literal(host: str) -> Address | None:
    """Return the address that a host is, also in the odd spellings that a resolver takes."""
    try:
        return ip_address(host)
    except ValueError:
        pass
    # 127.1, 0x7f000001 and 2130706433 are addresses to a resolver and to nobody else.
    try:
        return IPv4Address(socket.inet_aton(host))
    except (OSError, ValueError):
        return None


def refused(host: str) -> AddressRefused:
    return AddressRefused(
        f"{host} is not on the public internet. A super admin can allow this host, or its range of "
        "addresses, for your account."
    )
