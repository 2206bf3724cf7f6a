"""What was mailed, as a person would look for it."""

import re
from collections.abc import Sequence

from django.core.mail import EmailMessage


class Mailbox:
    """The mail that was sent during a test."""

    def __init__(self, messages: Sequence[EmailMessage]) -> None:
        self.messages = messages

    def to(self, email: str) -> list[EmailMessage]:
        """Return what somebody got, oldest first."""
        return [message for message in self.messages if email in message.to]

    def link_to(self, email: str) -> str:
        """Return the first link in the last message to somebody."""
        found = re.search(r"https?://\S+", str(self.to(email)[-1].body))
        assert found, f"The last mail to {email} has no link."
        return found.group()
