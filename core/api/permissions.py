"""Who may call an endpoint. Without a word of its own an endpoint admits nobody."""

from typing import Any

from rest_framework.exceptions import MethodNotAllowed
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from core.access.permissions import may
from core.api.credentials import Credentials
from core.tokens.scopes import MANAGE, covers, scopes_with


class DenyAll(BasePermission):
    """The default: an endpoint that declares nothing is closed."""

    def has_permission(self, request: Request, view: Any) -> bool:
        return False


class Open(BasePermission):
    """Declared on purpose: anybody may call, or the endpoint authenticates by itself."""

    def has_permission(self, request: Request, view: Any) -> bool:
        return True


class HasCodename(BasePermission):
    """The user carries the codename that the view declares: `read_permission`, `write_permission`.

    A token needs, on top of that, the product of the codename and a scope that lets it through:
    the view's `token_scope`, one of `SCOPE_CODENAMES`, or `manage`. A client app's own token has
    no user behind it, so it may do exactly what its scopes name; `manage` gives it nothing.
    """

    message: str | None = None

    def has_permission(self, request: Request, view: Any) -> bool:
        is_read = request.method in SAFE_METHODS
        codename: str = getattr(view, "read_permission" if is_read else "write_permission", "")
        credentials = request.auth
        if not isinstance(credentials, Credentials):
            return False
        if not codename:
            # A resource that is only read: who is let in hears so, whatever the right.
            raise MethodNotAllowed(str(request.method))
        if credentials.kind == "session":
            return may(request.user, codename)
        product, _, verb = codename.partition(".")
        if credentials.product != product:
            self.message = f"The token is for {credentials.product}, this is of {product}."
            return False
        if credentials.kind == "service":
            return self._covers(credentials, verb)
        wanted = getattr(view, "token_scope", MANAGE)
        if wanted not in credentials.scopes and not self._covers(credentials, verb, wanted):
            return False
        return may(request.user, codename)

    def _covers(self, credentials: Credentials, verb: str, *also: str) -> bool:
        if covers(credentials.scopes, verb):
            return True
        # The next step is another scope, not another role.
        wanted = " or ".join([*scopes_with(verb), *also])
        self.message = f"The token's scopes do not include this; it takes {wanted or 'a session'}."
        return False
