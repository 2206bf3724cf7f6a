"""Writing policies and switches: one entry each, the policy moves, and nothing is written twice."""

from uuid import uuid4

import pytest

from core.access.errors import UnknownFeature
from core.access.models import FeatureSwitch, NodeLlmPolicy
from core.access.rules.llms import LlmPolicy
from core.access.rules.paths import PathNode
from core.access.rules.switches import Switch
from core.access.selectors import access_of
from core.access.services import set_feature, set_llm_policy
from core.audit.models import AuditEntry
from core.tenancy.policy import policy_version
from tenants.models import Account
from tests.cast import TESTS

MARKETING = PathNode("organization", uuid4(), "Marketing")
GPT, HAIKU = uuid4(), uuid4()
NAMES = {GPT: "gpt-5", HAIKU: "claude-haiku"}


def say(policy: LlmPolicy) -> LlmPolicy:
    return set_llm_policy(
        product="copilot", node=MARKETING, policy=policy, names=NAMES, actor=TESTS
    )


def test_a_policy_is_kept_and_the_audit_log_names_the_llms(in_acme: Account) -> None:
    version = policy_version()

    say(LlmPolicy(only=frozenset({GPT}), block=frozenset({HAIKU}), is_locked=True))

    kept = access_of("copilot", offered=(GPT, HAIKU)).policies
    assert kept == {
        MARKETING.id: LlmPolicy(frozenset({GPT}), block=frozenset({HAIKU}), is_locked=True)
    }
    assert policy_version() == version + 1
    entry = AuditEntry.objects.order_by("-id")[0]
    assert entry.sentence == "The tests changed which LLMs Marketing may use"
    assert entry.after == {"only": ["gpt-5"], "add": [], "block": ["claude-haiku"], "locked": True}


def test_an_empty_list_is_not_the_same_as_no_list(in_acme: Account) -> None:
    say(LlmPolicy(only=frozenset()))

    assert access_of("copilot", offered=()).policies[MARKETING.id].only == frozenset()


def test_a_policy_that_says_nothing_leaves_no_row(in_acme: Account) -> None:
    say(LlmPolicy(add=frozenset({GPT})))

    before = say(LlmPolicy())

    assert before == LlmPolicy(add=frozenset({GPT}))
    assert not NodeLlmPolicy.objects.exists()


def test_saying_the_same_again_changes_nothing(in_acme: Account) -> None:
    say(LlmPolicy(add=frozenset({GPT})))
    version, entries = policy_version(), AuditEntry.objects.count()

    say(LlmPolicy(add=frozenset({GPT})))

    assert (policy_version(), AuditEntry.objects.count()) == (version, entries)


def test_products_do_not_see_each_others_policies(in_acme: Account) -> None:
    say(LlmPolicy(add=frozenset({GPT})))

    assert access_of("console", offered=(GPT,)).policies == {}


def test_a_feature_is_switched_and_inherited_again(in_acme: Account) -> None:
    def turn(switch: Switch | None) -> Switch | None:
        return set_feature(
            product="console",
            node=MARKETING,
            feature="personal_keys",
            switch=switch,
            actor=TESTS,
        )

    turn(Switch(is_on=False, is_locked=True))
    access = access_of("console", offered=())
    assert access.switches == {"personal_keys": {MARKETING.id: Switch(False, True)}}
    assert not access.has("personal_keys", (MARKETING,))
    assert AuditEntry.objects.order_by("-id")[0].sentence == (
        "The tests set Personal keys for Marketing to off, locked"
    )

    assert turn(None) == Switch(False, True)
    assert not FeatureSwitch.objects.exists()


@pytest.mark.parametrize("feature", ["", "fly", "personal_keys"])
def test_a_product_has_the_features_of_its_registry(in_acme: Account, feature: str) -> None:
    with pytest.raises(UnknownFeature):
        set_feature(product="copilot", node=MARKETING, feature=feature, switch=None, actor=TESTS)


def test_what_the_super_admin_withholds_is_off_for_all(in_acme: Account) -> None:
    access = access_of("copilot", offered=(), withheld=("image_generation",))

    decision = access.why_feature("image_generation", (MARKETING,))

    assert decision is not None
    assert (decision.is_allowed, decision.reason.rule) == (False, "plan")
