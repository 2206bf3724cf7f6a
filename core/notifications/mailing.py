"""Notifications by mail, for those who want them."""

from collections.abc import Sequence
from uuid import UUID

from django.conf import settings
from django_tenants.utils import get_tenant_model

from core.identity.mail import compose, deliver
from core.kit.clock import now
from core.notifications.kinds import kind_named
from core.notifications.models import MailChoice, Notification
from core.tenancy.context import current_schema


def mail_notifications(ids: Sequence[UUID | str]) -> int:
    """Mail those of these notifications that are wanted by mail, each once; return how many.

    People who cannot sign in get none: they have an invitation, and its link is what they need.
    """
    rows = Notification.objects.filter(pk__in=ids, mailed_at=None, read_at=None)
    rows = rows.filter(user__is_active=True).select_related("user")
    chosen = {
        (choice.user_id, choice.kind): choice.is_on
        for choice in MailChoice.objects.filter(user__in={row.user_id for row in rows})
    }
    return sum(
        _mail(row)
        for row in rows
        if chosen.get((row.user_id, row.kind), kind_named(row.kind).by_mail)
    )


def _mail(row: Notification) -> bool:
    # Whoever claims the row sends it: a job that comes twice must not send twice.
    if not Notification.objects.filter(pk=row.pk, mailed_at=None).update(mailed_at=now()):
        return False
    account = get_tenant_model().objects.get(schema_name=current_schema())
    home = f"{settings.SCHEME}://{account.slug}.{settings.PUBLIC_URL.split('://', 1)[1]}"
    message = compose(
        "notification",
        to=row.user.email,
        company=account.name,
        sentence=row.sentence,
        url=f"{home}{row.link or '/notifications/'}",
        settings_url=f"{home}/profile/#notifications",
    )
    return deliver(message, kind=row.kind)
