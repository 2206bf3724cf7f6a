"""The start page: whichever page of whichever product is right for who comes in."""

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_safe

from core.access.permissions import PRODUCTS, may, permissions_of
from core.ui.context import current_product
from core.ui.errors import no_place


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Go on to the product that was last in view, to its overview or to one's own page in it."""
    if not request.user.is_authenticated:
        return redirect_to_login("/")
    if not permissions_of(request.user):
        return no_place(request)
    last = current_product(request)
    for product in sorted(PRODUCTS, key=lambda product: product != last):
        if may(request.user, f"{product}.view_overview"):
            return HttpResponseRedirect(f"/{product}/")
        if may(request.user, f"{product}.use"):
            return HttpResponseRedirect(f"/{product}/me/")
    return no_place(request)
