"""What a page was shown, and what a change has replaced, for one click on Revert."""

import hashlib
from typing import Any

from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme

from core.kit.clock import now


def back_to(request: HttpRequest, home: str) -> str:
    """Return the page of ours that a form names to come back to, else the one it belongs to."""
    wanted = request.POST.get("back", "")
    is_ours = wanted.startswith("/") and url_has_allowed_host_and_scheme(wanted, None)
    return wanted if is_ours else home


def mark_of(*said: Any) -> str:
    """Return a short text that two states share only if they say the same.

    A form brings it back, so that nobody applies what they have not seen the effect of.
    """
    return hashlib.sha256(repr(said).encode()).hexdigest()[:32]


def is_as_seen(request: HttpRequest, mark: str) -> bool:
    """Whether a form was shown this state; one that does not say is believed."""
    return request.POST.get("seen", "") in {"", mark}


class Undo:
    """The last change of one kind that somebody made on a page of one product."""

    def __init__(self, request: HttpRequest, key: str, product: str) -> None:
        self._session, self._key, self._product = request.session, key, product

    def keep(self, label: str, nodes: list[dict[str, Any]]) -> None:
        """Keep what nodes said before, and what the change has left."""
        self._session[self._key] = {
            "product": self._product,
            "label": label,
            "nodes": nodes,
            "at": now().isoformat(),
        }

    @property
    def label(self) -> str | None:
        """What was changed, by name; None if nothing can be reverted."""
        kept = self._session.get(self._key)
        return kept["label"] if kept and kept["product"] == self._product else None

    @property
    def at(self) -> str:
        """When it was; empty if nothing can be reverted."""
        return "" if self.label is None else self._session[self._key].get("at", "")

    def take(self) -> list[dict[str, Any]]:
        """Return what nodes said before, and forget it; empty if there is nothing."""
        if self.label is None:
            return []
        nodes: list[dict[str, Any]] = self._session.pop(self._key)["nodes"]
        return nodes
