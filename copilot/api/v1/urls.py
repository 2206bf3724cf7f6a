"""Routes below `/api/copilot/v1/`."""

from django.urls import path

from copilot.product import PRODUCT
from core.api.auth.views import SessionTokenView

urlpatterns = [
    path("session-token", SessionTokenView.as_view(product=PRODUCT.slug), name="session-token"),
]
