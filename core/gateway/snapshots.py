"""Who calls and what is on, kept in the process for as long as the policy has not moved.

Each entry carries the policy version it was read at. A newer version, pushed, polled or told by
the ledger, makes it stale at once; nothing is kept for longer than a minute in any case.
"""

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import UUID

from core.gateway.errors import AddressNotAllowed, InvalidKey
from core.gateway.ports import AccountSnapshot, Directory, Principal, WalletNote
from core.gateway.strangers import Strangers
from core.gateway.threads import DatabaseThreads
from core.kit.clock import now
from core.kit.problems import NotAllowed, Problem, Unauthenticated
from core.tenancy.context import AccountRef

KEY_PREFIX = "ck_"

MOST_PRINCIPALS = 20_000
MOST_ACCOUNTS = 2_000
# A missed push and a missed poll together must not let a stale right live on.
LONGEST_SECONDS = 60.0
# Who can help is read anew after so long; a program that repeats itself must not read each time.
NOTE_SECONDS = 5.0
# A wrong key that is tried over and over must not cost a query each time.
REFUSED_SECONDS = 1.0

T = TypeVar("T")
# Whose note: the ids of wallets and teams are unique over all accounts.
_Noted = tuple[str, UUID, UUID | None, UUID | None]


@dataclass(frozen=True, slots=True)
class Credential:
    """What a caller showed: a virtual key or a user token, and what else it says of itself."""

    token: str
    # The team to act in.
    team: str | None = None
    address: str = ""
    # The account that it takes itself to be in; nothing if it does not say.
    account: str = ""

    @property
    def digest(self) -> bytes:
        """How caches name it, so that no token lies about in memory twice."""
        return hashlib.sha256(f"{self.token}\0{self.team or ''}".encode()).digest()

    def __repr__(self) -> str:
        return "Credential(…)"


class Snapshots:
    """The caches of one gateway process."""

    def __init__(self, directory: Directory, threads: DatabaseThreads) -> None:
        self._directory = directory
        self._threads = threads
        self._versions: dict[str, int] = {}
        self._strangers = Strangers()
        self._principals: _Cache[bytes, Principal] = _Cache(MOST_PRINCIPALS)
        self._accounts: _Cache[UUID, AccountSnapshot] = _Cache(MOST_ACCOUNTS)
        self._notes: _Cache[_Noted, WalletNote] = _Cache(MOST_PRINCIPALS, seconds=NOTE_SECONDS)
        self._listeners: list[Callable[[str], None]] = []
        self._running: Callable[[], Iterable[AccountRef]] = tuple

    def on_move(self, listener: Callable[[str], None]) -> None:
        """Call `listener` with the schema of each account whose policy moves."""
        self._listeners.append(listener)

    def moved(self, schema: str, version: int) -> None:
        """Take note that an account's policy has reached a version."""
        if version > self._versions.get(schema, 0):
            self._versions[schema] = version
            for listener in self._listeners:
                listener(schema)

    def version(self, schema: str) -> int:
        """Return the newest version heard of."""
        return self._versions.get(schema, 0)

    def also_watch(self, running: Callable[[], Iterable[AccountRef]]) -> None:
        """Count the accounts of calls that run among the known ones, however long they run."""
        self._running = running

    def known_accounts(self) -> set[AccountRef]:
        """Return the accounts that were used lately; a poll asks for their versions."""
        cached = {snapshot.account for snapshot in self._accounts.fresh_values()}
        return cached | set(self._running())

    async def principal(self, credential: Credential) -> Principal:
        """Return who is calling.

        Raises:
            InvalidKey: nobody we know, or no longer, or of another account than the caller says.
            NotAllowed: known, but may not call, or not from the team that the caller names.
            AddressNotAllowed: not from this address.
            TooManyUnknownKeys: from this address came too many that are unknown.
        """

        def read() -> Principal:
            # Again: while this one waited for its thread, others from there may have failed.
            self._strangers.check(credential.address)
            try:
                return find()
            except Unauthenticated:
                self._strangers.missed(credential.address)
                raise

        def find() -> Principal:
            if credential.token.startswith(KEY_PREFIX):
                return self._directory.principal_for_key(credential.token)
            return self._directory.principal_for_user_token(credential.token, credential.team)

        if credential.digest not in self._principals:
            self._strangers.check(credential.address)
        principal = await self._principals.get(
            credential.digest, lambda: self._threads.run(read), self._is_current_principal
        )
        self.moved(principal.account.schema_name, principal.policy_version)
        if principal.expires_at is not None and principal.expires_at <= now():
            raise InvalidKey("The token has expired. Obtain a new one.")
        _check(credential, principal)
        return principal

    async def snapshot(self, account: AccountRef) -> AccountSnapshot:
        """Return what is on for an account."""
        snapshot = await self._accounts.get(
            account.id,
            lambda: self._threads.run(lambda: self._directory.snapshot(account.id)),
            self._is_current_snapshot,
        )
        self.moved(account.schema_name, snapshot.policy_version)
        return snapshot

    async def wallet_note(self, principal: Principal, wallet_id: UUID) -> WalletNote:
        """Return what a refusal says about a wallet."""
        noted = (principal.product, wallet_id, principal.team_id, principal.organization_id)
        return await self._notes.get(
            noted,
            lambda: self._threads.run(lambda: self._directory.wallet_note(principal, wallet_id)),
            lambda _: True,
        )

    def _is_current_principal(self, principal: Principal) -> bool:
        return principal.policy_version >= self.version(principal.account.schema_name)

    def _is_current_snapshot(self, snapshot: AccountSnapshot) -> bool:
        return snapshot.policy_version >= self.version(snapshot.account.schema_name)


def _check(credential: Credential, principal: Principal) -> None:
    """Hold what a caller says against whom the key or token belongs to."""
    if credential.account not in ("", principal.account.slug):
        raise InvalidKey("The key or token belongs to another account than X-Cockpit-Account.")
    if credential.team and principal.key_id and credential.team != str(principal.team_id):
        raise NotAllowed("This key acts from its own place, not from the team that is named.")
    if not principal.limits.has_address(credential.address):
        raise AddressNotAllowed(
            f"This key may not be used from {credential.address or 'an unknown address'}. "
            "Its allowed addresses stand on its page in Console."
        )


K = TypeVar("K")


@dataclass(slots=True)
class _Entry(Generic[T]):
    value: T | None
    refusal: Problem | None
    until: float


class _Cache(Generic[K, T]):
    """Least recently used goes first; of several that ask for the same at once, one reads."""

    def __init__(self, most: int, *, seconds: float = LONGEST_SECONDS) -> None:
        self._most = most
        self._seconds = seconds
        self._entries: OrderedDict[K, _Entry[T]] = OrderedDict()
        self._reading: dict[K, asyncio.Task[_Entry[T]]] = {}

    def __contains__(self, key: K) -> bool:
        return key in self._entries

    def fresh_values(self) -> list[T]:
        now = time.monotonic()
        return [
            entry.value
            for entry in self._entries.values()
            if entry.value is not None and entry.until >= now
        ]

    async def get(
        self, key: K, read: Callable[[], Awaitable[T]], is_current: Callable[[T], bool]
    ) -> T:
        entry = self._entries.get(key)
        if entry is None or not self._is_fresh(entry, is_current):
            entry = await self._read(key, read)
            if entry.value is not None and not is_current(entry.value):
                # The policy moved while somebody else's read was under way.
                entry = await self._read(key, read)
        else:
            self._entries.move_to_end(key)
        if entry.refusal is not None:
            # A new one each time: a raised exception keeps the stack of its first caller.
            raise type(entry.refusal)(entry.refusal.detail, **entry.refusal.extensions)
        assert entry.value is not None
        return entry.value

    def _is_fresh(self, entry: _Entry[T], is_current: Callable[[T], bool]) -> bool:
        if entry.until < time.monotonic():
            return False
        return entry.value is None or is_current(entry.value)

    async def _read(self, key: K, read: Callable[[], Awaitable[T]]) -> _Entry[T]:
        task = self._reading.get(key)
        if task is None:
            task = asyncio.create_task(self._store(key, read))
            self._reading[key] = task
            task.add_done_callback(lambda _: self._reading.pop(key, None))
        # One caller that hangs up must not end the read of the others.
        return await asyncio.shield(task)

    async def _store(self, key: K, read: Callable[[], Awaitable[T]]) -> _Entry[T]:
        try:
            value = await read()
        except Problem as refusal:
            entry: _Entry[T] = _Entry(None, refusal, time.monotonic() + REFUSED_SECONDS)
        else:
            entry = _Entry(value, None, time.monotonic() + self._seconds)
        self._entries[key] = entry
        self._entries.move_to_end(key)
        while len(self._entries) > self._most:
            self._entries.popitem(last=False)
        return entry
