"""Fields of a plan, on the page of an account and in the guided creation of one."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from core.ui.forms import CreditsField
from superadmin.forms import NamedForm, grouped_time_zones
from tenants.models import CreditTerms, Period, Rollover
from tenants.services.credits import Terms

WEEKDAYS = (
    (1, _("Monday")),
    (2, _("Tuesday")),
    (3, _("Wednesday")),
    (4, _("Thursday")),
    (5, _("Friday")),
    (6, _("Saturday")),
    (7, _("Sunday")),
)
MONTHS = (
    (1, _("January")),
    (2, _("February")),
    (3, _("March")),
    (4, _("April")),
    (5, _("May")),
    (6, _("June")),
    (7, _("July")),
    (8, _("August")),
    (9, _("September")),
    (10, _("October")),
    (11, _("November")),
    (12, _("December")),
)


def plan_fields() -> dict[str, forms.Field]:
    """Return the fields that say when credits renew and what rolls over.

    The style sheet hides those that the chosen period does not need; they have defaults.
    """
    return {
        "period": forms.ChoiceField(
            label=_("Renewal"), choices=Period.choices, initial=Period.MONTH
        ),
        "weekday": _choice(_("First day of the cycle"), WEEKDAYS),
        "anchor_day": forms.IntegerField(
            label=_("Day of the month"),
            min_value=1,
            max_value=31,
            required=False,
            initial=1,
            help_text=_("29 to 31 mean the last day of a shorter month."),
        ),
        "anchor_month": _choice(_("First month of the fiscal year"), MONTHS),
        "rollover": forms.ChoiceField(
            label=_("What is left rolls over"),
            choices=Rollover.choices,
            required=False,
            initial=Rollover.NONE,
        ),
        "rollover_cap": CreditsField(
            label=_("Cap"),
            required=False,
            initial="0",
            help_text=_("At most this many credits roll over out of a cycle."),
        ),
    }


def terms_from(values: Mapping[str, Any], *, prefix: str = "") -> Terms:
    """Return the terms that cleaned fields say; `prefix` is the product's in a form for both."""

    def value(name: str, default: Any) -> Any:
        found = values.get(f"{prefix}{name}")
        return default if found in {None, ""} else found

    period = value("period", Period.MONTH)
    return Terms(
        grant_microcredits=value("grant", 0),
        overflow_limit_microcredits=value("overflow_limit", 0),
        period=period,
        anchor_day=int(value("weekday" if period == Period.WEEK else "anchor_day", 1)),
        anchor_month=int(value("anchor_month", 1)),
        rollover=value("rollover", Rollover.NONE),
        rollover_cap_microcredits=value("rollover_cap", 0),
    )


def initial_of(row: CreditTerms | None) -> dict[str, Any]:
    """Return what a form of the terms begins with."""
    if row is None:
        return {"grant": 0, "overflow_limit": 0}
    is_weekly = row.period == Period.WEEK
    return {
        "grant": row.grant_microcredits,
        "overflow_limit": row.overflow_limit_microcredits,
        "period": row.period,
        "weekday": row.anchor_day if is_weekly else 1,
        "anchor_day": 1 if is_weekly else row.anchor_day,
        "anchor_month": row.anchor_month,
        "rollover": row.rollover,
        "rollover_cap": row.rollover_cap_microcredits,
    }


class TermsForm(NamedForm):
    """What an account gets for one product."""

    grant = CreditsField(label=_("Credits per cycle"))
    overflow_limit = CreditsField(
        label=_("Overflow limit"),
        help_text=_("Counts at once. Drawn only when all else is empty; billed later."),
    )
    reason = forms.CharField(label=_("Reason"), max_length=500, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        plan = plan_fields()
        self.fields.update(plan)
        self.order_fields(("grant", *plan, "overflow_limit", "reason"))

    @property
    def terms(self) -> Terms:
        """What the form says, once it is valid."""
        return terms_from(self.cleaned_data)


class TimeZoneForm(NamedForm):
    """Where the days of an account begin."""

    time_zone = forms.ChoiceField(
        label=_("Time zone"),
        choices=grouped_time_zones,
        help_text=_(
            "Days, weeks and months of caps follow at once; cycles when the open ones have ended."
        ),
    )
    reason = forms.CharField(label=_("Reason"), max_length=500, required=False)


class InvoiceForm(NamedForm):
    """A statement has been billed."""

    reference = forms.CharField(
        label=_("Number of the invoice"),
        max_length=120,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    reason = forms.CharField(
        label=_("Reason"),
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("Stands in both audit logs, yours and the company's."),
    )


class SettleForm(NamedForm):
    """A statement has been paid, or nobody will ask for it."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("Such as the date of the payment. Stands in both audit logs."),
    )


def _choice(label: Any, choices: Any) -> forms.TypedChoiceField:
    return forms.TypedChoiceField(
        label=label, choices=choices, coerce=int, required=False, initial=1
    )
