"""Caches that a whole process shares answer each account with its own ids.

The content types of Globex have other ids than Acme's, as accounts of different ages do.
"""

from collections.abc import Callable
from functools import lru_cache
from threading import Barrier
from uuid import UUID

import pytest
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.core.cache import cache
from guardian import shortcuts

from copilot.models import Organization
from core.identity.models import User
from core.tenancy import caches
from core.tenancy.context import current_schema, in_account, in_public
from tenants.models import Account
from tests.threads import run_together


def _stored_id() -> int:
    return ContentType.objects.filter(app_label="copilot", model="organization").values_list(
        "id", flat=True
    )[0]


def _ids_seen_by_two_threads(acme: Account, globex: Account) -> list[bool]:
    """Have both threads inside their account before one fills and the other reads the cache."""
    inside, filled = Barrier(2), Barrier(2)

    def look(account: Account, *, is_first: bool) -> bool:
        with in_account(account):
            inside.wait(10)
            if not is_first:
                filled.wait(10)
            seen = ContentType.objects.get_for_model(Organization).pk
            if is_first:
                filled.wait(10)
            return seen == _stored_id()

    return run_together(  # type: ignore[return-value]
        [lambda: look(acme, is_first=True), lambda: look(globex, is_first=False)]
    )


def test_two_threads_see_the_content_types_of_their_accounts(
    acme: Account, globex: Account
) -> None:
    assert _ids_seen_by_two_threads(acme, globex) == [True, True]


def test_djangos_own_cache_would_mix_them(
    acme: Account, globex: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Every copy of the manager: Django makes `objects` anew whenever a model is registered.
    for manager in (ContentType.objects, *ContentType._meta.local_managers):
        monkeypatch.setattr(manager, "_cache", {})

    # A thread that changes its schema meanwhile empties the cache; one try in ten is left alone.
    assert [True, False] in [_ids_seen_by_two_threads(acme, globex) for _ in range(10)]


def test_a_thread_may_start_when_content_types_are_known(in_acme: Account) -> None:
    ContentType.objects.get_for_model(Organization)

    assert run_together([current_schema]) == ["public"]


def test_many_switches_in_many_threads_never_mix_content_types(
    acme: Account, globex: Account
) -> None:
    def look(account: Account) -> bool:
        for _ in range(50):
            with in_account(account):
                ours = ContentType.objects.get_for_model(Organization)
                if ours.pk != _stored_id() or ContentType.objects.get_for_id(ours.pk) != ours:
                    return False
        return True

    calls: list[Callable[[], bool]] = [
        lambda account=account: look(account)  # type: ignore[misc]
        for account in (acme, globex) * 3
    ]

    assert run_together(calls) == [True] * 6


def test_content_types_are_looked_up_once_in_a_request(
    in_acme: Account, django_assert_num_queries: Callable[..., object]
) -> None:
    ContentType.objects.get_for_model(Organization)

    with django_assert_num_queries(0):  # type: ignore[attr-defined]
        ContentType.objects.get_for_model(Organization)


def test_the_cache_survives_models_that_are_registered_later() -> None:
    from django.apps import apps

    apps.clear_cache()

    assert isinstance(vars(ContentType.objects)["_cache"], caches.SchemaCache)


@pytest.fixture
def permitted(acme: Account, globex: Account) -> dict[str, set[UUID]]:
    """One organization of each account that one of its people may view."""
    found: dict[str, set[UUID]] = {}
    for account in (acme, globex):
        with in_account(account):
            organization = Organization.objects.get(is_global=False)
            user = User.objects.exclude(roles__role="account_admin").order_by("email")[0]
            shortcuts.assign_perm("copilot.view_organization", user, organization)
            found[account.slug] = {organization.pk}
    return found


def _may_view(account: Account) -> set[UUID]:
    with in_account(account):
        user = User.objects.exclude(roles__role="account_admin").order_by("email")[0]
        return set(
            shortcuts.get_objects_for_user(
                user, "copilot.view_organization", with_superuser=False
            ).values_list("pk", flat=True)
        )


def test_object_permissions_are_those_of_the_account(
    acme: Account, globex: Account, permitted: dict[str, set[UUID]]
) -> None:
    assert _may_view(acme) == permitted["acme"]
    assert _may_view(globex) == permitted["globex"]


def test_guardians_own_cache_would_lose_them(
    acme: Account,
    globex: Account,
    permitted: dict[str, set[UUID]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    remembering = lru_cache(None)(caches.content_type_of_permission)
    monkeypatch.setattr(shortcuts, "_get_ct_cached", remembering)

    assert _may_view(acme) == permitted["acme"]
    assert _may_view(globex) == set()


def test_an_object_permission_of_one_account_means_nothing_in_another(
    acme: Account, globex: Account, permitted: dict[str, set[UUID]]
) -> None:
    with in_account(acme):
        user = User.objects.exclude(roles__role="account_admin").order_by("email")[0]
        organization = Organization.objects.get(is_global=False)
        assert user.has_perm("copilot.view_organization", organization)

    with in_account(globex):
        assert not user.has_perm("copilot.view_organization", organization)
        assert Permission.objects.filter(codename="view_organization").exists()


def test_djangos_cache_keeps_accounts_apart(acme: Account, globex: Account) -> None:
    with in_account(acme):
        cache.set("word", "acme's")
    with in_account(globex):
        assert cache.get("word") is None
        cache.set("word", "globex's")
    with in_public():
        assert cache.get("word") is None

    with in_account(acme):
        assert cache.get("word") == "acme's"
