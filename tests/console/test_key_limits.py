"""What a key may do less than its owner, whose it is, and how it gets a new token."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from console.binding import principal_for_key
from console.errors import KeyRevoked
from console.models import Membership, Team, VirtualKey
from console.selectors import keys as selectors
from console.selectors.budgets import budget_of, budgets_of
from console.services import keys as services
from console.services.key_settings import Budget, Limits, limits_of
from console.services.keys import NewKey
from core.audit.models import AuditEntry
from core.credits.models import Cap
from core.gateway.limits import KeyLimits
from core.hierarchy.errors import IsArchived
from core.identity.models import User
from core.kit.clock import now
from core.kit.problems import InvalidInput, NotAllowed, NotFound, Unauthenticated
from core.tenancy.context import AccountRef
from core.tenancy.policy import policy_version
from tenants.models import Account
from tests.cast import TESTS
from tests.console.test_keys_service import change, make, primary_place_of

AT = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
LIMITS = Limits(
    llms=("gpt-5-mini", "claude"),
    requests_per_minute=60,
    tokens_per_minute=10_000,
    addresses=("203.0.113.7", "10.1.2.3/8", "2001:db8::/32"),
    budget=Budget(5_000_000, "month"),
)


def team_of(user: User) -> Team:
    place = primary_place_of(user)
    assert place.team is not None
    return place.team


def service_key(account: Account, team: Team, **more: Any) -> NewKey:
    return services.create_key(account=account, team=team, name="robot", actor=TESTS, **more)


def calls_with(account: Account, token: str) -> Any:
    return principal_for_key(AccountRef(account.pk, account.slug, account.schema_name), token)


# -- limits ----------------------------------------------------------------------------------------


def test_a_key_keeps_its_limits_as_they_are_meant(in_acme: Account, mia: User) -> None:
    key = services.create_key(
        account=in_acme, membership=primary_place_of(mia), name="x", limits=LIMITS, actor=TESTS
    ).key

    assert limits_of(VirtualKey.objects.get()) == Limits(
        llms=("gpt-5-mini", "claude"),
        requests_per_minute=60,
        tokens_per_minute=10_000,
        addresses=("203.0.113.7/32", "10.0.0.0/8", "2001:db8::/32"),
        budget=Budget(5_000_000, "month"),
    )
    budget = budget_of(key.pk)
    assert budget is not None
    assert (budget.amount, budget.window, budget.used) == (5_000_000, "month", 0)


def test_the_gateway_hears_of_them(in_acme: Account, mia: User) -> None:
    made = services.create_key(
        account=in_acme, membership=primary_place_of(mia), name="x", limits=LIMITS, actor=TESTS
    )

    principal = calls_with(in_acme, made.token)

    assert principal.limits.llms == {"gpt-5-mini", "claude"}
    assert principal.limits.requests_per_minute == 60
    assert principal.limits.has_address("10.200.0.1")
    assert not principal.limits.has_address("192.0.2.1")
    assert principal.cap_subjects[0] == made.key.pk


def test_without_limits_a_key_may_what_its_owner_may(in_acme: Account, mia: User) -> None:
    assert calls_with(in_acme, make(in_acme, mia).token).limits == KeyLimits()


@pytest.mark.parametrize(
    ("field", "limits"),
    [
        ("requests_per_minute", Limits(requests_per_minute=0)),
        ("tokens_per_minute", Limits(tokens_per_minute=-5)),
        ("tokens_per_minute", Limits(tokens_per_minute=10**12)),
        ("addresses", Limits(addresses=("example.com",))),
        ("addresses", Limits(addresses=("10.0.0.0/99",))),
        ("addresses", Limits(addresses=tuple(f"10.0.0.{n}" for n in range(200)))),
        ("llms", Limits(llms=("bell\x07",))),
        ("budget", Limits(budget=Budget(5, "decade"))),
    ],
)
def test_limits_that_cannot_be_are_refused_by_name(
    in_acme: Account, mia: User, field: str, limits: Limits
) -> None:
    with pytest.raises(InvalidInput) as caught:
        services.create_key(
            account=in_acme, membership=primary_place_of(mia), name="x", limits=limits, actor=TESTS
        )

    assert caught.value.extensions["errors"][0]["pointer"] == f"/{field}"
    assert not VirtualKey.objects.exists()


def test_changing_a_limit_moves_the_policy_and_says_what_was(in_acme: Account, mia: User) -> None:
    key = make(in_acme, mia).key
    before = policy_version()

    change(key, requests_per_minute=5)

    assert policy_version() == before + 1
    entry = AuditEntry.objects.get(verb="key.changed")
    assert entry.before == {"requests_per_minute": None}
    assert entry.after == {"requests_per_minute": 5}


def test_changing_nothing_is_no_change(in_acme: Account, mia: User) -> None:
    key = make(in_acme, mia).key

    change(key)

    assert not AuditEntry.objects.filter(verb__in=("key.changed", "key.renamed")).exists()


def test_a_budget_of_another_window_takes_the_place_of_the_one_before(
    in_acme: Account, mia: User
) -> None:
    key = make(in_acme, mia).key
    change(key, budget=Budget(5, "day"))
    change(key, budget=Budget(7, "month"))
    assert [(cap.window, cap.amount) for cap in Cap.objects.all()] == [("month", 7)]

    change(key, budget=None)

    assert not Cap.objects.exists()
    assert budgets_of([key.pk]) == {}


def test_tags_are_kept_once_and_found(in_acme: Account, mia: User) -> None:
    key = make(in_acme, mia).key
    make(in_acme, mia, "other")

    change(key, tags=("nightly", " nightly ", "eu  west"))

    key.refresh_from_db()
    assert key.tags == ["nightly", "eu west"]
    assert list(selectors.keys_named(VirtualKey.objects.all(), "nightly")) == [key]
    with pytest.raises(InvalidInput):
        change(key, tags=("x" * 41,))


# -- service keys ----------------------------------------------------------------------------------


def test_a_service_key_acts_as_its_team_and_is_paid_from_there(in_acme: Account, mia: User) -> None:
    team = team_of(mia)
    made = service_key(in_acme, team)

    principal = calls_with(in_acme, made.token)

    assert (principal.user_id, principal.member_id, principal.membership_id) == (None, None, None)
    assert principal.wallet_id == team.wallet_id
    assert principal.team_id == team.pk
    assert [node.kind for node in principal.path] == ["global", "organization", "team"]
    assert principal.cap_subjects[:2] == (made.key.pk, team.pk)
    assert (made.key.owner, made.key.is_service) == ("Content", True)


def test_who_administers_the_team_sees_its_service_keys(
    in_acme: Account, ada: User, olga: User, theo: User, mia: User
) -> None:
    key = service_key(in_acme, team_of(mia)).key

    for user in (ada, olga, theo):
        assert selectors.key_for(user, key.pk) == key
    # A member of the team calls with their own keys.
    with pytest.raises(NotFound):
        selectors.key_for(mia, key.pk)


def test_only_admins_make_service_keys(in_acme: Account, ada: User, theo: User, mia: User) -> None:
    team = team_of(mia)

    assert team in selectors.teams_for_key(ada)
    assert list(selectors.teams_for_key(theo)) == [team]
    assert not selectors.teams_for_key(mia).exists()


def test_an_archived_team_calls_no_more(in_acme: Account, mia: User) -> None:
    team = team_of(mia)
    made = service_key(in_acme, team)
    Team.objects.filter(pk=team.pk).update(archived_at=now())
    team.refresh_from_db()

    with pytest.raises(NotAllowed):
        calls_with(in_acme, made.token)
    with pytest.raises(IsArchived):
        service_key(in_acme, team)


# -- rotation --------------------------------------------------------------------------------------


def test_both_tokens_work_during_the_overlap(in_acme: Account, mia: User) -> None:
    with time_machine.travel(AT, tick=False):
        old = make(in_acme, mia)
        new = services.rotate_key(
            account=in_acme, key=old.key, overlap=timedelta(hours=1), actor=TESTS
        )

        assert new.token != old.token
        assert calls_with(in_acme, new.token).key_id == old.key.pk
        principal = calls_with(in_acme, old.token)
    assert principal.key_id == old.key.pk
    # A cache keeps it no longer than the overlap.
    assert principal.expires_at == AT + timedelta(hours=1)


def test_after_the_overlap_the_old_token_is_refused(in_acme: Account, mia: User) -> None:
    with time_machine.travel(AT, tick=False):
        old = make(in_acme, mia)
        new = services.rotate_key(
            account=in_acme, key=old.key, overlap=timedelta(hours=1), actor=TESTS
        )

    with time_machine.travel(AT + timedelta(hours=1), tick=False):
        with pytest.raises(Unauthenticated, match="was rotated"):
            calls_with(in_acme, old.token)
        assert calls_with(in_acme, new.token).expires_at is None


def test_without_overlap_the_old_token_is_unknown_at_once(in_acme: Account, mia: User) -> None:
    old = make(in_acme, mia)
    before = policy_version()

    services.rotate_key(account=in_acme, key=old.key, actor=TESTS)

    assert policy_version() == before + 1
    with pytest.raises(Unauthenticated, match="not known"):
        calls_with(in_acme, old.token)


def test_a_second_rotation_ends_the_first_token(in_acme: Account, mia: User) -> None:
    first = make(in_acme, mia)
    day = timedelta(days=1)
    second = services.rotate_key(account=in_acme, key=first.key, overlap=day, actor=TESTS)
    third = services.rotate_key(account=in_acme, key=first.key, overlap=day, actor=TESTS)

    with pytest.raises(Unauthenticated):
        calls_with(in_acme, first.token)
    for each in (second, third):
        assert calls_with(in_acme, each.token).key_id == first.key.pk


def test_the_overlap_can_be_ended(in_acme: Account, mia: User) -> None:
    old = make(in_acme, mia)
    services.rotate_key(account=in_acme, key=old.key, overlap=timedelta(days=1), actor=TESTS)

    services.end_overlap(key=old.key, actor=TESTS)

    with pytest.raises(Unauthenticated):
        calls_with(in_acme, old.token)


def test_use_of_the_old_token_is_seen(in_acme: Account, mia: User) -> None:
    old = make(in_acme, mia)
    services.rotate_key(account=in_acme, key=old.key, overlap=timedelta(days=1), actor=TESTS)
    calls_with(in_acme, old.token)

    key = VirtualKey.objects.get()

    assert key.previous_used_at is not None
    assert key.last_used_at is None


def test_rotation_is_audited_without_tokens(in_acme: Account, mia: User) -> None:
    old = make(in_acme, mia)

    new = services.rotate_key(account=in_acme, key=old.key, overlap=timedelta(days=1), actor=TESTS)

    entry = AuditEntry.objects.get(verb="key.rotated")
    assert entry.sentence == "The tests rotated the key laptop of Mia Member"
    for token in (old.token, new.token):
        assert token not in f"{entry.before} {entry.after}"
    assert new.token not in repr(new)


@pytest.mark.parametrize("overlap", [timedelta(seconds=-1), timedelta(days=31)])
def test_an_overlap_has_bounds(in_acme: Account, mia: User, overlap: timedelta) -> None:
    key = make(in_acme, mia).key

    with pytest.raises(InvalidInput):
        services.rotate_key(account=in_acme, key=key, overlap=overlap, actor=TESTS)


def test_a_revoked_key_is_not_rotated(in_acme: Account, mia: User) -> None:
    old = make(in_acme, mia)
    services.rotate_key(account=in_acme, key=old.key, overlap=timedelta(days=1), actor=TESTS)
    services.revoke_key(key=old.key, actor=TESTS)

    with pytest.raises(KeyRevoked):
        services.rotate_key(account=in_acme, key=old.key, actor=TESTS)
    # The old token is gone with it.
    with pytest.raises(Unauthenticated, match="revoked"):
        calls_with(in_acme, old.token)


def test_a_place_of_somebody_in_two_teams_is_its_own_owner(in_acme: Account, mia: User) -> None:
    place = Membership.objects.filter(member__user=mia).first()
    assert place is not None

    assert make(in_acme, mia).key.owner == "Mia Member"
