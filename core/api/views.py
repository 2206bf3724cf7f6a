"""What answers where nothing else does."""

from typing import Any, NoReturn

from rest_framework.request import Request
from rest_framework.views import APIView

from core.api.permissions import Open
from core.kit.problems import NotFound

_OF_ACCOUNTS = ("/api/copilot/", "/api/console/")


class NoSuchEndpoint(APIView):
    """Answers every unknown path below `/api/` with a problem document."""

    authentication_classes = ()
    permission_classes = (Open,)
    schema = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> NoReturn:
        if getattr(request, "account", None) is None and request.path.startswith(_OF_ACCOUNTS):
            raise NotFound("Call the account's host, or send X-Cockpit-Account without cookies.")
        raise NotFound("There is no such endpoint. The OpenAPI documents list those there are.")
