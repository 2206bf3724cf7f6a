"""Routes of the inbox, on an account's host."""

from django.urls import path

from core.ui.notifications import pages

urlpatterns = [
    path("", pages.inbox, name="notifications"),
    path("bell/", pages.bell, name="notifications-bell"),
    path("latest/", pages.latest, name="notifications-latest"),
    path("read/", pages.read_all, name="notifications-read-all"),
    path("mail/", pages.choose_mail, name="notifications-mail"),
    path("<uuid:notification_id>/read/", pages.read, name="notification-read"),
    path("<uuid:notification_id>/open/", pages.open_link, name="notification-open"),
]
