"""Mail: what we send, and the folder that stands in for a mail server.

Mail leaves only after the transaction that asks for it has committed, and a mail server that
fails is a loud line in the log, never a broken request: the change it tells of has happened.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import structlog
from django.conf import settings
from django.core.mail import EmailMessage, EmailMultiAlternatives
from django.core.mail.backends.base import BaseEmailBackend
from django.db import transaction
from django.template.loader import render_to_string
from django_tenants.utils import get_public_schema_name, get_tenant_domain_model, get_tenant_model

from core.kit.clock import now
from core.tenancy.context import current_schema

SCHEMA_HEADER = "X-Cockpit-Schema"
ACCOUNT_HEADER = "X-Cockpit-Account"
SENT_HEADER = "X-Cockpit-Sent"

log = structlog.get_logger(__name__)


class AccountMail(EmailMultiAlternatives):
    """A mail that remembers the schema it was written in, because it is sent after the commit."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.schema = current_schema()


class FileBackend(BaseEmailBackend):
    """Write each mail as one .eml file instead of sending it; the mailbox page shows them."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        folder = Path(settings.MAIL_FOLDER)
        # Mails hold links that let people in, so only the product's own user may read them.
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for message in email_messages:
            self._write(message, folder)
        return len(email_messages)

    def _write(self, message: EmailMessage, folder: Path) -> None:
        schema = getattr(message, "schema", None) or current_schema()
        moment = now()
        document = message.message()
        document[SCHEMA_HEADER] = schema
        document[ACCOUNT_HEADER] = _slug_of(schema)
        document[SENT_HEADER] = moment.isoformat()
        name = f"{moment:%Y%m%dT%H%M%S%f}-{uuid4().hex[:8]}.eml"
        unfinished = folder / f".{name}"
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(document.as_bytes())
        # A reader sees the whole file or none.
        unfinished.replace(folder / name)
        log.info("mail_written", to=message.to, subject=message.subject, file=name)


def send_invitation(*, to: str, invited_to: str, invited_by: str, url: str) -> None:
    """Send somebody the link of their invitation once the current transaction has committed."""
    message = compose(
        "invitation",
        to=to,
        invited_to=invited_to,
        invited_by=invited_by,
        url=url,
        company=invited_to,
    )
    # A super admin invites an account's first admin from the public schema, but the mail is the
    # account's: the link's host says which.
    message.schema = _schema_of_host(urlsplit(url).hostname or "")
    _deliver_on_commit(message, kind="invitation")


def send_later(event: str, *, to: str, **context: Any) -> None:
    """Send the mail `templates/emails/<event>.*` once the current transaction has committed."""
    _deliver_on_commit(compose(event, to=to, **context), kind=event)


def compose(event: str, *, to: str, **context: Any) -> AccountMail:
    """Render the mail `templates/emails/<event>.*` in plain text and HTML."""
    subject = " ".join(render_to_string(f"emails/{event}.subject.txt", context).split())
    message = AccountMail(
        subject=subject,
        body=render_to_string(f"emails/{event}.txt", context).strip() + "\n",
        to=[to],
    )
    message.attach_alternative(render_to_string(f"emails/{event}.html", context), "text/html")
    return message


def deliver(message: EmailMessage, *, kind: str) -> bool:
    """Send a mail now, and say whether it went out. Never raises for a mail server's failure."""
    try:
        message.send()
    except OSError:
        # SMTP errors are OSErrors too. Whoever runs the platform has to see this.
        log.exception("mail_not_sent", kind=kind, to=message.to, subject=message.subject)
        return False
    return True


def _deliver_on_commit(message: EmailMessage, *, kind: str) -> None:
    transaction.on_commit(lambda: deliver(message, kind=kind))


def _schema_of_host(host: str) -> str:
    domains = get_tenant_domain_model().objects.filter(domain=host)
    return domains.values_list("tenant__schema_name", flat=True).first() or current_schema()


def _slug_of(schema: str) -> str:
    if schema == get_public_schema_name():
        return ""
    slugs = get_tenant_model().objects.filter(schema_name=schema).values_list("slug", flat=True)
    return slugs.first() or ""
