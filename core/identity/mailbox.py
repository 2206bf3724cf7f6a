"""Read back the mails that the file backend wrote; for the development mailbox and for tests."""

from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from django.conf import settings

from core.identity.mail import ACCOUNT_HEADER, SCHEMA_HEADER, SENT_HEADER

# Each mail is opened and parsed; a development mailbox needs no more.
MOST_MAILS = 100


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail as it was written."""

    name: str
    sent_at: datetime
    schema: str
    account: str
    sender: str
    to: str
    subject: str
    text: str


def mails(*, schema: str | None = None, limit: int = MOST_MAILS) -> list[Mail]:
    """Return mails, newest first: those sent in one schema, or all of them."""
    folder = Path(settings.MAIL_FOLDER)
    found: list[Mail] = []
    for path in sorted(folder.glob("[0-9]*.eml"), reverse=True):
        if len(found) == limit:
            break
        try:
            mail = _read(path)
        except (OSError, ValueError):
            # Somebody emptied the folder meanwhile, or put something else there.
            continue
        if schema is None or mail.schema == schema:
            found.append(mail)
    return found


def _read(path: Path) -> Mail:
    document = message_from_bytes(path.read_bytes(), policy=policy.default)
    assert isinstance(document, EmailMessage)
    body = document.get_body(("plain",))
    return Mail(
        name=path.stem,
        sent_at=datetime.fromisoformat(str(document[SENT_HEADER])),
        schema=str(document[SCHEMA_HEADER]),
        account=str(document[ACCOUNT_HEADER]),
        sender=str(document["From"]),
        to=str(document["To"]),
        subject=str(document["Subject"]),
        text=body.get_content() if body is not None else "",
    )
