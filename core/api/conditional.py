"""ETags: a client that knows an object need not read it again, nor overwrite what it has not seen.

An ETag is of the representation: it changes exactly when what the endpoint shows changes.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from django.utils.http import parse_etags
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request

from core.kit.problems import PreconditionFailed


def etag_of(shown: Mapping[str, Any]) -> str:
    """Return the ETag of what an endpoint shows of an object."""
    rendered: bytes = JSONRenderer().render(shown)
    return f'"{hashlib.sha256(rendered).hexdigest()[:32]}"'


def is_known(request: Request, etag: str) -> bool:
    """Whether the client has this very representation already."""
    known = parse_etags(request.headers.get("If-None-Match", ""))
    # A proxy that compresses marks the ETags that it passes on as weak.
    return known == ["*"] or etag in [one.removeprefix("W/") for one in known]


def require_match(request: Request, shown: Mapping[str, Any]) -> None:
    """Pass if the client did not ask, or asks for what is there.

    Raises:
        PreconditionFailed: the object is not as the client has seen it.
    """
    asked = request.headers.get("If-Match")
    if asked is None:
        return
    wanted = parse_etags(asked)
    if wanted != ["*"] and etag_of(shown) not in wanted:
        raise PreconditionFailed("Read it again, and send the change with the new ETag.")
