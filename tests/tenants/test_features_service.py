"""Features that an account has or has not: the super admin's ceiling."""

import pytest

from core.access.errors import UnknownFeature
from core.audit.models import AuditEntry
from core.tenancy.context import in_account, in_public
from core.tenancy.policy import policy_version
from tenants.models import Account
from tenants.selectors import withheld_features
from tenants.services.features import set_features
from tests.cast import TESTS


def test_an_account_has_every_feature_until_one_is_taken(acme: Account) -> None:
    assert withheld_features(acme.pk, "console") == frozenset()
    with in_account(acme):
        version = policy_version()

    with in_public():
        changed = set_features(
            account=acme,
            product="console",
            features=("image_generation", "playground", "content_logging"),
            actor=TESTS,
        )
        entry = AuditEntry.objects.order_by("-id")[0]

    assert changed == (0, 1)
    assert withheld_features(acme.pk, "console") == {"personal_keys"}
    assert entry.sentence == (
        "The tests changed which features Acme has in Console: took Personal keys"
    )
    with in_account(acme):
        assert policy_version() == version + 1


def test_giving_back_what_was_taken(acme: Account) -> None:
    with in_public():
        set_features(account=acme, product="console", features=(), actor=TESTS)
        changed = set_features(
            account=acme, product="console", features=("personal_keys",), actor=TESTS
        )

    assert changed == (1, 0)
    assert withheld_features(acme.pk, "console") == {
        "image_generation",
        "playground",
        "content_logging",
    }


def test_saying_the_same_again_writes_nothing(acme: Account) -> None:
    with in_public():
        set_features(account=acme, product="copilot", features=(), actor=TESTS)
        entries = AuditEntry.objects.count()

        assert set_features(account=acme, product="copilot", features=(), actor=TESTS) == (0, 0)
        assert AuditEntry.objects.count() == entries


def test_a_feature_of_the_other_product_is_unknown(acme: Account) -> None:
    with in_public(), pytest.raises(UnknownFeature):
        set_features(account=acme, product="copilot", features=("personal_keys",), actor=TESTS)


def test_accounts_are_apart(acme: Account, globex: Account) -> None:
    with in_public():
        set_features(account=acme, product="console", features=(), actor=TESTS)

    assert withheld_features(globex.pk, "console") == frozenset()
