"""Pools of connections to OpenAI-compatible providers, one for each rule of egress."""

import asyncio
import socket
from collections import OrderedDict
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Any

from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
from aiohttp.abc import AbstractResolver, ResolveResult

from core.gateway.egress import EgressRule, refused

MOST_POOLS = 256
# Nobody who is there takes longer to shake hands.
CONNECT_SECONDS = 10.0
# Shorter than the minute after which load balancers drop a connection that is not used.
KEEP_SECONDS = 45.0


class Pools:
    """Sessions by rule: accounts with the same rule share connections, and nothing else."""

    def __init__(self) -> None:
        self._sessions: OrderedDict[EgressRule | None, ClientSession] = OrderedDict()
        self._closing: set[asyncio.Task[None]] = set()

    def session(self, rule: EgressRule | None) -> ClientSession:
        """Return the session for a rule; None is for addresses that a super admin has typed in."""
        session = self._sessions.get(rule)
        if session is None:
            session = self._sessions[rule] = _open(rule)
            while len(self._sessions) > MOST_POOLS:
                _, oldest = self._sessions.popitem(last=False)
                self._close_later(oldest)
        self._sessions.move_to_end(rule)
        return session

    async def close(self) -> None:
        """Close every connection."""
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()

    def _close_later(self, session: ClientSession) -> None:
        async def close() -> None:
            # Calls that run on it come first; none may take longer.
            await asyncio.sleep(600)
            await session.close()

        task = asyncio.create_task(close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


def _open(rule: EgressRule | None) -> ClientSession:
    connector = TCPConnector(
        limit=0,
        keepalive_timeout=KEEP_SECONDS,
        resolver=None if rule is None else GuardedResolver(rule),
    )
    return ClientSession(
        connector=connector,
        cookie_jar=DummyCookieJar(),
        timeout=ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
        # A proxy or a .netrc of the machine is none of an account's business.
        trust_env=False,
        read_bufsize=2**18,
    )


class GuardedResolver(AbstractResolver):
    """Resolves a name for one connection and hands out checked addresses only."""

    def __init__(self, rule: EgressRule) -> None:
        self._rule = rule

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses of a name.

        Raises:
            AddressRefused: one of them may not be called; a name that is partly inside is a trick.
        """
        found = await _look_up(host, port, family)
        for each in found:
            if not self._rule.admits(host, ip_address(each["host"])):
                raise refused(host)
        return found

    async def close(self) -> None:
        """Nothing is kept."""


async def _look_up(host: str, port: int, family: int) -> list[ResolveResult]:
    loop = asyncio.get_running_loop()
    infos: Iterable[Any] = await loop.getaddrinfo(
        host, port, family=family, type=socket.SOCK_STREAM
    )
    return [
        ResolveResult(
            hostname=host,
            # A scope, as in fe80::1%eth0, is never public, and ip_address() reads it too.
            host=str(address[0]),
            port=port,
            family=kind,
            proto=proto,
            flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
        )
        for kind, _type, proto, _name, address in infos
    ]
