"""Registry: dotted verb → its sentence, icon, category, and the fields that hold secrets."""

import string
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from core.audit.models import AuditEntry

CATEGORIES: dict[str, str | Promise] = {
    "people": _("People"),
    "roles": _("Roles"),
    "sign_in": _("Sign-in"),
    "credits": _("Credits"),
    "access": _("Access"),
    "guardrails": _("Guardrails"),
    "agents": _("Agents"),
    "connections": _("Connections"),
    "keys": _("Keys and client apps"),
    "account": _("Account"),
    "platform": _("Platform"),
    "other": _("Other"),
}

# Where a noun belongs whose verbs do not say it themselves.
_CATEGORY_OF_NOUN = {
    "organization": "people",
    "team": "people",
    "member": "people",
    "membership": "people",
    "people": "people",
    "user": "people",
    "invitation": "people",
    "role": "roles",
    "credits": "credits",
    "wallet": "credits",
    "plan": "credits",
    "cycle": "credits",
    "statement": "credits",
    "content_policy": "guardrails",
    "content": "guardrails",
    "cap": "credits",
    "allocation": "credits",
    "llm": "access",
    "feature": "access",
    "grant": "access",
    "guardrail": "guardrails",
    "agent": "agents",
    "connection": "connections",
    "credential": "connections",
    "tool": "connections",
    "deployment": "access",
    "own_llm": "access",
    "key": "keys",
    "client_app": "keys",
    "account": "account",
    "signing_key": "platform",
}


@dataclass(frozen=True, slots=True)
class Verb:
    """One kind of change. Its sentence may use actor, target, reason, before[…] and after[…].

    `secrets` are names of fields, at any depth, whose values are never stored.
    """

    name: str
    sentence: str
    icon: str
    category: str
    secrets: frozenset[str]

    @property
    def noun(self) -> str:
        """What the verb is about, such as `team` of `team.renamed`."""
        return self.name.partition(".")[0]

    @property
    def fields(self) -> frozenset[tuple[str, str]]:
        """The values that the sentence names, such as ("after", "credits")."""
        names = (name for _text, name, _spec, _how in string.Formatter().parse(self.sentence))
        return frozenset(
            (side, key.rstrip("]"))
            for side, bracket, key in (name.partition("[") for name in names if name)
            if bracket
        )

    @property
    def pattern(self) -> str:
        """The sentence with an ellipsis for whatever differs from entry to entry."""
        parts = string.Formatter().parse(self.sentence)
        return "".join(
            text + ("…" if name is not None else "") for text, name, _spec, _how in parts
        )


_verbs: dict[str, Verb] = {}


def register(
    name: str,
    sentence: str,
    *,
    icon: str = "edit_note",
    category: str = "",
    secrets: Iterable[str] = (),
) -> str:
    """Declare a verb once, at import, and return its name for use in `record()`.

    Without a category it is that of the verb's noun.
    """
    assert name not in _verbs or _verbs[name].sentence == sentence, f"{name} is declared twice"
    category = category or _CATEGORY_OF_NOUN.get(name.partition(".")[0], "other")
    assert category in CATEGORIES, category
    _verbs[name] = Verb(name, sentence, icon, category, frozenset(secrets))
    return name


def is_registered(name: str) -> bool:
    """Whether the verb has a sentence."""
    return name in _verbs


def secrets_of(name: str) -> frozenset[str]:
    """Return the fields whose values a verb never stores."""
    return _verbs[name].secrets


def all_verbs() -> list[Verb]:
    """Return every declared verb, by name; for filters and for the page that lists them."""
    return sorted(_verbs.values(), key=lambda verb: verb.name)


def verbs_in(category: str) -> list[str]:
    """Return the names of a category's verbs."""
    return [verb.name for verb in all_verbs() if verb.category == category]


def icon_of(name: str) -> str:
    """Return the icon of a verb."""
    return _verbs[name].icon if name in _verbs else "edit_note"


def category_of(name: str) -> str:
    """Return the category of a verb; a verb that no longer exists is in `other`."""
    return _verbs[name].category if name in _verbs else "other"


def missing_fields(entry: "AuditEntry") -> list[str]:
    """Return what the sentence of an entry names and the entry does not have."""
    sides = {"before": entry.before or {}, "after": entry.after or {}}
    verb = _verbs[entry.verb]
    return sorted(f"{side}[{name}]" for side, name in verb.fields if name not in sides[side])


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
