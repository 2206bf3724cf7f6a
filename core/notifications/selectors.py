"""Reads of notifications: newest first, by cursor, each person's own only."""

from uuid import UUID

from core.identity.models import User
from core.kit.problems import NotFound
from core.notifications import kinds
from core.notifications.kinds import Kind
from core.notifications.models import MailChoice, Notification
from core.notifications.unread import MOST, keep_count, kept_count


def notifications_of(
    user: User,
    *,
    only_unread: bool = False,
    kind: str = "",
    before: UUID | None = None,
    limit: int = 50,
) -> list[Notification]:
    """Return somebody's notifications. `before` is the id of the last one already shown."""
    rows = Notification.objects.filter(user=user)
    if only_unread:
        rows = rows.filter(read_at=None)
    if kind:
        rows = rows.filter(kind=kind)
    if before is not None:
        rows = rows.filter(pk__lt=before)
    return list(rows.order_by("-id")[:limit])


def notification_of(user: User, notification_id: UUID) -> Notification:
    """Return one of somebody's own notifications.

    Raises:
        NotFound: they have none of that id.
    """
    found = Notification.objects.filter(user=user, pk=notification_id).first()
    if found is None:
        raise NotFound("There is no such notification. It may have been removed with age.")
    return found


def unread_count(user: User) -> int:
    """Return how many notifications somebody has not read, at most 100."""
    count = kept_count(user.pk)
    if count is None:
        # Counting stops where the bell stops saying a number.
        rows = Notification.objects.filter(user=user, read_at=None).order_by()
        count = rows.values("pk")[:MOST].count()
        keep_count(user.pk, count)
    return count


def kinds_of(user: User) -> list[Kind]:
    """Return the kinds of which somebody has notifications; for a filter."""
    names = Notification.objects.filter(user=user).order_by("kind").values_list("kind", flat=True)
    return [kinds.kind_named(name) for name in names.distinct()]


def mail_choices(user: User) -> list[tuple[Kind, bool]]:
    """Return every kind, and whether somebody gets it by mail."""
    chosen = dict(MailChoice.objects.filter(user=user).values_list("kind", "is_on"))
    return [(kind, chosen.get(kind.name, kind.by_mail)) for kind in kinds.all_kinds()]
