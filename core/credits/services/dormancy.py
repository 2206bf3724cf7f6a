"""Standing still while the account is archived, and going on afterwards."""

from django.db.models.functions import Now

from core.credits.models import Cycle, Dormancy


def fall_asleep() -> None:
    """Let no book of the account renew from now on. Part of the act that archives it."""
    Dormancy.objects.create()


def wake_up() -> None:
    """Let books renew again; does nothing for an account that is awake. Part of its restoring."""
    Dormancy.objects.filter(ends_at=None).update(ends_at=Now())


def is_asleep() -> bool:
    """Whether the account is archived."""
    return Dormancy.objects.filter(ends_at=None).exists()


def was_asleep_in(cycle: Cycle) -> bool:
    """Whether a cycle both began and ended while the account was archived."""
    if cycle.ends_at is None:
        return False
    whole = Dormancy.objects.filter(starts_at__lte=cycle.starts_at, ends_at__gte=cycle.ends_at)
    return whole.exists()
