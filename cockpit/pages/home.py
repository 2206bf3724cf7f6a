"""The start page: whichever page of whichever product is right for who comes in."""

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_safe

from core.access.permissions import PRODUCTS, permissions_of
from core.ui.alone import no_place
from core.ui.context import current_product, home_of


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Go on to the product that was last in view, to its overview or to one's own page in it."""
    if not request.user.is_authenticated:
        return redirect_to_login("/")
    if not permissions_of(request.user):
        return no_place(request)
    last = current_product(request)
    for product in sorted(PRODUCTS, key=lambda product: product != last):
        if first := home_of(product, permissions_of(request.user)):
            return HttpResponseRedirect(first)
    return no_place(request)
