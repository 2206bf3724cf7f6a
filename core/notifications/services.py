"""Every write of notifications: tell people, mark as read, choose what comes by mail, forget."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction

from core.audit.services import Actor
from core.identity.models import User
from core.kit.clock import now
from core.notifications import kinds
from core.notifications.models import MailChoice, Notification
from core.notifications.unread import forget_on_commit
from core.tenancy.jobs import enqueue_on_commit

# As long as anybody looks back for what they have read, and for what they have not.
KEPT_READ_DAYS = 90
KEPT_DAYS = 365
_BATCH = 500


@transaction.atomic
def notify(
    *,
    users: Iterable[User],
    kind: str,
    dedup_key: str,
    params: Mapping[str, Any] | None = None,
    link: str = "",
    product: str = "",
    not_to: Actor | None = None,
) -> list[Notification]:
    """Tell people of something once, and return what is new.

    Telling again with the same `dedup_key` tells nothing to who was told before. `link` is a path
    on the account's host. `not_to` is who did it: nobody is told of what they did themselves.
    Those who want the kind by mail get one after the commit.
    """
    assert kinds.is_registered(kind), f"Declare the kind {kind} with its sentence."
    assert not link or (link.startswith("/") and not link.startswith("//")), link
    told = {
        user.pk: Notification(
            user=user,
            kind=kind,
            params=dict(params or {}),
            link=link,
            product=product,
            dedup_key=dedup_key,
        )
        for user in users
        if not (not_to and not_to.kind == "user" and not_to.id == str(user.pk))
    }
    # In one order, so that two who tell the same people cannot wait for each other.
    rows = [told[user_id] for user_id in sorted(told)]
    Notification.objects.bulk_create(rows, batch_size=_BATCH, ignore_conflicts=True)
    new = _inserted(rows)
    for batch in _batches(new):
        enqueue_on_commit("notifications.mail", ids=[str(row.pk) for row in batch])
    if new:
        forget_on_commit([row.user_id for row in new])
    return new


@transaction.atomic
def mark_read(*, user: User, notification_id: UUID) -> None:
    """Mark one of somebody's own notifications as read; another's is not touched."""
    rows = Notification.objects.filter(user=user, pk=notification_id, read_at=None)
    rows.update(read_at=now())
    forget_on_commit([user.pk])


@transaction.atomic
def mark_all_read(*, user: User) -> int:
    """Mark all that somebody has not read as read, and return how many there were."""
    marked = Notification.objects.filter(user=user, read_at=None).update(read_at=now())
    forget_on_commit([user.pk])
    return marked


@transaction.atomic
def choose_mail(*, user: User, wanted: Iterable[str]) -> None:
    """Set which kinds somebody gets by mail too: those named and no other."""
    chosen = set(wanted)
    MailChoice.objects.bulk_create(
        [
            MailChoice(user=user, kind=kind.name, is_on=kind.name in chosen)
            for kind in kinds.all_kinds()
        ],
        update_conflicts=True,
        unique_fields=("user", "kind"),
        update_fields=("is_on",),
    )


def forget_old() -> int:
    """Delete what was read long ago and what nobody has read in a year; return how many."""
    moment = now()
    gone = 0
    for rows in (
        Notification.objects.filter(
            created_at__lt=moment - timedelta(days=KEPT_READ_DAYS), read_at__isnull=False
        ),
        Notification.objects.filter(created_at__lt=moment - timedelta(days=KEPT_DAYS)),
    ):
        # In small pieces: nobody who opens the inbox waits for the job.
        while ids := list(rows.values_list("pk", flat=True)[:_BATCH]):
            gone += Notification.objects.filter(pk__in=ids).delete()[0]
    return gone


def _inserted(rows: list[Notification]) -> list[Notification]:
    """Return the rows that were not there before: ids are made here, so a found one is new."""
    found: set[UUID] = set()
    for batch in _batches(rows):
        ids = [row.pk for row in batch]
        found |= set(Notification.objects.filter(pk__in=ids).values_list("pk", flat=True))
    return [row for row in rows if row.pk in found]


def _batches(rows: list[Notification]) -> Iterable[list[Notification]]:
    return (rows[start : start + _BATCH] for start in range(0, len(rows), _BATCH))
