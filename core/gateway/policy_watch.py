"""Hears of policy changes: pushed by Valkey, asked of Postgres each second without it."""

import asyncio

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from core.gateway.snapshots import Snapshots
from core.gateway.threads import DatabaseThreads
from core.tenancy.policy import CHANNEL, policy_version

log = structlog.get_logger(__name__)

# What a revocation may take without Valkey.
POLL_SECONDS = 1.0
# With it, now and then all the same: a push can be lost while a connection breaks.
BACKUP_POLL_SECONDS = 15.0
RECONNECT_SECONDS = 2.0
CONNECT_SECONDS = 10.0
LISTEN_SECONDS = 0.5
# A Valkey that hangs keeps its connections. While it owes one answer, Postgres is asked; at so many
# pings without an answer it counts as gone. Looks are counted and not seconds: in a process that
# is held up, answers lie there unread, and that is nobody's silence.
DOUBTFUL_LOOKS = 2
MOST_LOOKS = 4


class PolicyWatch:
    """Keeps the snapshots of one process informed."""

    def __init__(self, snapshots: Snapshots, threads: DatabaseThreads, *, redis_url: str) -> None:
        self._snapshots = snapshots
        self._threads = threads
        self._redis_url = redis_url
        self._is_listening = False
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def is_listening(self) -> bool:
        """Whether pushes arrive; without them, polling takes their place."""
        return self._is_listening

    def start(self) -> None:
        """Begin to listen and to poll."""
        self._tasks = [asyncio.create_task(self._poll())]
        if self._redis_url:
            self._tasks.append(asyncio.create_task(self._listen()))

    async def stop(self) -> None:
        """Stop both."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def poll_once(self) -> None:
        """Ask Postgres for the version of every account in the caches."""
        for account in self._snapshots.known_accounts():
            try:
                version = await self._threads.run_in_account(account, policy_version)
            # Postgres may be restarting, or the account may be gone. The ledger refuses in the
            # meantime, and we ask again.
            except Exception as error:  # noqa: BLE001
                log.warning("policy_poll_failed", account=account.slug, error=type(error).__name__)
            else:
                self._snapshots.moved(account.schema_name, version)

    async def _poll(self) -> None:
        waited = 0.0
        while True:
            await asyncio.sleep(POLL_SECONDS)
            waited += POLL_SECONDS
            if self._is_listening and waited < BACKUP_POLL_SECONDS:
                continue
            waited = 0.0
            await self.poll_once()

    async def _listen(self) -> None:
        while True:
            try:
                await self._listen_once()
            except (RedisError, OSError) as error:
                log.warning("policy_push_lost", error=type(error).__name__)
            finally:
                self._is_listening = False
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _listen_once(self) -> None:
        client = Redis.from_url(self._redis_url, socket_connect_timeout=CONNECT_SECONDS, protocol=2)
        async with client, client.pubsub() as channel:
            await channel.subscribe(CHANNEL)
            # What was said before we listened is asked for once.
            await self.poll_once()
            self._is_listening = True
            looks_in_vain = 0
            while looks_in_vain < MOST_LOOKS:
                message = await channel.get_message(timeout=LISTEN_SECONDS)
                if message is None:
                    looks_in_vain += 1
                    await channel.ping()
                else:
                    looks_in_vain = 0
                    if message["type"] == "message":
                        self._hear(message["data"])
                self._is_listening = looks_in_vain < DOUBTFUL_LOOKS
        raise TimeoutError("Valkey is silent.")

    def _hear(self, data: bytes) -> None:
        schema, _, version = data.decode(errors="replace").rpartition(":")
        if schema and version.isdecimal():
            self._snapshots.moved(schema, int(version))
