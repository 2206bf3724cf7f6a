"""Grants: set, replaced, taken back, ended by the clock; audited, and felt by the policy."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from core.access.granting import end_grants, forget_resource, set_grants
from core.access.models import Grant
from core.access.resources import Resource
from core.access.rules import grants as rules
from core.access.rules.paths import PathNode
from core.access.rules.product import ProductAccess
from core.access.selectors import grants_by_thing
from core.audit.models import AuditEntry
from core.kit.clock import now
from core.kit.problems import InvalidInput
from core.tenancy.context import in_account
from core.tenancy.policy import policy_version
from tenants.models import Account
from tests.cast import TESTS

APP = Resource("client_app", UUID(int=5), "alchemi-web")
MARKETING = PathNode("organization", UUID(int=2), "Marketing")
CONTENT = PathNode("team", UUID(int=3), "Content")
PATH = (PathNode("global", UUID(int=1)), MARKETING, CONTENT, PathNode("member", UUID(int=4)))


def say(grants: dict[PathNode, rules.Grant | None]) -> dict[PathNode, rules.Grant | None]:
    return set_grants(product="copilot", resource=APP, grants=grants, actor=TESTS)


def access() -> ProductAccess:
    return ProductAccess("copilot", grants=grants_by_thing("copilot"))


def test_a_grant_is_set_and_taken_back(in_acme: Account) -> None:
    version = policy_version()
    assert not access().may_use(APP.thing, PATH, at=now())

    assert say({MARKETING: rules.Grant()}) == {MARKETING: None}
    assert access().may_use(APP.thing, PATH, at=now())
    assert say({MARKETING: None}) == {MARKETING: rules.Grant()}

    assert not access().may_use(APP.thing, PATH, at=now())
    assert policy_version() == version + 2
    assert [entry.sentence for entry in AuditEntry.objects.order_by("-id")[:2]] == [
        "The tests took back what was said of alchemi-web for Marketing",
        "The tests set alchemi-web for Marketing to allowed",
    ]


def test_to_deny_replaces_to_allow(in_acme: Account) -> None:
    say({MARKETING: rules.Grant(), CONTENT: rules.Grant()})
    say({CONTENT: rules.Grant(is_denial=True)})

    assert not access().may_use(APP.thing, PATH, at=now())
    assert access().may_use(APP.thing, PATH[:2], at=now())
    assert Grant.objects.count() == 2


def test_saying_the_same_again_writes_nothing(in_acme: Account) -> None:
    say({MARKETING: rules.Grant()})
    entries, version = AuditEntry.objects.count(), policy_version()

    assert say({MARKETING: rules.Grant()}) == {}

    assert (AuditEntry.objects.count(), policy_version()) == (entries, version)


@pytest.mark.parametrize(
    ("grant", "code"),
    [
        (rules.Grant(ends_at=now() - timedelta(seconds=1)), "past"),
        (rules.Grant(carries_llm=True), "carries_llm"),
        (rules.Grant(is_denial=True, carries_llm=True), "carries_llm"),
    ],
)
def test_what_makes_no_sense_is_refused(in_acme: Account, grant: rules.Grant, code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        say({MARKETING: rules.Grant(), CONTENT: grant})

    assert refused.value.extensions["errors"][0]["code"] == code
    assert not Grant.objects.exists()


def test_an_end_counts_at_once_and_the_job_tidies_up(in_acme: Account) -> None:
    soon = now() + timedelta(hours=1)
    say({MARKETING: rules.Grant(ends_at=soon), CONTENT: rules.Grant()})
    say({CONTENT: None})
    version = policy_version()

    # At check time, before any job has run.
    assert access().may_use(APP.thing, PATH, at=soon - timedelta(seconds=1))
    assert not access().may_use(APP.thing, PATH, at=soon)
    assert end_grants() == 0
    Grant.objects.update(ends_at=now() - timedelta(seconds=1))

    assert end_grants() == 1

    assert not Grant.objects.exists()
    assert policy_version() == version + 1
    entry = AuditEntry.objects.order_by("-id")[0]
    assert (entry.verb, entry.target_id) == ("grant.ended", str(MARKETING.id))


def test_what_is_gone_leaves_no_grants(in_acme: Account) -> None:
    say({MARKETING: rules.Grant()})

    forget_resource(product="copilot", type="client_app", id=APP.id)

    assert not Grant.objects.exists()


def test_the_job_of_one_account_leaves_others_alone(
    as_job: Callable[..., Any], acme: Account, globex: Account
) -> None:
    for account in (acme, globex):
        with in_account(account):
            say({MARKETING: rules.Grant(ends_at=now() + timedelta(hours=1))})
            Grant.objects.update(ends_at=now() - timedelta(hours=1))

    assert as_job("access.end_grants", account=acme) == 1

    with in_account(globex):
        assert Grant.objects.count() == 1
