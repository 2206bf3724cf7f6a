"""Routes of the public host: super admins."""

from django.urls import include, path

from core.ui.sites import super_site

urlpatterns = [
    path("", include("core.ui.identity.urls")),
    path("api/auth/v1/", include("core.api.auth.urls")),
    path("api/superadmin/v1/", include("superadmin.api.v1.urls")),
    path("", include("superadmin.urls")),
    path("", include("core.ui.reference.urls")),
    path("api/", include("core.api.urls")),
    path("", super_site.urls),
]

handler400 = "core.ui.errors.bad_request"
handler404 = "core.ui.errors.not_found"
handler500 = "core.ui.errors.broken"
handler403 = "core.ui.errors.refused"
