from django.apps import AppConfig
from django.urls import include, path

_ABOUT = (
    "What super admins decide: accounts, their ceilings and credit terms, the catalogue. On the "
    "platform's own host alone, in the session of a super admin: a write carries `X-CSRFToken`. "
    "Errors are problem documents (RFC 9457), lists go by cursor, a POST may carry an "
    "`Idempotency-Key`, single objects have an ETag."
)


class SuperadminConfig(AppConfig):
    name = "superadmin"

    def ready(self) -> None:
        from core.api.schema import Api, register

        register(
            Api(
                name="superadmin-v1",
                title="Cockpit: platform",
                description=_ABOUT,
                patterns=lambda: [path("api/superadmin/v1/", include("superadmin.api.v1.urls"))],
            )
        )
