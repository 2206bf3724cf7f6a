"""Tells people of keys that are about to expire."""

from datetime import timedelta

from django.utils.translation import gettext_lazy as _

from console.models import VirtualKey
from core.kit.clock import now
from core.notifications import kinds
from core.notifications.services import notify

# Enough time to put a new key wherever the old one is used.
WARNED_DAYS = 7
KEY_EXPIRES = kinds.register(
    "key.expires",
    label=_("One of your virtual keys is about to expire"),
    sentence=_("Your key {key} expires on {day}. Create a new one in time."),
    icon="key",
    tone="warn",
    by_mail=True,
)


def warn_of_expiring_keys() -> int:
    """Tell the owners of keys that expire within a week, once for each; return how many.

    A team's key has no owner to tell; its page says so to who administers the team.
    """
    moment = now()
    keys = VirtualKey.objects.filter(
        revoked_at=None,
        expires_at__gt=moment,
        expires_at__lte=moment + timedelta(days=WARNED_DAYS),
        membership__archived_at=None,
        membership__member__archived_at=None,
    ).exclude(membership=None)
    told = 0
    for key in keys.select_related("membership__member__user"):
        assert key.expires_at is not None
        assert key.membership is not None
        told += len(
            notify(
                users=[key.membership.member.user],
                kind=KEY_EXPIRES,
                params={"key": key.name, "day": f"{key.expires_at:%d %B %Y}"},
                link=f"/console/keys/{key.pk}/",
                product="console",
                dedup_key=f"key-expires:{key.pk}:{key.expires_at:%Y-%m-%d}",
            )
        )
    return told
