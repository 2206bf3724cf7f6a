"""A decision as pages show it: each step in words, and what would flip it with the place for it."""

from dataclasses import dataclass

from django.http import HttpRequest
from django.urls import reverse

from core.access.permissions import may
from core.access.rules.decisions import Change, Decision
from core.access.words import change_in_words, step_in_words, who_can_help
from core.ui.product.fixing import in_hand
from core.ui.product.urls import ProductSite

_OF_GRANTS = frozenset({"grant", "deny", "lift"})


@dataclass(frozen=True, slots=True)
class Reasons:
    """A decision in words: steps as (sentence, allowed, decisive), and (change, address)."""

    title: str
    is_allowed: bool
    steps: list[tuple[str, bool, bool]]
    changes: list[tuple[str, str]]
    helper: str


def reasons_of(
    request: HttpRequest,
    site: ProductSite,
    decision: Decision,
    *,
    kind: str,
    title: str,
    key: str = "",
) -> Reasons:
    """Return a decision about one thing in words; `key` is the id of one that is granted.

    A change has an address only for who may make it: others would be turned away there.
    """
    managed = in_hand(request, site, decision.flip)
    can_switch = may(request.user, site.permission("manage_llms"))

    def where(change: Change) -> str:
        if change.kind == "switch_on":
            return reverse(f"{site.slug}:llms") if can_switch else ""
        if change.node is None or change.node.id not in managed:
            return ""
        return _where(site, change, kind, key)

    return Reasons(
        title=title,
        is_allowed=decision.is_allowed,
        steps=[
            (_begun(step_in_words(step, title), title), step.is_allowed, step.is_decisive)
            for step in decision.trace
        ],
        changes=[(change_in_words(change, title), where(change)) for change in decision.flip],
        helper=who_can_help(decision),
    )


def _begun(sentence: str, title: str) -> str:
    """Return a sentence with a capital letter, unless it begins with the name of the thing."""
    return sentence if sentence.startswith(title) else sentence[:1].upper() + sentence[1:]


def _where(site: ProductSite, change: Change, kind: str, key: str) -> str:
    """Return the page on which a node is changed; empty for what others must do."""
    assert change.node is not None
    if change.kind in {"offer", "lift_above"}:
        return ""
    if change.kind in _OF_GRANTS:
        return reverse(f"{site.slug}:share", args=(kind, key, change.node.kind, change.node.id))
    if kind == "feature" or change.about:
        return f"{reverse(f'{site.slug}:features')}#{change.node.id}"
    return reverse(f"{site.slug}:llm-access-node", args=(change.node.kind, change.node.id))
