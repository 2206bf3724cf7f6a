"""Appointing and removing admins, of an account and of the platform."""

import pytest

from core.audit.models import AuditEntry
from core.identity import services as identity
from core.identity.errors import EmailTaken, LastAdmin
from core.identity.models import Role, RoleAssignment, User
from core.kit.ids import uuid7
from core.kit.problems import Conflict, InvalidInput, NotFound
from core.tenancy.context import in_account, in_public
from tenants.errors import LastSuperAdmin
from tenants.models import Account
from tenants.selectors import admins_of
from tenants.services import admins, super_admins
from tests.cast import ADA, MIA, PASSWORD, TESTS, actor_of


def test_a_new_person_is_invited(acme: Account) -> None:
    link = admins.appoint_admin(
        account=acme, email="Nora@Acme.example ", name="Nora New", actor=TESTS
    )

    assert link is not None
    [nora] = [admin for admin in admins_of(acme) if admin.email == "nora@acme.example"]
    assert (nora.name, nora.is_active, nora.has_joined) == ("Nora New", False, False)
    assert nora.invitation_expires_at is not None


def test_somebody_with_a_password_gets_no_link_that_would_replace_it(
    acme: Account, mia: User
) -> None:
    link = admins.appoint_admin(account=acme, email=MIA.email.upper(), actor=TESTS)

    assert link is None
    with in_account(acme):
        assert RoleAssignment.objects.filter(user=mia, role=Role.ACCOUNT_ADMIN).exists()
        assert User.objects.get(pk=mia.pk).check_password(PASSWORD)


def test_somebody_deactivated_may_sign_in_again(acme: Account, mia: User) -> None:
    with in_account(acme):
        identity.deactivate_user(user=mia, actor=TESTS)

    admins.appoint_admin(account=acme, email=MIA.email, actor=TESTS)

    with in_account(acme):
        assert User.objects.get(pk=mia.pk).is_active


def test_an_admin_is_not_appointed_twice(acme: Account) -> None:
    with pytest.raises(Conflict):
        admins.appoint_admin(account=acme, email=ADA.email, actor=TESTS)


def test_an_address_that_is_none_is_refused(acme: Account) -> None:
    with pytest.raises(InvalidInput):
        admins.appoint_admin(account=acme, email="nonsense", actor=TESTS)


def test_an_appointment_stands_in_the_platforms_trail(acme: Account) -> None:
    admins.appoint_admin(account=acme, email=MIA.email, actor=TESTS)

    with in_public():
        entry = AuditEntry.objects.first()
        assert entry is not None
        assert entry.sentence == "The tests appointed mia@acme.example as admin of Acme"


def test_a_removed_admin_keeps_the_login(acme: Account, ada: User, mia: User) -> None:
    admins.appoint_admin(account=acme, email=MIA.email, actor=TESTS)

    admins.remove_admin(account=acme, user_id=ada.pk, reason="Left", actor=TESTS)

    assert [admin.email for admin in admins_of(acme)] == [MIA.email]
    with in_account(acme):
        assert User.objects.get(pk=ada.pk).is_active


def test_the_last_admin_stays(acme: Account, ada: User) -> None:
    with pytest.raises(LastAdmin):
        admins.remove_admin(account=acme, user_id=ada.pk, actor=TESTS)


def test_only_an_admin_of_this_account_is_removed(acme: Account, eve: User, mia: User) -> None:
    for somebody in (eve.pk, mia.pk, uuid7()):
        with pytest.raises(NotFound):
            admins.remove_admin(account=acme, user_id=somebody, actor=TESTS)


def test_a_new_link_is_for_those_who_have_not_joined(acme: Account, ada: User) -> None:
    with pytest.raises(Conflict):
        admins.invite_admin_again(account=acme, user_id=ada.pk, actor=TESTS)


def test_a_new_link_replaces_the_former_one(acme: Account) -> None:
    first = admins.appoint_admin(account=acme, email="nora@acme.example", actor=TESTS)
    assert first is not None

    second = admins.invite_admin_again(account=acme, user_id=first.invitation.user_id, actor=TESTS)

    with in_account(acme):
        with pytest.raises(InvalidInput):
            identity.open_invitation(first.token)
        assert identity.open_invitation(second.token).user.email == "nora@acme.example"


# -- super admins ----------------------------------------------------------------------------------


def _second() -> User:
    with in_public():
        return identity.create_user(
            email="tara@cockpit.example", name="Tara Two", password=PASSWORD, actor=TESTS
        )


def test_a_super_admin_is_invited_to_the_public_host(sam: User) -> None:
    link = super_admins.add_super_admin(email="tara@cockpit.example", actor=actor_of(sam))

    assert super_admins.super_admin_invitation_url(link).startswith("http://localhost:")
    with in_public():
        assert not User.objects.get(email="tara@cockpit.example").is_active


def test_a_login_is_not_added_twice(sam: User) -> None:
    with pytest.raises(EmailTaken):
        super_admins.add_super_admin(email=sam.email, actor=actor_of(sam))


def test_a_deactivated_super_admin_cannot_sign_in(sam: User) -> None:
    tara = _second()

    super_admins.deactivate_super_admin(user=tara, reason="Left", actor=actor_of(sam))

    with in_public():
        assert not User.objects.get(pk=tara.pk).is_active


def test_the_last_super_admin_stays(sam: User) -> None:
    super_admins.add_super_admin(email="tara@cockpit.example", actor=TESTS)

    with pytest.raises(LastSuperAdmin):
        super_admins.deactivate_super_admin(user=sam, actor=TESTS)


def test_nobody_deactivates_themselves(sam: User) -> None:
    _second()

    with pytest.raises(Conflict):
        super_admins.deactivate_super_admin(user=sam, actor=actor_of(sam))


def test_a_super_admin_comes_back_with_the_password_of_before(sam: User) -> None:
    tara = _second()
    super_admins.deactivate_super_admin(user=tara, actor=actor_of(sam))

    link = super_admins.reactivate_super_admin(user=tara, actor=actor_of(sam))

    assert link is None
    with in_public():
        assert User.objects.get(pk=tara.pk).is_active


def test_who_never_joined_is_invited_anew(sam: User) -> None:
    first = super_admins.add_super_admin(email="tara@cockpit.example", actor=TESTS)

    second = super_admins.invite_super_admin_again(user=first.invitation.user, actor=TESTS)

    assert first.token != second.token
    with pytest.raises(Conflict):
        super_admins.invite_super_admin_again(user=sam, actor=TESTS)
