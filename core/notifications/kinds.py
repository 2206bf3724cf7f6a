"""Registry: dotted kind → the sentence and the icon that the inbox shows for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise

Text = str | Promise


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of news.

    `sentence` may name the parameters of a notification in braces. `label` is what the kind is
    called where people choose what comes by mail, and `by_mail` whether it does until they choose.
    `tone` is "", "good", "warn" or "bad".
    """

    name: str
    label: Text
    sentence: Text
    icon: str
    tone: str
    by_mail: bool


_kinds: dict[str, Kind] = {}


def register(
    name: str,
    *,
    label: Text,
    sentence: Text,
    icon: str = "notifications",
    tone: str = "",
    by_mail: bool = False,
) -> str:
    """Declare a kind once, at import, and return its name for use in `notify()`."""
    kind = Kind(name, label, sentence, icon, tone, by_mail)
    assert name not in _kinds or _kinds[name] == kind, f"{name} is declared twice"
    _kinds[name] = kind
    return name


def is_registered(name: str) -> bool:
    """Whether the kind has a sentence."""
    return name in _kinds


def all_kinds() -> list[Kind]:
    """Return every declared kind, by name."""
    return sorted(_kinds.values(), key=lambda kind: kind.name)


def kind_named(name: str) -> Kind:
    """Return a kind. News of a kind that no longer exists still reads."""
    return _kinds.get(name) or Kind(name, name, name, "notifications", "", by_mail=False)


def sentence_of(name: str, params: Mapping[str, Any]) -> str:
    """Return a kind's sentence with its parameters filled in."""
    return str(kind_named(name).sentence).format_map(_Known(params))


class _Known(dict[str, Any]):
    """A parameter that is missing reads as a dash instead of breaking an old sentence."""

    def __missing__(self, key: str) -> str:
        return "–"
