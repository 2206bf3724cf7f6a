"""What the log pages are narrowed by, read from their address."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.http import HttpRequest, QueryDict
from django.utils.translation import gettext_lazy as _

from core.kit.clock import now
from core.kit.money import parse_credits
from core.usage.logs import LogFilter

PERIODS = (
    ("1", _("Last hour")),
    ("24", _("Last day")),
    ("168", _("Last 7 days")),
    ("720", _("Last 30 days")),
)
STATUSES = (
    ("ok", _("Succeeded")),
    ("failed", _("Failed")),
    ("4xx", _("Refused (4xx)")),
    ("429", _("Rate limited (429)")),
    ("5xx", _("Provider or gateway (5xx)")),
)
NAMES = ("key", "llm", "status", "period", "slower", "dearer", "q")


@dataclass(frozen=True, slots=True)
class LogView:
    """The chosen filters as they stand in the address, and what they mean."""

    chosen: dict[str, str]
    by: LogFilter
    text: str

    def query(self, **more: Any) -> str:
        """Return the filters as the end of an address."""
        found = QueryDict(mutable=True)
        found.update({**self.chosen, **{name: str(value) for name, value in more.items()}})
        return found.urlencode()


def view_of(request: HttpRequest) -> LogView:
    """Return what a request asks for; what makes no sense is left out."""
    given = {name: request.GET.get(name, "").replace("\x00", "").strip()[:200] for name in NAMES}
    key_id, hours = _uuid(given["key"]), _number(given["period"])
    slower, dearer = _number(given["slower"]), _credits(given["dearer"])
    statuses = {name for name, _ in STATUSES}
    status = given["status"] if given["status"] in statuses or given["status"].isdecimal() else ""
    by = LogFilter(
        key_id=key_id,
        llm=given["llm"],
        status=status[:3] if status.isdecimal() else status,
        slower_than_ms=slower,
        dearer_than=dearer,
        since=now() - timedelta(hours=min(hours, 24 * 366)) if hours else None,
    )
    makes_sense = {
        "key": key_id is not None,
        "period": bool(hours),
        "slower": slower is not None,
        "dearer": dearer is not None,
        "status": bool(status),
    }
    chosen = {name: value for name, value in given.items() if value and makes_sense.get(name, True)}
    return LogView(chosen, by, given["q"])


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 9 else None


def _credits(text: str) -> int | None:
    try:
        return parse_credits(text) if text else None
    except ValueError:
        return None
