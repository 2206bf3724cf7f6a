"""Who may call an endpoint. Without a word of its own an endpoint admits nobody."""

from typing import Any

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from core.access.permissions import may
from core.api.credentials import Credentials
from core.tokens.scopes import MANAGE


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

    A user token needs, on top of that, the product of the codename and the scope of the view:
    `token_scope`, or `manage` where it declares none. A client app's own token carries no
    codename at all.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        is_read = request.method in SAFE_METHODS
        codename: str = view.read_permission if is_read else view.write_permission
        credentials = request.auth
        if not isinstance(credentials, Credentials) or credentials.kind == "service":
            return False
        if credentials.kind == "user":
            scope = getattr(view, "token_scope", MANAGE)
            product = codename.partition(".")[0]
            if credentials.product != product or scope not in credentials.scopes:
                return False
        return may(request.user, codename)
