"""What people set for themselves. Nobody else is concerned, so the audit log says nothing of it."""

from typing import Any

from core.identity.models import Preference, User


def set_preference(*, user: User, name: str, value: Any) -> None:
    """Keep something that somebody has set for themselves; None forgets it."""
    if value is None:
        Preference.objects.filter(user=user, name=name).delete()
    else:
        Preference.objects.update_or_create(user=user, name=name, defaults={"value": value})
