"""The gateway of one process: its caches, its running calls, its start and its end."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID

import structlog
from django.db import InterfaceError, OperationalError

from core.gateway.admission import Admission
from core.gateway.backlog import Backlog
from core.gateway.bodies import Body
from core.gateway.dispatching import Dispatcher
from core.gateway.ending import Ender
from core.gateway.entitlement import usable_llms
from core.gateway.errors import AccountSuspended, CallStopped, Overloaded, problem_of
from core.gateway.inflight import Bodies
from core.gateway.journal import Journal
from core.gateway.leaving import is_leaving
from core.gateway.pipeline import Call, Services
from core.gateway.policy_watch import PolicyWatch
from core.gateway.ports import Directory, Ledger, Llm, Principal
from core.gateway.probing import ProbeTicket, Verdict, probe
from core.gateway.providers import Upstream
from core.gateway.rates import RateLimiter
from core.gateway.refusals import Refusals
from core.gateway.settings import GatewaySettings
from core.gateway.settling import Settler
from core.gateway.snapshots import Credential, Snapshots
from core.gateway.threads import DatabaseThreads
from core.gateway.ticket import Ticket
from core.gateway.traces import Traces
from core.guardrails.engine import GuardrailPool
from core.kit.clock import now
from core.kit.problems import Problem
from core.tenancy.context import AccountRef

log = structlog.get_logger(__name__)

Ping = Callable[[], Awaitable[bool]]

PING_SECONDS = 2.0
# A grant that ends at a moment ends a running stream within this.
ENDS_SECONDS = 0.25
# After the drain: settlements only, each a few milliseconds.
LAST_SECONDS = 5.0


class Gateway:
    """Everything that calls share. Create it inside a running event loop."""

    def __init__(
        self,
        *,
        directory: Directory,
        ledger: Ledger,
        upstream: Upstream,
        settings: GatewaySettings | None = None,
        ping: Ping,
        redis_url: str = "",
        traces: Traces | None = None,
    ) -> None:
        self.settings = settings or GatewaySettings()
        self.bodies = Bodies(self.settings.most_bytes_in_flight)
        self._threads = DatabaseThreads()
        self._directory = directory
        self._pool = GuardrailPool()
        self.snapshots = Snapshots(directory, self._threads)
        self._watch = PolicyWatch(self.snapshots, self._threads, redis_url=redis_url)
        self._rates = RateLimiter(redis_url=redis_url, processes=self.settings.processes)
        self.backlog = Backlog(redis_url)
        self._refusals = Refusals(directory, self._threads)
        admission = Admission(
            snapshots=self.snapshots,
            refusals=self._refusals,
            ledger=ledger,
            upstream=upstream,
            pool=self._pool,
            settings=self.settings,
            rates=self._rates,
        )
        self._journal = Journal(directory, self._threads)
        self._settler = Settler(ledger, self.settings)
        self._services = Services(
            admission=admission,
            upstream=upstream,
            dispatcher=Dispatcher(upstream),
            pool=self._pool,
            ender=Ender(
                ledger=ledger, settler=self._settler, settings=self.settings, rates=self._rates
            ),
            journal=self._journal,
            settings=self.settings,
            traces=traces,
        )
        self._ping = ping
        self._calls: set[Call] = set()
        self._rechecks: set[asyncio.Task[None]] = set()
        self._beside: list[asyncio.Task[None]] = []
        self._is_stopping = False
        self._is_warm = False
        self.snapshots.on_move(self._recheck_calls_of)
        self.snapshots.also_watch(self._accounts_of_calls)

    async def start(self) -> None:
        """Begin to watch the policy and to renew holds, and to load what is slow to load."""
        self._watch.start()
        self._journal.start()
        self._beside = [
            asyncio.create_task(work)
            for work in (self._beat(), self._watch_ends(), self._warm_up())
        ]

    async def stop(self) -> None:
        """Let calls end, stop those that do not, and wait until all of them are settled."""
        self._is_stopping = True
        await self._wait_for_calls(self.settings.drain_seconds)
        for call in list(self._calls):
            call.stop("stopping", CallStopped("The gateway is being restarted; call again."))
        await self._wait_for_calls(LAST_SECONDS)
        await self._settler.drain(LAST_SECONDS)
        await self._rates.close()
        await self.backlog.close()
        await self._refusals.drain()
        await self._journal.stop()
        if (traces := self._services.traces) is not None:
            await asyncio.to_thread(traces.close)
        await self._watch.stop()
        for task in self._beside:
            task.cancel()
        self._pool.close()
        self._threads.close()

    @property
    def is_ready(self) -> bool:
        """Whether new calls should be sent here."""
        return self._is_warm and not self._is_stopping and not is_leaving()

    async def reaches_ledger(self) -> bool:
        """Whether Postgres answers."""
        try:
            async with asyncio.timeout(PING_SECONDS):
                return await self._ping()
        # Any trouble at all means no.
        except Exception as error:  # noqa: BLE001
            log.warning("ledger_unreachable", error=type(error).__name__)
            return False

    @property
    def calls(self) -> int:
        """How many calls are running."""
        return len(self._calls)

    def open_call(
        self,
        credential: Credential,
        body: Body,
        *,
        idempotency_key: str = "",
        agent_id: UUID | None = None,
        arrived: float | None = None,
        traceparent: str = "",
    ) -> Call:
        """Begin a call.

        Raises:
            Overloaded: as many calls run as this process takes, or it is about to stop.
        """
        if self._is_stopping or len(self._calls) >= self.settings.most_calls:
            raise Overloaded("Try again in a moment.")
        ticket = Ticket(
            credential,
            body,
            idempotency_key=idempotency_key,
            agent_id=agent_id,
            arrived=arrived,
            traceparent=traceparent,
        )
        call = Call(self._services, ticket)
        self._calls.add(call)
        call.start(when_done=self._calls.discard)
        return call

    async def know(self, credential: Credential) -> None:
        """Pass whoever is a caller of ours.

        Raises:
            InvalidKey, NotAllowed, AccountSuspended, LedgerUnavailable: as their names say.
        """
        try:
            await self.snapshots.principal(credential)
        except (Problem, OperationalError, InterfaceError) as error:
            raise problem_of(error) from None

    async def llms(self, credential: Credential) -> tuple[Principal, list[Llm]]:
        """Return who is asking, and exactly the LLMs that would be admitted.

        Raises:
            InvalidKey, NotAllowed, AccountSuspended: as their names say.
        """
        principal = await self.snapshots.principal(credential)
        snapshot = await self.snapshots.snapshot(principal.account)
        if snapshot.is_suspended:
            raise AccountSuspended("A super admin has suspended this account; ask them about it.")
        return principal, usable_llms(snapshot, principal)

    async def count_tokens(self, credential: Credential, body: Body) -> tuple[Principal, int]:
        """Return who is asking, and how many tokens a request of theirs would send.

        Raises:
            What admission raises before it reserves.
        """
        ticket = Ticket(credential, body)
        tokens = await self._services.admission.count(ticket)
        return ticket.principal, tokens

    async def test_deployment(self, ticket: ProbeTicket) -> Verdict:
        """Call a deployment once, for whoever manages it; nothing is charged.

        Raises:
            NotFound: there is no such deployment.
        """
        asked = await self._threads.run(
            lambda: self._directory.deployment_to_test(ticket.account_id, ticket.deployment_id)
        )
        return await probe(self._services.upstream, asked)

    # -- what goes on beside the calls -------------------------------------------------------------

    async def _wait_for_calls(self, seconds: float) -> None:
        waiting = [asyncio.create_task(call.wait()) for call in self._calls]
        if waiting:
            await asyncio.wait(waiting, timeout=seconds)

    async def _warm_up(self) -> None:
        await self._pool.warm_up()
        self._is_warm = True

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self.settings.heartbeat_seconds)
            await self._settler.beat(list(self._calls))

    async def _watch_ends(self) -> None:
        """Look again at the calls whose grants end while they run: nothing else says so in time."""
        while True:
            await asyncio.sleep(ENDS_SECONDS)
            moment = now()
            for call in self._calls:
                ends = call.ticket.rights_end
                if ends is not None and ends <= moment:
                    call.ticket.rights_end = None
                    self._look_again_at(call)

    def _accounts_of_calls(self) -> set[AccountRef]:
        tickets = (call.ticket for call in self._calls)
        return {ticket.principal.account for ticket in tickets if ticket.is_identified}

    def _recheck_calls_of(self, schema: str) -> None:
        """Look again at every running call of an account whose rights have moved."""
        for call in self._calls:
            if call.ticket.is_identified and call.schema == schema:
                self._look_again_at(call)

    def _look_again_at(self, call: Call) -> None:
        task = asyncio.ensure_future(self._recheck(call))
        self._rechecks.add(task)
        task.add_done_callback(self._rechecks.discard)

    async def _recheck(self, call: Call) -> None:
        try:
            await self._services.admission.check_again(call.ticket)
        except Problem as problem:
            call.stop("refused", problem_of(problem))
        # Postgres may be away for a moment; the next move or call looks again.
        except Exception as error:  # noqa: BLE001
            log.warning(
                "recheck_failed",
                request_id=str(call.request_id),
                account=call.ticket.principal.account.slug,
                error=type(error).__name__,
            )
