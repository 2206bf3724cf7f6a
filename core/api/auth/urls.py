"""Routes below `/api/auth/v1/`, the same at the public host and at an account's."""

from django.urls import path

from core.api.auth.views import KeySetView, TokenView

urlpatterns = [
    path("token", TokenView.as_view(), name="token"),
    path("jwks.json", KeySetView.as_view(), name="jwks"),
]
