"""`CockpitModelAdmin`: an admin class that cannot write past the services."""

from collections.abc import Callable
from typing import Any, ClassVar

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.admin import ModelAdmin

from core.access.permissions import may
from core.audit.services import Actor
from core.kit.problems import Problem
from core.ui.middleware import actor_of

_PROBLEM = "_cockpit_problem"


class CockpitModelAdmin(ModelAdmin):  # type: ignore[misc]  # unfold has no types
    """Browsing and plain edits of one noun.

    `view_permission` and `manage_permission` are codenames. `create` and `update` are services:
    without `create` there is no add button, without `update` the form is read-only, and nothing
    is ever deleted here. A `Problem` raised by a service becomes a form error, with the input
    kept.
    """

    view_permission: ClassVar[str]
    manage_permission: ClassVar[str]
    compressed_fields = True
    warn_unsaved_form = True
    list_per_page = 50
    show_full_result_count = False
    actions = None

    def create(self, *, actor: Actor, values: dict[str, Any], request: HttpRequest) -> Any:
        """Create a row through a service and return it."""
        raise NotImplementedError

    def update(
        self, row: Any, *, actor: Actor, values: dict[str, Any], request: HttpRequest
    ) -> None:
        """Apply the changed values to a row through a service."""
        raise NotImplementedError

    def has_module_permission(self, request: HttpRequest) -> bool:
        return may(request.user, self.view_permission)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may(request.user, self.view_permission)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self._overrides("create") and may(request.user, self.manage_permission)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._overrides("update") and may(request.user, self.manage_permission)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(
        self,
        request: HttpRequest,
        obj: Any,
        form: "ModelForm[Any]",
        change: bool,  # noqa: FBT001
    ) -> None:
        values = form.cleaned_data
        if change:
            changed = {name: values[name] for name in form.changed_data if name in values}
            stored = self.model._default_manager.get(pk=obj.pk)
            self.update(stored, actor=actor_of(request), values=changed, request=request)
        else:
            created = self.create(actor=actor_of(request), values=values, request=request)
            obj.__dict__.update(created.__dict__)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:  # noqa: FBT001
        """The services have saved everything."""

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        # The first pass runs the service in a transaction. When it raises, nothing is kept, and
        # the second pass shows the same input with what was wrong.
        response: HttpResponse
        try:
            response = super().changeform_view(request, object_id, form_url, extra_context)
        except Problem as problem:
            setattr(request, _PROBLEM, problem)
            response = super().changeform_view(request, object_id, form_url, extra_context)
            response.status_code = 422
        return response

    def get_form(
        self,
        request: HttpRequest,
        obj: Any = None,
        change: bool = False,  # noqa: FBT001, FBT002
        **kwargs: Any,
    ) -> "type[ModelForm[Any]]":
        form_class: type[ModelForm[Any]] = super().get_form(request, obj, change, **kwargs)
        problem: Problem | None = getattr(request, _PROBLEM, None)
        return form_class if problem is None else _with_problem(form_class, problem)

    def act(
        self, request: HttpRequest, object_id: str, act: Callable[[Any, Actor], Any], done: str
    ) -> HttpResponse:
        """Run a service for one row from a detail action, and go back with a message."""
        if not may(request.user, self.manage_permission):
            raise PermissionDenied
        row = self.get_object(request, object_id)
        if row is None:
            gone: HttpResponse = self._get_obj_does_not_exist_redirect(
                request, self.opts, object_id
            )
            return gone
        try:
            act(row, actor_of(request))
        except Problem as problem:
            messages.error(request, problem.detail)
        else:
            messages.success(request, done)
        return self.back_to(row)

    def back_to(self, row: Any) -> HttpResponse:
        """Return to a row's page."""
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_change"
        return HttpResponseRedirect(reverse(name, args=(row.pk,)))

    # Django's own admin log would be a second, weaker audit trail.
    def log_addition(self, *args: Any, **kwargs: Any) -> None: ...
    def log_change(self, *args: Any, **kwargs: Any) -> None: ...
    def log_deletions(self, *args: Any, **kwargs: Any) -> None: ...

    def _overrides(self, name: str) -> bool:
        return getattr(type(self), name) is not getattr(CockpitModelAdmin, name)


def _with_problem(form_class: "type[ModelForm[Any]]", problem: Problem) -> "type[ModelForm[Any]]":
    class FormWithProblem(form_class):  # type: ignore[valid-type, misc]
        def clean(self) -> Any:
            cleaned = super().clean()
            add_problem(self, problem)
            return cleaned

    return FormWithProblem


def add_problem(form: Any, problem: Problem) -> None:
    """Show a problem on the fields that it names, or above the form."""
    for error in problem.extensions.get("errors", ()):
        field = str(error["pointer"]).strip("/").split("/")[0]
        if field in form.fields:
            form.add_error(field, error["detail"])
    if not form.errors:
        form.add_error(None, problem.detail)
