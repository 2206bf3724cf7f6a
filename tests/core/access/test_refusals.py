"""Refused calls: kept as they were decided, and forgotten after their time."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from celery import current_app

from core.access.models import RefusedDecision
from core.access.refusals import Refusal, RefusedCaller, forget_old_refusals, keep_refusal
from core.access.rules.llms import LlmPolicy
from core.access.rules.paths import PathNode
from core.access.rules.product import ProductAccess
from core.kit.clock import now
from core.tenancy.context import in_account
from tenants.models import Account

LLM = UUID(int=7)
PATH = (
    PathNode("global", UUID(int=1), "global"),
    PathNode("team", UUID(int=2), "Content"),
    PathNode("member", UUID(int=3), "Mia"),
)


def keep() -> UUID:
    access = ProductAccess(
        "copilot",
        frozenset({LLM}),
        frozenset({LLM}),
        {UUID(int=2): LlmPolicy(block=frozenset({LLM}))},
    )
    caller = RefusedCaller("copilot", UUID(int=9), UUID(int=3), PATH, label="Mia")
    refusal = Refusal("llm", str(LLM), "gpt-5", access.why_llm(LLM, PATH))
    return keep_refusal(caller=caller, refusal=refusal, policy_version=5)


def test_a_decision_comes_back_as_it_was_made(in_acme: Account) -> None:
    kept = RefusedDecision.objects.get(pk=keep())

    decision = kept.as_decision()
    assert not decision.is_allowed
    assert (decision.reason.rule, decision.reason.node) == ("block", PATH[1])
    assert [(change.kind, change.node) for change in decision.flip] == [("unblock", PATH[1])]
    assert kept.as_path() == PATH


def test_after_a_month_it_is_forgotten(in_acme: Account) -> None:
    old, young = keep(), keep()
    RefusedDecision.objects.filter(pk=old).update(created_at=now() - timedelta(days=31))
    RefusedDecision.objects.filter(pk=young).update(created_at=now() - timedelta(days=29))

    assert forget_old_refusals() == 1

    assert list(RefusedDecision.objects.values_list("pk", flat=True)) == [young]


def test_the_job_of_one_account_leaves_others_alone(
    as_job: Callable[..., Any], acme: Account, globex: Account
) -> None:
    for account in (acme, globex):
        with in_account(account):
            keep()
            RefusedDecision.objects.update(created_at=now() - timedelta(days=99))

    assert as_job("access.forget_refusals", account=acme) == 1

    with in_account(globex):
        assert RefusedDecision.objects.count() == 1


def test_the_clock_starts_one_job_for_each_account(
    as_job: Callable[..., Any], acme: Account, globex: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []
    monkeypatch.setattr(
        current_app.tasks["access.forget_refusals"],
        "apply_async",
        lambda **options: sent.append(options["headers"]["cockpit_account"]),
    )

    assert as_job("platform.forget_refusals") == 2

    assert set(sent) == {acme.schema_name, globex.schema_name}
