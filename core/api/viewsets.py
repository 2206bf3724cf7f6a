"""`CockpitViewSet`: the base of every resource of the REST API.

It translates and decides nothing: an endpoint reads its input, calls one service or selector and
shows what came of it. DRF's ModelViewSet is not used, because it writes past the services.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property, partial
from typing import Any, ClassVar, NoReturn

from django.core.exceptions import RequestDataTooBig
from django.db import transaction
from django.http.request import RawPostDataException
from django.utils.cache import patch_vary_headers
from rest_framework import exceptions, serializers
from rest_framework.authentication import BaseAuthentication
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from core.access.scopes import EVERYTHING, Scope, scope_of
from core.api import conditional, idempotency, throttling
from core.api.authentication import BearerAuthentication, SessionAuthentication
from core.api.credentials import Credentials, actor_of, principal_of
from core.api.pagination import Page
from core.api.permissions import HasCodename
from core.api.problems import document_of
from core.api.serializers import Input
from core.audit.services import Actor
from core.hierarchy.product import Product
from core.kit.problems import InvalidInput, Problem, Unauthenticated

# A list of some hundred rows fits well; files have endpoints of their own.
LARGEST_BODY = 1024 * 1024


class CockpitViewSet(GenericViewSet[Any]):
    """A resource, by what it declares.

    `read_permission` and `write_permission` are codenames. `input_classes` and `query_classes`
    say, for each action, what its body and its address may hold. `output_class` shows an object.
    """

    authentication_classes: Sequence[type[BaseAuthentication]] = (
        BearerAuthentication,
        SessionAuthentication,
    )
    permission_classes = (HasCodename,)
    # OPTIONS would describe serializers that are not there; the OpenAPI documents do.
    metadata_class = None

    product: ClassVar[Product]
    input_classes: ClassVar[Mapping[str, type[Input]]] = {}
    query_classes: ClassVar[Mapping[str, type[Input]]] = {}
    output_class: ClassVar[type[serializers.BaseSerializer[Any]]]
    # Actions that move credits, make keys or start runs: without the header they are refused.
    key_required_for: ClassVar[frozenset[str]] = frozenset()
    # Actions that answer with a file, not with JSON.
    file_actions: ClassVar[frozenset[str]] = frozenset()

    # -- what a call brings ------------------------------------------------------------------------

    @cached_property
    def input(self) -> dict[str, Any]:
        """The body of this call, checked.

        Raises:
            ValidationError: it is not what `input_classes` says.
        """
        kind = self.input_classes[self.action or ""]
        return _checked(kind, self.request.data, context={"has_types": True})

    @cached_property
    def query(self) -> dict[str, Any]:
        """The parameters of this call's address, checked.

        Raises:
            InvalidInput: they are not what `query_classes` says, or one comes twice.
        """
        given = self.request.query_params
        twice = [name for name, values in given.lists() if len(values) > 1]
        if twice:
            raise _of_parameters({str(name): "Give it once." for name in twice}, code="repeated")
        try:
            kind = self.query_classes.get(self.action or "", Input)
            return _checked(kind, given.dict())
        except exceptions.ValidationError as error:
            errors = document_of(error).extensions["errors"]
            raise InvalidInput(
                errors[0]["detail"] if len(errors) == 1 else "",
                errors=[
                    {
                        "parameter": fault["pointer"].strip("/"),
                        "code": fault["code"],
                        "detail": fault["detail"],
                    }
                    for fault in errors
                ],
            ) from None

    @property
    def is_preview(self) -> bool:
        """Whether the caller only wants to know what would come of it."""
        return bool(self.query.get("preview") == "1")

    @property
    def is_program(self) -> bool:
        """Whether a client app is calling for itself, with nobody behind it."""
        credentials = self.request.auth
        return isinstance(credentials, Credentials) and credentials.kind == "service"

    @cached_property
    def scope(self) -> Scope:
        """The part of the product that the caller may see: all of it for a client app itself."""
        if self.is_program:
            return EVERYTHING
        return scope_of(self.request.user, self.product.slug)

    @property
    def actor(self) -> Actor:
        """Who stands in the audit entries of this call."""
        return actor_of(self.request)

    # -- what a call answers -----------------------------------------------------------------------

    def shown(self, found: Any) -> dict[str, Any]:
        """Return an object as this resource shows it to this caller."""
        output = self.output_class(found, context={"scope": self.scope, "product": self.product})
        return dict(output.data)

    def one(self, found: Any, *, status: int = 200, **more: Any) -> Response:
        """Answer one object with its ETag, or 304 if the caller has just this."""
        shown = self.shown(found)
        etag = conditional.etag_of(shown)
        headers = {"ETag": etag}
        if self.request.method in {"GET", "HEAD"} and conditional.is_known(self.request, etag):
            return Response(status=304, headers=headers)
        return Response({**shown, **more}, status=status, headers=headers)

    def many(self, page: Page) -> Response:
        """Answer a page of a list."""
        return Response({"items": [self.shown(one) for one in page.items], "next": page.next})

    @contextmanager
    def changing(self, find: Callable[[], Any]) -> Iterator[Any]:
        """Find an object, lock it, compare it with `If-Match`, and change it inside.

        Raises:
            PreconditionFailed: it is not as the caller has seen it.
        """
        with transaction.atomic():
            found = find()
            locked = type(found)._default_manager.select_for_update(of=("self",))
            locked.get(pk=found.pk)
            # Somebody may have changed it while this call waited for the lock.
            found = find()
            if "If-Match" in self.request.headers:
                conditional.require_match(self.request, self.shown(found))
            yield found

    @contextmanager
    def previewing(self) -> Iterator[None]:
        """Do what is inside; in a preview, undo it, with everything that waits for the commit."""
        with transaction.atomic():
            yield
            if self.is_preview:
                transaction.set_rollback(True)

    # -- around every call -------------------------------------------------------------------------

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        body = _body_of(request)
        handler = getattr(self, "post", None)
        if request.method == "POST" and handler is not None:
            # DRF looks the handler up only after this.
            self.post = partial(self._once, handler, body)
        if self.action:
            # A parameter that does not exist is refused, also where the action reads none.
            _ = self.query

    def perform_content_negotiation(
        self,
        request: Request,
        force: bool = False,  # noqa: FBT001, FBT002  as DRF calls it
    ) -> tuple[BaseRenderer, str]:
        # A file is of one kind, whatever else the caller would take.
        is_file = self.action in self.file_actions
        chosen: tuple[BaseRenderer, str] = super().perform_content_negotiation(
            request, force=force or is_file
        )
        return chosen

    def perform_authentication(self, request: Request) -> None:
        try:
            super().perform_authentication(request)
        except (Unauthenticated, exceptions.AuthenticationFailed):
            throttling.count(throttling.REFUSED, throttling.address_of(request))
            raise
        if request.auth is None:
            throttling.count(throttling.REFUSED, throttling.address_of(request))
        else:
            throttling.count(throttling.CALLS, principal_of(request))

    def permission_denied(
        self, request: Request, message: str | None = None, code: str | None = None
    ) -> NoReturn:
        if request.auth is None:
            raise Unauthenticated("Sign in, or send a valid token.")
        super().permission_denied(
            request, message or "Your role does not include this. An account admin can help.", code
        )

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        response = super().finalize_response(request, response, *args, **kwargs)
        if not response.has_header("Cache-Control"):
            # A cache may keep what it asks about each time; what a change answers, never.
            is_read = request.method in {"GET", "HEAD"}
            response["Cache-Control"] = "private, no-cache" if is_read else "no-store"
        patch_vary_headers(response, ("Authorization", "Cookie"))
        return response

    def _once(
        self, handler: Callable[..., Response], body: bytes, request: Request, **kwargs: Any
    ) -> Response:
        key = idempotency.key_in(request.headers)
        if key is None and self.action in self.key_required_for:
            raise idempotency.IdempotencyKeyMissing(
                "Send the header Idempotency-Key with a value of your own, such as a UUID."
            )
        if key is None:
            return handler(request, **kwargs)

        def answered() -> Response:
            try:
                return handler(request, **kwargs)
            except Exception as error:  # noqa: BLE001  the handler of all views knows them
                answer: Response = self.handle_exception(error)
                return answer

        return idempotency.run_once(
            answered,
            principal=principal_of(request),
            key=key,
            fingerprint=idempotency.fingerprint_of(
                method=request.method or "", path=request.get_full_path(), body=body
            ),
        )


def unknown_reference(field: str, what: str) -> InvalidInput:
    """Return the refusal of a body that names something that is not there for its sender."""
    detail = f"There is no such {what} here."
    return InvalidInput(
        detail, errors=[{"pointer": f"/{field}", "code": "not_found", "detail": detail}]
    )


def problem_in(error: Problem) -> dict[str, Any]:
    """Return a problem as a part of an answer: what came of one row of many."""
    return document_of(error).body()


def _checked(
    kind: type[Input], given: Any, *, context: dict[str, Any] | None = None
) -> dict[str, Any]:
    read = kind(data=given, context=context or {})
    read.is_valid(raise_exception=True)
    return dict(read.validated_data)


def _of_parameters(faults: Mapping[str, str], *, code: str) -> InvalidInput:
    return InvalidInput(
        errors=[
            {"parameter": name, "code": code, "detail": detail} for name, detail in faults.items()
        ]
    )


def _body_of(request: Request) -> bytes:
    """Return the whole body; DRF alone would read one of any size."""
    raw = request._request  # noqa: SLF001  DRF's own way to the request that it wraps
    length = request.META.get("CONTENT_LENGTH") or "0"
    if length.isdecimal() and int(length) > LARGEST_BODY:
        raise RequestDataTooBig
    try:
        return raw.body
    except RawPostDataException:
        # Somebody has sent a form with files, which the check for CSRF has read.
        raise exceptions.UnsupportedMediaType(request.content_type) from None
