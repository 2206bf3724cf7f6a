"""What the resources of the platform share: who may call, and how an account is named."""

from typing import Any, ClassVar, cast

from rest_framework import serializers

from core.access.permissions import PRODUCTS
from core.api.authentication import SessionAuthentication
from core.api.serializers import Input, LineField
from core.api.viewsets import CockpitViewSet
from core.hierarchy.product import Product
from tenants.models import Account
from tenants.selectors import account_named


class PlatformViewSet(CockpitViewSet):
    """A resource of the platform. Tokens belong to accounts, so only a session gets in."""

    authentication_classes = (SessionAuthentication,)
    product = cast("Product", None)
    read_permission: ClassVar[str] = ""
    write_permission: ClassVar[str] = ""

    def shown(self, found: Any) -> dict[str, Any]:
        return dict(self.output_class(found).data)

    @property
    def account(self) -> Account:
        """The account that the path names.

        Raises:
            NotFound: there is none of this short name.
        """
        return account_named(self.kwargs["slug"])


class ReasonInput(Input):
    """Why somebody does something, for the audit log."""

    reason = LineField(required=False, default="", allow_blank=True, max_length=500)


class ProductField(serializers.ChoiceField):
    """One of the two products."""

    def __init__(self, **options: Any) -> None:
        super().__init__(choices=PRODUCTS, **options)


SLUG = "initech"
