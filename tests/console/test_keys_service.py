"""Virtual keys: shown once, stored hashed, one's own, revoked at once."""

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from console.errors import KeyRevoked
from console.models import Membership, VirtualKey
from console.product import PRODUCT
from console.selectors import keys as selectors
from console.services import keys as services
from console.services.key_settings import Limits, limits_of
from console.services.keys import NewKey
from core.access.errors import FeatureOff
from core.access.rules.switches import Switch
from core.access.services import set_feature
from core.audit.models import AuditEntry
from core.hierarchy.errors import IsArchived
from core.hierarchy.policies import path_of
from core.hierarchy.services import members
from core.identity.models import User
from core.kit.problems import InvalidInput, NotFound
from core.tenancy.context import in_account, in_public
from core.tenancy.policy import policy_version
from tenants.models import Account
from tenants.services.features import set_features
from tests.cast import TESTS, actor_of

AT = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


def primary_place_of(user: User) -> Membership:
    return Membership.objects.get(member__user=user, is_primary=True)


def make(account: Account, user: User, name: str = "laptop") -> NewKey:
    return services.create_key(
        account=account, membership=primary_place_of(user), name=name, actor=actor_of(user)
    )


def change(key: VirtualKey, **changes: Any) -> VirtualKey:
    """Change what is named and leave the rest as it is."""
    limits = {field.name for field in fields(Limits)} & changes.keys()
    now_held = replace(limits_of(key), **{name: changes.pop(name) for name in limits})
    settings = {"name": key.name, "expires_at": key.expires_at, "tags": tuple(key.tags), **changes}
    return services.change_key(key=key, limits=now_held, actor=TESTS, **settings)


# -- personal keys ---------------------------------------------------------------------------------


def switch_personal_keys_off(user: User) -> None:
    place = primary_place_of(user)
    node = path_of(PRODUCT, place)[-2]
    set_feature(
        product="console",
        node=node,
        feature="personal_keys",
        switch=Switch(is_on=False),
        actor=TESTS,
    )


def test_without_personal_keys_a_developer_makes_none(in_acme: Account, mia: User) -> None:
    switch_personal_keys_off(mia)

    with pytest.raises(FeatureOff) as caught:
        make(in_acme, mia)

    assert "Content turns Personal keys off" in caught.value.detail
    assert not VirtualKey.objects.exists()


def test_an_admin_may_still_give_a_key(in_acme: Account, mia: User, ada: User) -> None:
    switch_personal_keys_off(mia)

    services.create_key(
        account=in_acme, membership=primary_place_of(mia), name="theirs", actor=actor_of(ada)
    )

    assert VirtualKey.objects.get().name == "theirs"


def test_what_the_super_admin_withholds_no_switch_brings_back(in_acme: Account, mia: User) -> None:
    with in_public():
        set_features(account=in_acme, product="console", features=(), actor=TESTS)

    with pytest.raises(FeatureOff) as caught:
        make(in_acme, mia)

    assert "super admin" in caught.value.detail


# -- creating --------------------------------------------------------------------------------------


def test_a_new_key_names_its_account_and_is_stored_hashed(in_acme: Account, mia: User) -> None:
    new = make(in_acme, mia)

    prefix, slug, random = new.token.split("_")
    assert (prefix, slug, len(random)) == ("ck", "acme", 40)
    key = VirtualKey.objects.get()
    assert key.token_hash == services.hash_of(new.token)
    assert key.last_four == new.token[-4:]
    assert random not in str(VirtualKey.objects.values().get())
    assert random not in repr(new)


def test_two_keys_are_never_alike(in_acme: Account, mia: User) -> None:
    assert make(in_acme, mia).token != make(in_acme, mia).token


def test_creation_is_audited_without_the_token(in_acme: Account, mia: User) -> None:
    new = make(in_acme, mia)

    entry = AuditEntry.objects.get(verb="key.created")
    assert entry.sentence == "Mia Member created the key laptop for Mia Member"
    assert entry.product == "console"
    assert new.token not in str(entry.after)


@pytest.mark.parametrize("name", ["", " \t ", "x" * 121, "bell\x07", "nul\x00"])
def test_a_name_that_cannot_be_is_refused(in_acme: Account, mia: User, name: str) -> None:
    with pytest.raises(InvalidInput):
        make(in_acme, mia, name)

    assert not VirtualKey.objects.exists()


def test_an_expiry_lies_in_the_future(in_acme: Account, mia: User) -> None:
    with time_machine.travel(AT, tick=False), pytest.raises(InvalidInput):
        services.create_key(
            account=in_acme,
            membership=primary_place_of(mia),
            name="late",
            expires_at=AT,
            actor=TESTS,
        )


def test_archived_members_get_no_keys(in_acme: Account, mia: User) -> None:
    place = primary_place_of(mia)
    members.archive_member(product=PRODUCT, member=place.member, actor=TESTS)
    place.refresh_from_db()

    with pytest.raises(IsArchived):
        services.create_key(account=in_acme, membership=place, name="x", actor=TESTS)


# -- changing --------------------------------------------------------------------------------------


def test_a_key_is_renamed(in_acme: Account, mia: User) -> None:
    key = make(in_acme, mia).key

    change(key, name=" build   server ")

    assert VirtualKey.objects.get().name == "build server"
    entry = AuditEntry.objects.get(verb="key.renamed")
    assert entry.sentence == "The tests renamed the key laptop to build server"


def test_revoking_is_final_audited_and_moves_the_policy(in_acme: Account, mia: User) -> None:
    key = make(in_acme, mia).key
    before = policy_version()

    services.revoke_key(key=key, reason="Lost laptop", actor=TESTS)

    assert policy_version() == before + 1
    assert VirtualKey.objects.get().revoked_at is not None
    entry = AuditEntry.objects.get(verb="key.revoked")
    assert entry.sentence == "The tests revoked the key laptop of Mia Member"
    assert entry.reason == "Lost laptop"
    with pytest.raises(KeyRevoked):
        services.revoke_key(key=key, actor=TESTS)
    with pytest.raises(KeyRevoked):
        change(key, name="again")


def test_use_is_noted_once_a_minute(in_acme: Account, mia: User) -> None:
    key = make(in_acme, mia).key

    for seconds in (0, 59, 61):
        with time_machine.travel(AT + timedelta(seconds=seconds), tick=False):
            services.note_key_use(key_id=key.pk)
        key.refresh_from_db()
        assert key.last_used_at == AT + timedelta(seconds=61 if seconds == 61 else 0)


# -- who sees which --------------------------------------------------------------------------------


def test_members_see_their_own_keys_and_admins_all(
    in_acme: Account, ada: User, mia: User, theo: User
) -> None:
    mias, theos = make(in_acme, mia).key, make(in_acme, theo).key

    assert list(selectors.keys_for(mia)) == [mias]
    assert set(selectors.keys_for(ada)) == {mias, theos}
    assert selectors.key_for(mia, mias.pk) == mias
    assert selectors.key_for(ada, str(theos.pk)) == theos
    for other in (theos.pk, "junk", "", "00000000-0000-0000-0000-000000000000"):
        with pytest.raises(NotFound):
            selectors.key_for(mia, other)


def test_who_has_no_seat_sees_none(in_acme: Account, mia: User, theo: User) -> None:
    make(in_acme, theo)
    place = primary_place_of(mia)
    members.archive_member(product=PRODUCT, member=place.member, actor=TESTS)

    assert not selectors.keys_for(User.objects.get(pk=mia.pk)).exists()


def test_keys_of_one_account_are_unknown_in_another(
    in_acme: Account, globex: Account, mia: User, eve: User
) -> None:
    new = make(in_acme, mia)

    with in_account(globex):
        assert not selectors.keys_for(eve).exists()
        assert selectors.key_of_hash(services.hash_of(new.token)) is None


def test_active_keys_are_neither_revoked_nor_expired(in_acme: Account, mia: User) -> None:
    good, revoked, expired = (make(in_acme, mia, name).key for name in ("a", "b", "c"))
    services.revoke_key(key=revoked, actor=TESTS)
    VirtualKey.objects.filter(pk=expired.pk).update(expires_at=AT)

    with time_machine.travel(AT, tick=False):
        assert list(selectors.active_keys(VirtualKey.objects.all())) == [good]


def test_keys_are_made_for_own_places_and_by_admins_for_any(
    in_acme: Account, ada: User, mia: User, theo: User
) -> None:
    own, others = primary_place_of(mia), primary_place_of(theo)

    assert selectors.places_for_key(mia)[0] == own
    assert selectors.place_for_key(mia, own.pk) == own
    assert selectors.place_for_key(ada, others.pk) == others
    for wrong in (others.pk, "junk"):
        with pytest.raises(NotFound):
            selectors.place_for_key(mia, wrong)


def test_listing_keys_takes_one_query(
    in_acme: Account, ada: User, mia: User, django_assert_num_queries: object
) -> None:
    for number in range(5):
        make(in_acme, mia, f"key {number}")
    keys = selectors.keys_for(ada)

    with django_assert_num_queries(1):  # type: ignore[operator]
        shown = [(key.name, key.owner, str(key.membership)) for key in keys]
    assert len(shown) == 5
