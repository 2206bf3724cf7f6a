"""Routes of an account's host."""

from django.urls import include, path

from core.ui.sites import account_site

urlpatterns = [
    path("", include("core.ui.identity.urls")),
    path("api/auth/v1/", include("core.api.auth.urls")),
    path("api/copilot/v1/", include("copilot.api.v1.urls")),
    path("api/console/v1/", include("console.api.v1.urls")),
    path("", include("core.ui.reference.urls")),
    path("api/", include("core.api.urls")),
    path("notifications/", include("core.ui.notifications.urls")),
    path("", include("cockpit.pages.urls")),
    path("copilot/", include("copilot.urls")),
    path("console/", include("console.urls")),
    path("", account_site.urls),
]

handler400 = "core.ui.errors.bad_request"
handler404 = "core.ui.errors.not_found"
handler500 = "core.ui.errors.broken"
handler403 = "core.ui.errors.refused"
