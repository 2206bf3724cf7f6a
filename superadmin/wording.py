"""A plan in a few words."""

from django.utils.translation import gettext

from superadmin.plan_forms import MONTHS, WEEKDAYS


def rhythm_text(period: str, anchor_day: int, anchor_month: int) -> str:
    """Return when cycles begin: monthly on day 15, weekly on Monday."""
    where = {
        "day": anchor_day,
        "weekday": dict(WEEKDAYS).get(anchor_day, ""),
        "month": dict(MONTHS).get(anchor_month, ""),
    }
    match period:
        case "day":
            return gettext("renewed daily")
        case "week":
            return gettext("renewed weekly on %(weekday)s") % where
        case "month":
            return gettext("renewed monthly on day %(day)s") % where
        case "quarter":
            return gettext("renewed quarterly on day %(day)s, counted from %(month)s") % where
        case "year":
            return gettext("renewed yearly on day %(day)s of %(month)s") % where
    return gettext("never renewed")
