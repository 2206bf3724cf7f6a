"""Forms of pages: plain Django forms that speak in credits and turn problems into errors."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from core.kit.money import Microcredits, format_credits, parse_credits
from core.kit.problems import Problem

OK = 200
UNPROCESSABLE = 422


class CockpitForm(forms.Form):
    """A form of a page, rendered by `components/form.html`.

    `with problems_as_form_errors(form):` puts a service's refusal on the field that it names.
    """

    @property
    def http_status(self) -> int:
        """The status of the page that shows the form: 422 when it comes back with errors."""
        return UNPROCESSABLE if self.is_bound and self.errors else OK


class CreditsField(forms.CharField):
    """An amount that people type in credits and that services take in micro-credits."""

    def __init__(self, *, allow_zero: bool = True, **options: Any) -> None:
        self.allow_zero = allow_zero
        options.setdefault("max_length", 24)
        super().__init__(**options)
        self.widget.attrs.update(inputmode="decimal", autocomplete="off", placeholder="0")

    def run_validators(self, value: Any) -> None:
        """Nothing more: a text field's validators would measure the length of a number."""

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        if not text:
            return None
        try:
            amount = parse_credits(text)
        except ValueError as error:
            raise forms.ValidationError(str(error), code="credits") from None
        if amount < 0:
            raise forms.ValidationError(_("Enter zero or more credits."), code="negative")
        if amount == 0 and not self.allow_zero:
            raise forms.ValidationError(_("Enter more than zero credits."), code="zero")
        return Microcredits(amount)

    def prepare_value(self, value: Any) -> Any:
        """Show a stored amount as people would type it."""
        return format_credits(value) if isinstance(value, int) else value


def add_problem(form: Any, problem: Problem) -> None:
    """Show a problem on the fields that it names, or above the form."""
    for error in problem.extensions.get("errors", ()):
        field = str(error["pointer"]).strip("/").split("/")[0]
        if field in form.fields:
            form.add_error(field, error["detail"])
    if not form.errors:
        form.add_error(None, problem.detail)
