"""Jobs of notifications."""

from core.notifications import services
from core.notifications.mailing import mail_notifications
from core.tenancy.jobs import account_job, fan_out, platform_job


@account_job(name="notifications.mail")
def mail(*, ids: list[str]) -> int:
    """Mail the notifications of these ids to those who want them by mail."""
    return mail_notifications(ids)


@platform_job(name="platform.forget_notifications")
def forget_all() -> int:
    """Start `notifications.forget_old` in each account."""
    return fan_out("notifications.forget_old")


@account_job(name="notifications.forget_old")
def forget_old() -> int:
    """Delete notifications that have had their time."""
    return services.forget_old()
