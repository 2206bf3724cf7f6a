"""Routes of the API reference and of the problems' pages, on every host."""

from django.urls import path

from core.ui.reference import views

urlpatterns = [
    path("api/docs/", views.references, name="api-references"),
    path("api/docs/<slug:name>/", views.reference, name="api-reference"),
    path("api/docs/<slug:name>.yaml", views.document, {"form": "yaml"}, name="api-yaml"),
    path("api/docs/<slug:name>.json", views.document, {"form": "json"}, name="api-json"),
    path("problems/", views.problems, name="problems"),
    path("problems/<slug:code>", views.problem, name="problem"),
]
