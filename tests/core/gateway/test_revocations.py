"""A right that is taken away ends the stream that runs by it, whatever the right was."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from django.conf import settings as django_settings
from structlog.testing import capture_logs

from cockpit.embedded.redis import Valkey
from console.models import Membership
from console.services.keys import create_key, revoke_key
from core.access.granting import set_grants
from core.access.models import LlmActivation
from core.access.rules.grants import Grant
from core.access.rules.llms import LlmPolicy
from core.access.rules.paths import PathNode
from core.access.rules.switches import Switch
from core.access.services import set_feature, set_llm_policy, switch_llm_off
from core.gateway import policy_watch
from core.hierarchy.product import product_named
from core.hierarchy.seats import seat_of_email
from core.hierarchy.services.members import archive_member
from core.hierarchy.sharing import CLIENT_APP, resource_named
from core.kit.clock import now
from core.tenancy import policy
from core.tenancy.context import in_account, in_public
from core.tenancy.policy import policy_version
from core.tokens.issuing import gateway_audience, issue_user_token
from core.tokens.scopes import GATEWAY
from core.tokens.services import create_client_app, revoke_client_app
from tenants.models import Account, Llm, LlmOffer
from tenants.services.accounts import suspend_account
from tenants.services.offers import withdraw_llm
from tests.cast import MIA, TESTS
from tests.core.gateway.stage import Stage, set_stage
from tests.core.gateway.test_on_postgres import Real, _alone, _until_listening, opened
from tests.fakes.upstream import FakeUpstream

pytestmark = pytest.mark.asyncio

NAMES = ("ok", "draw")


class Rights:
    """What lets Mia call, and how each of it is taken away. Synchronous; run it in a thread."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        with in_account(stage.account):
            self.seats = {
                product: seat_of_email(product_named(product), MIA.email)
                for product in ("console", "copilot")
            }
            self.app = create_client_app(
                product="copilot", name="alchemi-web", act_for_members=True, actor=TESTS
            ).app
            self.page_token = self._token("console", "")
            self.app_token = self._token("copilot", self.app.client_id)
        self.tokens = {"key": stage.key, "app": self.app_token, "page": self.page_token}

    def _token(self, product: str, client_id: str) -> str:
        seat = self.seats[product]
        return issue_user_token(
            account=self.stage.account,
            product=product,
            user_id=seat.user_id,
            member_id=seat.member_id,
            team_id=seat.team_id,
            scopes=frozenset({GATEWAY}),
            policy_version=policy_version(),
            meant_for=(gateway_audience(),),
            **({"client_id": client_id} if client_id else {}),
        ).value

    def block_llm(self) -> None:
        self._say(LlmPolicy(block=self._on()))

    def empty_list(self) -> None:
        self._say(LlmPolicy(only=frozenset()))

    def switch_llm_off(self) -> None:
        with in_account(self.stage.account):
            for llm_id in self._on():
                switch_llm_off(product="console", llm_id=llm_id, llm_name="ok", actor=TESTS)

    def withdraw_llm(self) -> None:
        with in_public():
            offer = LlmOffer.objects.get(
                account=self.stage.account, product="console", llm=Llm.objects.get(name="ok")
            )
            withdraw_llm(offer=offer, actor=TESTS)

    def archive_member(self) -> None:
        product = product_named("console")
        with in_account(self.stage.account):
            member = product.member._default_manager.get(pk=self.seats["console"].member_id)
            archive_member(product=product, member=member, actor=TESTS)

    def revoke_key(self) -> None:
        with in_account(self.stage.account):
            revoke_key(key=self.stage.token_key(), actor=TESTS)

    def suspend_account(self) -> None:
        with in_public():
            suspend_account(account=self.stage.account, reason="A test", actor=TESTS)

    def revoke_app(self) -> None:
        with in_account(self.stage.account):
            revoke_client_app(app=self.app, actor=TESTS)

    def deny_app(self) -> None:
        self.share(Grant(is_denial=True))

    def delete_grant(self) -> None:
        self.share(None)

    def turn_playground_off(self) -> None:
        self._switch("playground")

    def turn_images_off(self) -> None:
        self._switch("image_generation")

    def share(self, grant: Grant | None) -> None:
        """Say whether Mia's team has the app."""
        seat = self.seats["copilot"]
        assert seat.team_id is not None
        with in_account(self.stage.account):
            set_grants(
                product="copilot",
                resource=resource_named(product_named("copilot"), CLIENT_APP, self.app.pk),
                grants={PathNode("team", seat.team_id, "Content"): grant},
                actor=TESTS,
            )

    def close_app(self) -> None:
        """Leave the app to those it is shared with."""
        from core.tokens.services import set_client_app_open

        with in_account(self.stage.account):
            set_client_app_open(app=self.app, is_open=False, actor=TESTS)

    def second_key(self) -> str:
        """Return another key of Mia's."""
        with in_account(self.stage.account):
            place = Membership.objects.get(pk=self.seats["console"].membership_id)
            return create_key(
                account=self.stage.account, membership=place, name="Second", actor=TESTS
            ).token

    def _on(self) -> frozenset[Any]:
        with in_account(self.stage.account):
            rows = LlmActivation.objects.filter(product="console")
            return frozenset(rows.values_list("llm_id", flat=True))

    def _say(self, said: LlmPolicy) -> None:
        with in_account(self.stage.account):
            node = PathNode("member", self.seats["console"].member_id, "Mia")
            set_llm_policy(product="console", node=node, policy=said, names={}, actor=TESTS)

    def _switch(self, feature: str) -> None:
        everyone = self.seats["console"].nodes[0]
        with in_account(self.stage.account):
            set_feature(
                product="console",
                node=everyone,
                feature=feature,
                switch=Switch(is_on=False, is_locked=True),
                actor=TESTS,
            )


@pytest_asyncio.fixture
async def upstream() -> AsyncIterator[FakeUpstream]:
    async with FakeUpstream() as upstream:
        upstream.chunk_seconds = 0.2
        yield upstream


@pytest.fixture
def build(transactional_accounts: None, acme: Account) -> Callable[[FakeUpstream], Rights]:
    """Set the stage once the provider's port is known."""

    def build(upstream: FakeUpstream) -> Rights:
        stage = set_stage(acme, api_base=upstream.url, names=NAMES, credits=10_000_000)
        return Rights(stage)

    return build


@pytest_asyncio.fixture
async def rights(build: Callable[[FakeUpstream], Rights], upstream: FakeUpstream) -> Rights:
    return await asyncio.to_thread(_alone, lambda: build(upstream))


@pytest_asyncio.fixture
async def real(rights: Rights) -> AsyncIterator[Real]:
    async with opened(rights.stage, redis_url=django_settings.REDIS_URL) as real:
        await _until_listening(real)
        yield real


@pytest.mark.parametrize(
    ("credential", "act", "code"),
    [
        ("key", "block_llm", "model_not_allowed"),
        ("key", "empty_list", "model_not_allowed"),
        ("key", "switch_llm_off", "model_not_allowed"),
        ("key", "withdraw_llm", "model_not_allowed"),
        ("key", "archive_member", "not_allowed"),
        ("key", "revoke_key", "invalid_api_key"),
        ("key", "suspend_account", "account_suspended"),
        ("app", "revoke_app", "invalid_api_key"),
        ("app", "deny_app", "not_granted"),
        ("page", "turn_playground_off", "feature_off"),
    ],
)
async def test_a_running_stream_ends_at_its_next_chunk(
    real: Real, rights: Rights, upstream: FakeUpstream, credential: str, act: str, code: str
) -> None:
    exchange = real.client.stream("Hello", token=rights.tokens[credential])
    await exchange.until("word01")

    await real.do(getattr(rights, act))
    answer = await exchange.done()
    refused = await real.client.chat("Hello", token=rights.tokens[credential])

    assert answer.events[-1]["error"]["code"] == code
    assert "word19" not in answer.text
    assert refused.error["code"] == code
    await real.settled()
    [event] = await real.do(rights.stage.events)
    assert (event.outcome, event.error_code) == ("blocked", code)
    assert event.credits > 0
    assert await real.do(rights.stage.open_holds) == 0
    assert len(upstream.seen) == 1


async def test_a_grant_that_is_taken_back_ends_the_stream_that_runs_by_it(
    real: Real, rights: Rights
) -> None:
    await real.do(rights.close_app)
    await real.do(lambda: rights.share(Grant()))
    exchange = real.client.stream("Hello", token=rights.app_token)
    await exchange.until("word01")

    await real.do(rights.delete_grant)
    answer = await exchange.done()

    assert answer.events[-1]["error"]["code"] == "not_granted"
    assert "word19" not in answer.text


async def test_a_grant_that_ends_at_a_moment_ends_the_stream_without_anybodys_doing(
    real: Real, rights: Rights
) -> None:
    await real.do(rights.close_app)
    await real.do(lambda: rights.share(Grant(ends_at=now() + timedelta(seconds=2))))
    version = await real.do(lambda: _version(rights.stage))
    exchange = real.client.stream("Hello", token=rights.app_token)
    await exchange.until("word01")

    # No job runs here that would take the grant away and move the policy.
    answer = await exchange.done()

    assert answer.events[-1]["error"]["code"] == "not_granted"
    assert "word19" not in answer.text
    assert await real.do(lambda: _version(rights.stage)) == version


async def test_an_image_that_is_being_made_is_not_given_out_once_images_are_off(
    real: Real, rights: Rights, upstream: FakeUpstream
) -> None:
    upstream.image_seconds = 1.0
    body = {"model": "draw", "prompt": "A boat"}
    asked = asyncio.create_task(
        real.client.post("/v1/images/generations", body, token=rights.stage.key)
    )
    while not upstream.seen:  # noqa: ASYNC110  it has no event
        await asyncio.sleep(0.01)

    await real.do(rights.turn_images_off)
    answer = await asked

    assert (answer.status, answer.error["code"]) == (403, "feature_off")


async def test_a_stream_that_no_change_concerns_goes_on(real: Real, rights: Rights) -> None:
    second = await real.do(rights.second_key)
    exchange = real.client.stream("Hello", token=second)
    await exchange.until("word01")

    await real.do(rights.revoke_key)
    await real.do(rights.deny_app)
    await real.do(rights.turn_playground_off)

    assert (await exchange.done()).events[-1] == "[DONE]"


# -- Valkey ----------------------------------------------------------------------------------------


@pytest.fixture
def valkey(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Valkey]:
    """A Valkey of the test's own, by which the web process tells and the gateway hears."""
    valkey = Valkey(tmp_path / "valkey-home", is_durable=False)
    valkey.folder.mkdir()
    monkeypatch.setattr(django_settings, "REDIS_URL", valkey.ensure())
    monkeypatch.setattr(policy, "_client", None)
    yield valkey
    valkey.destroy()


async def test_losing_valkey_changes_no_answer_in_either_direction(
    valkey: Valkey, rights: Rights, upstream: FakeUpstream
) -> None:
    async with opened(rights.stage, redis_url=valkey.url()) as real:
        await _until_listening(real)
        second = await real.do(rights.second_key)
        with_valkey = await _answers(real, rights)
        exchange = real.client.stream("Hello", token=rights.stage.key)
        await exchange.until("word01")

        # It goes while a stream runs: neither the stream nor the next call notices.
        await asyncio.to_thread(valkey.stop)
        await _until_listening(real, is_listening=False)
        assert await _answers(real, rights) == with_valkey
        await real.do(rights.revoke_key)
        cut = await exchange.done()
        assert cut.events[-1]["error"]["code"] == "invalid_api_key"
        assert (await real.client.chat("Hello", token=rights.stage.key)).status == 401
        without_valkey = await _answers(real, rights, key=second)

        # It comes back while a stream runs; what it never told of holds, and what it tells counts.
        exchange = real.client.stream("Hello", token=second)
        await exchange.until("word01")
        assert await asyncio.to_thread(valkey.ensure) == django_settings.REDIS_URL
        await _until_listening(real)
        assert (await real.client.chat("Hello", token=rights.stage.key)).status == 401
        assert await _answers(real, rights, key=second) == without_valkey == with_valkey
        await real.do(rights.block_llm)
        cut = await exchange.done()
        assert cut.events[-1]["error"]["code"] == "model_not_allowed"
        assert await real.do(rights.stage.broken) == []


async def test_a_valkey_that_hangs_counts_as_gone(
    valkey: Valkey, rights: Rights, upstream: FakeUpstream
) -> None:
    upstream.chunk_seconds = 0.4
    assert valkey._child is not None
    pid = valkey._child.pid
    async with opened(rights.stage, redis_url=valkey.url()) as real:
        await _until_listening(real)
        exchange = real.client.stream("Hello", token=rights.stage.key)
        await exchange.until("word01")
        os.kill(pid, signal.SIGSTOP)
        try:
            await real.do(rights.revoke_key)
            cut = await exchange.done(seconds=7.0)
        finally:
            os.kill(pid, signal.SIGCONT)

        assert cut.events[-1]["error"]["code"] == "invalid_api_key"
        await _until_listening(real)


async def test_a_process_that_is_held_up_does_not_take_valkey_for_gone(
    valkey: Valkey, rights: Rights, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy_watch, "LISTEN_SECONDS", 0.05)
    async with opened(rights.stage, redis_url=valkey.url()) as real:
        await _until_listening(real)
        with capture_logs() as lines:
            for _ in range(5):
                # Longer than it would wait for all its looks.
                time.sleep(0.4)  # noqa: ASYNC251  it is what holds it up
                await asyncio.sleep(0.03)
                assert real.gateway._watch.is_listening

        assert "policy_push_lost" not in [line["event"] for line in lines]
        await real.do(rights.revoke_key)
        assert (await real.client.chat("Hello", token=rights.stage.key)).status == 401


async def _answers(real: Real, rights: Rights, *, key: str = "") -> list[Any]:
    """Return what Mia is told by each of her credentials: what is listed, and what is admitted."""
    found: list[Any] = []
    for token in (key or rights.stage.key, rights.app_token, rights.page_token):
        models = await real.client.get("/v1/models", token=token)
        found.append(sorted(model["id"] for model in models.body["data"]))
        for model in ("embed", "draw"):
            answer = await real.client.chat("Hello", token=token, model=model)
            found.append((answer.status, answer.error["code"]))
    return found


def _version(stage: Stage) -> int:
    with in_account(stage.account):
        return policy_version()
