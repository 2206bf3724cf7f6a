"""Forms that make a secret: it stands in the answer to the form, and that answer can be reloaded.

A reload sends the form again. A nonce in the form tells the second time from the first, so that
it neither makes another key nor replaces a secret that somebody has just copied.
"""

from django.contrib import messages
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from core.kit.ids import uuid7

# As long as anybody leaves such a page open.
_REMEMBERED_SECONDS = 86_400


def new_nonce() -> str:
    """Return what a form carries in its hidden field `nonce`."""
    return str(uuid7())


def is_first_time(request: HttpRequest) -> bool:
    """Whether the form is sent for the first time; asking makes it the first time.

    Without Valkey nobody remembers, and the worst is a key too many.
    """
    nonce = request.POST.get("nonce", "")[:64]
    return bool(nonce) and bool(
        cache.add(f"once:{request.user.pk}:{nonce}", 1, _REMEMBERED_SECONDS)
    )


def sent_before(request: HttpRequest, home: str) -> HttpResponse:
    """Answer a form that was sent before: nothing happens, and the list says what is there."""
    messages.info(request, _("This form was sent before; nothing more was done."))
    return HttpResponseRedirect(reverse(home))


def shown_once(response: HttpResponse) -> HttpResponse:
    """Mark a page with a secret that is never shown again: no cache may keep it."""
    response["Cache-Control"] = "no-store"
    return response
