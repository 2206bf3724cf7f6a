"""Content policy: what is kept of Console's calls, and for how many days."""

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _, gettext_lazy

from console.product import PRODUCT
from console.selectors.logs import keeps_somebodys, may_keep_content
from core.ui.forms import CockpitForm
from core.ui.middleware import actor_of
from core.ui.pages import page, problems_as_form_errors, render_page
from core.usage.models import Keep
from core.usage.policies import MOST_DAYS, content_policy, set_content_policy


class ContentForm(CockpitForm):
    """Decides what is kept."""

    keep = forms.ChoiceField(label=gettext_lazy("Keep"), choices=Keep.choices)
    days = forms.IntegerField(
        label=gettext_lazy("For so many days"),
        min_value=1,
        max_value=MOST_DAYS,
        help_text=gettext_lazy("Older logs are deleted within the hour."),
    )
    reason = forms.CharField(label=gettext_lazy("Reason"), required=False, max_length=500)


def urls() -> list[URLPattern]:
    """Return the route of the content policy."""

    @page(permission="console.manage_content", methods=("GET", "POST"))
    def content(request: HttpRequest) -> HttpResponse:
        kept = content_policy(PRODUCT.slug)
        may_keep = may_keep_content(request.account.pk)  # type: ignore[attr-defined]
        form = ContentForm(request.POST or None, initial={"keep": kept.keep, "days": kept.days})
        if request.method == "POST" and form.is_valid():
            with problems_as_form_errors(form):
                set_content_policy(
                    product=PRODUCT.slug,
                    **form.cleaned_data,
                    may_keep_content=may_keep,
                    actor=actor_of(request),
                )
                messages.success(request, _("Saved. It holds for calls from now on."))
                return HttpResponseRedirect(reverse("console:content"))
        return render_page(
            request,
            "console/content.html",
            title=_("Content"),
            status=form.http_status,
            form=form,
            may_keep=may_keep,
            keeps_nobodys=may_keep and kept.has_content and not keeps_somebodys(),
        )

    return [path("content/", content, name="content")]
