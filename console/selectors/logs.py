"""Reads of Console's call logs: a developer's own, and for admins those of what they administer."""

from uuid import UUID

from django.db.models import QuerySet

from console.product import PRODUCT
from core.access.features import CONTENT_LOGGING
from core.access.permissions import may
from core.access.scopes import NOTHING, scope_of
from core.access.selectors import feature_switches
from core.credits.models import UsageEvent
from core.identity.models import User
from core.usage import logs
from core.usage.models import CallLog
from tenants.selectors import withheld_features

VIEW, VIEW_CONTENT = "console.view_logs", "console.view_content"


def logs_of_user(user: User) -> QuerySet[CallLog]:
    """Return the logs that a user may see."""
    # A developer without a branch sees their own calls, from whichever place they were made.
    scope = scope_of(user, PRODUCT.slug) if may(user, VIEW) else NOTHING
    return logs.logs_for(PRODUCT.slug, scope, user_id=user.pk)


def event_of(log: CallLog) -> UsageEvent | None:
    """Return the usage event of a call, with what it charged; None where it cost nothing."""
    return UsageEvent.objects.filter(pk=log.request_id).first()


def may_keep_content(account_id: UUID) -> bool:
    """Whether the super admin lets an account keep what is said in calls."""
    return CONTENT_LOGGING not in withheld_features(account_id, PRODUCT.slug)


def keeps_somebodys() -> bool:
    """Whether the feature that keeps content is switched on anywhere in the account."""
    switches = feature_switches(PRODUCT.slug).get(CONTENT_LOGGING, {})
    return any(switch.is_on for switch in switches.values())
