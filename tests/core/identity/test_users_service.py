"""Logins: created, invited, joined, deactivated; and the account keeps an admin."""

import pytest
from django.conf import settings
from time_machine import TimeMachineFixture

from core.audit.models import AuditEntry
from core.identity import services
from core.identity.errors import EmailTaken, InvitationInvalid, LastAdmin
from core.identity.models import Invitation, Role, RoleAssignment, User
from core.kit.problems import InvalidInput
from core.tenancy.policy import policy_version
from tenants.models import Account
from tests.cast import PASSWORD, TESTS

NINA = "nina@acme.example"


def _invite(email: str = NINA) -> services.InvitationLink:
    user = services.create_user(email=email, is_active=False, actor=TESTS)
    return services.invite_user(user=user, actor=TESTS)


def test_addresses_are_kept_in_lower_case(in_acme: Account) -> None:
    user = services.create_user(email="  Nina@Acme.Example ", actor=TESTS)

    assert user.email == NINA


def test_one_address_has_one_login(in_acme: Account) -> None:
    services.create_user(email=NINA, actor=TESTS)

    with pytest.raises(EmailTaken):
        services.create_user(email=NINA.upper(), actor=TESTS)


def test_what_is_not_an_address_is_refused(in_acme: Account) -> None:
    with pytest.raises(InvalidInput) as caught:
        services.create_user(email="nina at acme", actor=TESTS)

    assert caught.value.extensions["errors"][0]["pointer"] == "/email"


def test_the_same_person_may_have_a_login_in_both_accounts(
    in_acme: Account, globex: Account
) -> None:
    from core.tenancy.context import in_account

    services.create_user(email=NINA, actor=TESTS)
    with in_account(globex):
        services.create_user(email=NINA, actor=TESTS)

        assert User.objects.filter(email=NINA).count() == 1


def test_without_a_password_nobody_can_sign_in(in_acme: Account) -> None:
    user = services.create_user(email=NINA, actor=TESTS)

    assert not user.has_usable_password()


def test_accepting_sets_name_and_password_and_switches_the_login_on(in_acme: Account) -> None:
    link = _invite()

    user = services.accept_invitation(token=link.token, name=" Nina New ", password=PASSWORD)

    assert (user.name, user.is_active) == ("Nina New", True)
    assert user.check_password(PASSWORD)


def test_the_link_is_not_stored(in_acme: Account) -> None:
    link = _invite()

    assert link.token not in str(Invitation.objects.values().get(pk=link.invitation.pk))


def test_a_link_works_once(in_acme: Account) -> None:
    link = _invite()
    services.accept_invitation(token=link.token, name="Nina", password=PASSWORD)

    with pytest.raises(InvitationInvalid) as caught:
        services.accept_invitation(token=link.token, name="Mallory", password="another long one")

    assert caught.value.extensions["reason"] == "used"
    assert User.objects.get(email=NINA).name == "Nina"


def test_a_link_works_for_seven_days(in_acme: Account, time_machine: TimeMachineFixture) -> None:
    time_machine.move_to("2031-03-01 12:00:00+00:00", tick=False)
    link = _invite()

    time_machine.move_to("2031-03-08 11:59:59+00:00", tick=False)
    assert services.open_invitation(link.token).user.email == NINA

    time_machine.move_to("2031-03-08 12:00:00+00:00", tick=False)
    with pytest.raises(InvitationInvalid) as caught:
        services.open_invitation(link.token)
    assert caught.value.extensions["reason"] == "expired"


def test_a_newer_link_replaces_an_older_one(in_acme: Account) -> None:
    old = _invite()
    new = services.invite_user(user=old.invitation.user, actor=TESTS)

    with pytest.raises(InvitationInvalid) as caught:
        services.open_invitation(old.token)

    assert caught.value.extensions["reason"] == "withdrawn"
    assert services.open_invitation(new.token) == new.invitation


def test_a_made_up_link_opens_nothing(in_acme: Account) -> None:
    with pytest.raises(InvitationInvalid) as caught:
        services.open_invitation("made-up")

    assert caught.value.extensions["reason"] == "unknown"


def test_the_link_of_one_account_opens_nothing_in_another(
    in_acme: Account, globex: Account
) -> None:
    from core.tenancy.context import in_account

    link = _invite()

    with in_account(globex), pytest.raises(InvitationInvalid):
        services.open_invitation(link.token)


@pytest.mark.parametrize("password", ["short", "password12", "1234567890", NINA])
def test_a_weak_password_is_refused_and_the_link_stays_good(
    in_acme: Account, password: str
) -> None:
    link = _invite()

    with pytest.raises(InvalidInput) as caught:
        services.accept_invitation(token=link.token, name="Nina", password=password)

    assert caught.value.extensions["errors"][0]["pointer"] == "/password"
    assert services.open_invitation(link.token) == link.invitation


def test_deactivating_withdraws_the_open_link(in_acme: Account) -> None:
    link = _invite()

    services.deactivate_user(user=link.invitation.user, actor=TESTS)

    with pytest.raises(InvitationInvalid):
        services.accept_invitation(token=link.token, name="Nina", password=PASSWORD)


def test_deactivating_and_reactivating_move_the_policy_version(in_acme: Account, mia: User) -> None:
    before = policy_version()

    services.deactivate_user(user=mia, actor=TESTS)
    services.reactivate_user(user=mia, actor=TESTS)

    assert policy_version() == before + 2


def test_the_last_account_admin_cannot_be_deactivated(in_acme: Account, ada: User) -> None:
    with pytest.raises(LastAdmin):
        services.deactivate_user(user=ada, actor=TESTS)

    assert User.objects.get(pk=ada.pk).is_active


def test_the_last_account_admin_keeps_the_role(in_acme: Account, ada: User) -> None:
    role = RoleAssignment.objects.get(user=ada, role=Role.ACCOUNT_ADMIN)

    with pytest.raises(LastAdmin):
        services.take_role(assignment=role, actor=TESTS)

    assert RoleAssignment.objects.filter(pk=role.pk).exists()


def test_one_of_two_account_admins_can_go(in_acme: Account, ada: User, mia: User) -> None:
    services.give_role(user=mia, role=Role.ACCOUNT_ADMIN, actor=TESTS)

    services.deactivate_user(user=ada, actor=TESTS)

    assert not User.objects.get(pk=ada.pk).is_active


def test_an_admin_who_cannot_sign_in_does_not_count(in_acme: Account, ada: User, mia: User) -> None:
    services.give_role(user=mia, role=Role.ACCOUNT_ADMIN, actor=TESTS)
    services.deactivate_user(user=mia, actor=TESTS)

    with pytest.raises(LastAdmin):
        services.deactivate_user(user=ada, actor=TESTS)


def test_a_role_is_held_once(in_acme: Account, mia: User) -> None:
    first = services.give_role(user=mia, role=Role.ACCOUNT_ADMIN, actor=TESTS)
    again = services.give_role(user=mia, role=Role.ACCOUNT_ADMIN, actor=TESTS)

    assert again == first


def test_each_change_is_one_sentence_in_the_audit_log(in_acme: Account) -> None:
    link = _invite()
    user = services.accept_invitation(token=link.token, name="Nina", password=PASSWORD)
    services.rename_user(user=user, name="Nina New", actor=TESTS)

    entries = AuditEntry.objects.filter(target_id=str(user.pk)).order_by("id")

    assert [entry.sentence for entry in entries] == [
        "The tests added nina@acme.example",
        "The tests invited nina@acme.example",
        "Nina accepted the invitation",
        "The tests changed the name of Nina New to Nina New",
    ]
    assert settings.TOKEN_PEPPER.hex() not in str(list(entries.values()))
