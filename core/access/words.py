"""Decisions in plain words, for people who were refused and for those who can help."""

from collections.abc import Callable

from django.utils.translation import gettext as _

from core.access.features import feature_named
from core.access.rules.decisions import Change, Decision, Step
from core.access.rules.paths import PathNode


def step_in_words(step: Step, what: str) -> str:
    """Return what a step of a trace did, such as "Marketing blocks gpt-5"."""
    values = {"node": name_of(step.node), "what": _title(step.about) or what}
    yes, no = _STEPS[step.rule]
    return (yes if step.is_allowed else no)() % values


def reason_in_words(decision: Decision, what: str) -> str:
    """Return the step that settled a decision, as a sentence without its full stop."""
    return step_in_words(decision.reason, what)


def change_in_words(change: Change, what: str) -> str:
    """Return what somebody would have to do, such as "Stop blocking gpt-5 in Marketing"."""
    values = {"node": name_of(change.node), "what": _title(change.about) or what}
    return _CHANGES[change.kind]() % values


def _title(feature: str) -> str:
    known = feature_named(feature)
    return "" if known is None else str(known.title)


def name_of(node: PathNode | None) -> str:
    """Return what people call a node; None is the account as a whole."""
    if node is None:
        return _("the account")
    if node.kind == "global":
        return _("global (everyone)")
    return node.label or _("this %s") % node.kind


def who_can_help(decision: Decision) -> str:
    """Return who can make the change that a decision suggests."""
    if any(change.kind == "offer" for change in decision.flip):
        return "super admin"
    return "account admin"


# Translated when they are shown, in the language of who looks: yes and no, by rule.
_STEPS: dict[str, tuple[Callable[[], str], Callable[[], str]]] = {
    "plan": (
        lambda: _("the platform offers %(what)s to this account"),
        lambda: _("the platform does not offer %(what)s to this account"),
    ),
    "account": (
        lambda: _("%(what)s is switched on for this account"),
        lambda: _("%(what)s is not switched on for this account"),
    ),
    "default": (
        lambda: _("%(what)s is on by default"),
        lambda: _("%(what)s is off by default"),
    ),
    "inherit": (
        lambda: _("%(node)s inherits: allowed"),
        lambda: _("%(node)s inherits: not allowed"),
    ),
    "only": (
        lambda: _("%(node)s has a list of its own, and %(what)s is on it"),
        lambda: _("%(node)s has a list of its own, and %(what)s is not on it"),
    ),
    "add": (
        lambda: _("%(node)s adds %(what)s"),
        lambda: _("%(node)s adds %(what)s, but it is blocked above"),
    ),
    "block": (
        lambda: _("%(node)s blocks %(what)s"),
        lambda: _("%(node)s blocks %(what)s"),
    ),
    "lock": (
        lambda: _("%(node)s is below a lock, which leaves %(what)s allowed"),
        lambda: _("%(node)s would allow %(what)s, but a lock above forbids widening"),
    ),
    "on": (
        lambda: _("%(node)s turns %(what)s on"),
        lambda: _("%(node)s turns %(what)s on"),
    ),
    "off": (
        lambda: _("%(node)s turns %(what)s off"),
        lambda: _("%(node)s turns %(what)s off"),
    ),
}

_STEPS |= {
    "open": (
        lambda: _("%(what)s is open to everyone"),
        lambda: _("%(what)s is open to everyone"),
    ),
    "closed": (
        lambda: _("%(what)s is for those to whom it is granted"),
        lambda: _("%(what)s is for those to whom it is granted"),
    ),
    "granted": (
        lambda: _("%(node)s has %(what)s"),
        lambda: _("%(node)s has %(what)s, but it is denied on the way"),
    ),
    "covered": (
        lambda: _("%(node)s has the connection of %(what)s"),
        lambda: _("%(node)s has the connection of %(what)s, but it is denied on the way"),
    ),
    "denied": (
        lambda: _("%(node)s is denied %(what)s"),
        lambda: _("%(node)s is denied %(what)s"),
    ),
    "denied_above": (
        lambda: _("%(node)s is denied the connection of %(what)s"),
        lambda: _("%(node)s is denied the connection of %(what)s"),
    ),
    "ended": (
        lambda: _("what was granted to %(node)s has ended"),
        lambda: _("what was granted to %(node)s has ended"),
    ),
}

_CHANGES: dict[str, Callable[[], str]] = {
    "offer": lambda: _("A super admin offers %(what)s to this account"),
    "switch_on": lambda: _("Switch %(what)s on for this account"),
    "unblock": lambda: _("Stop blocking %(what)s in %(node)s"),
    "add": lambda: _("Add %(what)s in %(node)s"),
    "include": lambda: _("Put %(what)s on the list of %(node)s"),
    "block": lambda: _("Block %(what)s in %(node)s"),
    "grant": lambda: _("Grant %(what)s to %(node)s"),
    "deny": lambda: _("Deny %(what)s to %(node)s"),
    "lift": lambda: _("Lift the denial of %(what)s for %(node)s"),
    "lift_above": lambda: _("Lift the denial of the connection of %(what)s for %(node)s"),
    "set_on": lambda: _("Turn %(what)s on in %(node)s"),
    "set_off": lambda: _("Turn %(what)s off in %(node)s"),
}
