"""What whoever runs the platform must know before people need a mail."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Tags, Warning as CheckWarning, register


@register(Tags.security, deploy=True)
def mail_leaves_the_machine(**_: Any) -> list[CheckMessage]:
    """Warn where invitations would pile up in a folder that nobody reads."""
    if settings.IS_LOCAL or settings.EMAIL_BACKEND != "core.identity.mail.FileBackend":
        return []
    return [
        CheckWarning(
            "Mail is written to files: invitations and password resets reach nobody.",
            hint="Set COCKPIT_MAIL_URL, such as smtp+tls://user:password@mail.example:587.",
            id="identity.W001",
        )
    ]
