"""Which deployment answers a call: several places behind one name, and names behind a name.

The lowest order goes first and weights share the calls among equals. One that fails for a moment
cools down: it goes to the end of the line, and is still asked when nothing else is left. Nothing
is asked again once a part of an answer has been passed on.
"""

import asyncio
import math
import random
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from core.gateway import metrics
from core.gateway.egress import AddressRefused
from core.gateway.errors import (
    UpstreamFailed,
    UpstreamLimited,
    UpstreamTimeout,
)
from core.gateway.ports import Deployment, Llm
from core.gateway.providers import Upstream
from core.gateway.upstream_errors import UpstreamCredential
from core.gateway.wire import Piece, Reply
from core.kit.problems import Problem
from core.tenancy.context import AccountRef

# Before another round: long enough for a connection to come back, too short to be noticed.
ROUND_PAUSE_SECONDS = 0.2
# A provider's own word on when to come back counts up to this.
LONGEST_COOLDOWN_SECONDS = 60.0
FIRST_COOLDOWN_SECONDS = 2.0
# A key that is refused is not accepted again by itself.
CREDENTIAL_COOLDOWN_SECONDS = 30.0
MOST_REMEMBERED = 20_000

_PASSING = (UpstreamFailed, UpstreamLimited, UpstreamTimeout)

Key = tuple[UUID, Deployment]
ParamsOf = Callable[[Llm], Mapping[str, Any]]
OnFailure = Callable[[Llm, Problem], None]


@dataclass(slots=True)
class _State:
    failures: int = 0
    cools_until: float = 0.0


class Health:
    """How the deployments have done lately, as this process has seen it."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._states: OrderedDict[Key, _State] = OrderedDict()

    def cools_until(self, key: Key) -> float:
        """Return when a deployment may be asked first again; 0 when it may now."""
        state = self._states.get(key)
        if state is None or state.cools_until <= self._clock():
            return 0.0
        return state.cools_until

    def failed(self, key: Key, problem: Problem) -> None:
        """Let a deployment cool down, longer each time in a row."""
        state = self._states.setdefault(key, _State())
        self._states.move_to_end(key)
        while len(self._states) > MOST_REMEMBERED:
            self._states.popitem(last=False)
        state.failures += 1
        state.cools_until = self._clock() + _cooldown(problem, state.failures)

    def answered(self, key: Key) -> None:
        """Forget what was wrong with a deployment."""
        self._states.pop(key, None)


class Dispatcher:
    """Calls whoever can answer."""

    def __init__(self, upstream: Upstream, health: Health | None = None) -> None:
        self._upstream = upstream
        self._health = health or Health()
        # Which of equals is asked first needs no secrecy.
        self._chance = random.Random()  # noqa: S311

    async def answer(
        self,
        account: AccountRef,
        llms: Sequence[Llm],
        params_of: ParamsOf,
        *,
        seconds: float,
        on_try: Callable[[Llm], None],
        on_failure: OnFailure = lambda *_: None,
    ) -> Reply:
        """Return the answer of the first that can.

        `on_try` hears who is asked, `on_failure` who could not answer and why.

        Raises:
            The problem of the last one asked.
        """
        last: Problem = UpstreamFailed()
        async for llm in self._tries(account, llms):
            on_try(llm)
            try:
                async with asyncio.timeout(llm.deployment.timeout_seconds):
                    reply = await self._upstream.answer(
                        account, llm, params_of(llm), seconds=seconds
                    )
            except TimeoutError:
                last = UpstreamTimeout()
            except (*_PASSING, AddressRefused) as problem:
                last = _as_callers_see_it(problem)
            else:
                self._health.answered((account.id, llm.deployment))
                return reply
            self._note(account, llm, last)
            on_failure(llm, last)
        raise last

    async def stream(
        self,
        account: AccountRef,
        llms: Sequence[Llm],
        params_of: ParamsOf,
        *,
        seconds: float,
        on_try: Callable[[Llm], None],
        on_failure: OnFailure = lambda *_: None,
    ) -> AsyncIterator[Piece]:
        """Yield the pieces of the first that sends one.

        Raises:
            The problem of the last one asked, or of the one that broke after its first piece.
        """
        last: Problem = UpstreamFailed()
        async for llm in self._tries(account, llms):
            on_try(llm)
            pieces = self._upstream.stream(account, llm, params_of(llm), seconds=seconds)
            async with aclosing(pieces):  # type: ignore[type-var]  # generators have it
                try:
                    async with asyncio.timeout(llm.deployment.timeout_seconds):
                        held = await _until_first(pieces)
                except TimeoutError:
                    last = UpstreamTimeout()
                except (*_PASSING, AddressRefused) as problem:
                    last = _as_callers_see_it(problem)
                else:
                    for piece in held:
                        yield piece
                    async with aclosing(self._rest(account, llm, pieces)) as rest:
                        async for piece in rest:
                            yield piece
                    return
            self._note(account, llm, last)
            on_failure(llm, last)
        raise last

    async def _rest(
        self, account: AccountRef, llm: Llm, pieces: AsyncIterator[Piece]
    ) -> AsyncGenerator[Piece, None]:
        """Pass on the rest of an answer; who breaks in the middle of it has not answered."""
        try:
            async for piece in pieces:
                yield piece
        except _PASSING as problem:
            self._note(account, llm, problem)
            raise
        self._health.answered((account.id, llm.deployment))

    async def _tries(self, account: AccountRef, llms: Sequence[Llm]) -> AsyncIterator[Llm]:
        """Yield each place in turn, round by round; `llms` are the one asked for and its stand-ins.

        A stand-in is asked only when every round through the one before it has failed.
        """
        for llm in llms:
            for round_ in range(1 + llm.retries):
                if round_:
                    await asyncio.sleep(
                        ROUND_PAUSE_SECONDS * round_ * self._chance.uniform(0.75, 1)
                    )
                for deployment in self._line(account, llm.targets):
                    yield llm.at(deployment)

    def _line(self, account: AccountRef, targets: Sequence[Deployment]) -> Iterator[Deployment]:
        if len(targets) == 1:
            yield from targets
            return
        by_turn = sorted(targets, key=lambda each: (each.order, -self._lot(each.weight)))
        cooling = {
            each: until
            for each in by_turn
            if (until := self._health.cools_until((account.id, each)))
        }
        yield from (each for each in by_turn if each not in cooling)
        # What cools down soonest is likeliest to answer.
        yield from sorted(cooling, key=lambda each: cooling[each])

    def _lot(self, weight: int) -> float:
        """Draw a number that is the highest of several as often as the weights say."""
        # Efraimidis and Spirakis: u^(1/w) sorts a weighted sample without replacement.
        return math.pow(self._chance.random(), 1 / weight) if weight > 0 else -1.0

    def _note(self, account: AccountRef, llm: Llm, problem: Problem) -> None:
        metrics.UPSTREAM_FAILURES.labels(llm.deployment.provider, problem.code).inc()
        self._health.failed((account.id, llm.deployment), problem)


async def _until_first(pieces: AsyncIterator[Piece]) -> list[Piece]:
    """Return the pieces up to the first that says anything; a provider may break before it."""
    held = []
    async for piece in pieces:
        held.append(piece)
        if piece.usage is not None or any(_says_something(choice) for choice in piece.choices):
            break
    return held


def _says_something(choice: Mapping[str, Any]) -> bool:
    return bool(choice["finish_reason"] or set(choice["delta"]) - {"role"})


def _as_callers_see_it(problem: Problem) -> Problem:
    """Say nothing of a deployment's address to who calls; its test call names it."""
    if not isinstance(problem, AddressRefused):
        return problem
    return UpstreamCredential("Ask who runs this gateway to test the deployment.")


def _cooldown(problem: Problem, failures: int) -> float:
    if isinstance(problem, UpstreamCredential):
        return CREDENTIAL_COOLDOWN_SECONDS
    wait = math.ldexp(FIRST_COOLDOWN_SECONDS, min(failures - 1, 6))
    if isinstance(problem, UpstreamLimited):
        wait = max(wait, float(problem.extensions.get("retry_after_seconds", 1)))
    return min(wait, LONGEST_COOLDOWN_SECONDS)
