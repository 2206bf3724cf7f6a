"""Routes of the account's own pages."""

from django.urls import path

from cockpit.pages import admins, home

urlpatterns = [
    path("", home.home, name="home"),
    path("admins/", admins.admins, name="admins"),
    path("admins/<uuid:assignment_id>/remove/", admins.remove, name="admin-remove"),
]
