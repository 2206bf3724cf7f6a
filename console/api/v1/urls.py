"""Routes below `/api/console/v1/`."""

from django.urls import path

from console.product import PRODUCT
from core.api.auth.views import SessionTokenView

urlpatterns = [
    path("session-token", SessionTokenView.as_view(product=PRODUCT.slug), name="session-token"),
]
