"""What answers where nothing else does."""

from typing import Any, NoReturn

from rest_framework.request import Request
from rest_framework.views import APIView

from core.api.permissions import Open
from core.kit.problems import NotFound


class NoSuchEndpoint(APIView):
    """Answers every unknown path below `/api/` with a problem document."""

    authentication_classes = ()
    permission_classes = (Open,)
    schema = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> NoReturn:
        raise NotFound("There is no such endpoint. The OpenAPI documents list those there are.")
