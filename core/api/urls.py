"""The end of every list of routes below `/api/`: what no route knows is a problem, not a page."""

from django.urls import re_path

from core.api.views import NoSuchEndpoint

urlpatterns = [re_path("", NoSuchEndpoint.as_view())]
