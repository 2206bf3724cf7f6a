"""Registry: dotted verb → the sentence and the icon that pages show for it."""

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from core.audit.models import AuditEntry


@dataclass(frozen=True, slots=True)
class Verb:
    """One kind of change. Its sentence may use actor, target, reason, before[…] and after[…]."""

    name: str
    sentence: str
    icon: str


_verbs: dict[str, Verb] = {}


def register(name: str, sentence: str, *, icon: str = "edit_note") -> str:
    """Declare a verb once, at import, and return its name for use in `record()`."""
    assert name not in _verbs or _verbs[name].sentence == sentence, f"{name} is declared twice"
    _verbs[name] = Verb(name, sentence, icon)
    return name


def is_registered(name: str) -> bool:
    """Whether the verb has a sentence."""
    return name in _verbs


def all_verbs() -> list[Verb]:
    """Return every declared verb, by name; for filters and for the docs."""
    return sorted(_verbs.values(), key=lambda verb: verb.name)


def icon_of(name: str) -> str:
    """Return the icon of a verb."""
    return _verbs[name].icon if name in _verbs else "edit_note"


def sentence_of(entry: "AuditEntry") -> str:
    """Return an entry's sentence. An entry of a verb that no longer exists still reads."""
    verb = _verbs.get(entry.verb)
    pattern = verb.sentence if verb else "{actor} changed {target}"
    return pattern.format(
        actor=entry.actor_label,
        target=entry.target_label,
        reason=entry.reason,
        before=_Values(entry.before or {}),
        after=_Values(entry.after or {}),
    )


class _Values(defaultdict[str, Any]):
    """Missing values read as a dash instead of breaking an old entry's sentence."""

    def __init__(self, values: dict[str, Any]) -> None:
        super().__init__(lambda: "–", values)
