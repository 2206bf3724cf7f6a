"""News of roles. Identity stands below and cannot tell anybody itself."""

from typing import Any

from django.dispatch import receiver
from django.utils.translation import gettext_lazy as _

from core.audit.services import Actor
from core.identity.models import Role, RoleAssignment
from core.identity.signals import role_given
from core.notifications import kinds
from core.notifications.services import notify
from core.tenancy.context import in_account_schema

MADE_ADMIN = kinds.register(
    "role.given",
    label=_("You were made an admin"),
    sentence=_("{actor} made you {role}"),
    icon="admin_panel_settings",
    by_mail=True,
)


@receiver(role_given)
def on_role_given(assignment: RoleAssignment, actor: Actor, **_: Any) -> None:
    """Tell somebody of a role that lets them administer; a seat is the hierarchy's news."""
    role = Role(assignment.role)
    if role is Role.MEMBER or not in_account_schema():
        return
    notify(
        users=[assignment.user],
        kind=MADE_ADMIN,
        params={"actor": actor.label, "role": str(role.label).lower()},
        link=f"/{assignment.product}/" if assignment.product else "/",
        product=assignment.product,
        dedup_key=f"role:{assignment.pk}",
        not_to=actor,
    )
