"""The registry: every verb of the product reads as a sentence and stands in a category."""

import pkgutil
from importlib import import_module

import pytest

import console
import copilot
import core
import superadmin
import tenants
from core.audit import verbs
from core.audit.models import AuditEntry

# Services declare their verbs when they are imported: so import them all.
for package in (core, tenants, superadmin, copilot, console):
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if {"services", "verbs", "receivers", "second_factor"} & set(module.name.split(".")):
            import_module(module.name)

OURS = [verb for verb in verbs.all_verbs() if not verb.name.startswith("test.")]


def test_there_are_verbs_of_every_engine() -> None:
    nouns = {verb.noun for verb in OURS}

    assert {"organization", "member", "credits", "key", "client_app", "guardrail", "llm"} <= nouns
    assert {"user", "role", "account", "signing_key"} <= nouns


@pytest.mark.parametrize("verb", OURS, ids=lambda verb: verb.name)
def test_a_verb_reads_as_a_sentence(verb: verbs.Verb) -> None:
    values = {name: f"<{side} {name}>" for side, name in verb.fields}
    entry = AuditEntry(
        verb=verb.name,
        actor_label="Ada",
        target_label="the target",
        reason="why",
        before=values,
        after=values,
    )

    sentence = entry.sentence

    # What the product does by itself is told by what happened to whom.
    assert sentence.startswith("Ada ") or "the target" in sentence
    assert all(value in sentence for value in values.values())
    assert not set("{}–") & set(sentence)
    assert not sentence.endswith(".")


@pytest.mark.parametrize("verb", OURS, ids=lambda verb: verb.name)
def test_a_verb_has_a_category_and_an_icon(verb: verbs.Verb) -> None:
    assert verb.category in verbs.CATEGORIES
    assert verb.name in verbs.verbs_in(verb.category)
    assert verb.icon.replace("_", "").isalnum()


def test_what_a_sentence_names_and_an_entry_lacks_is_known() -> None:
    verbs.register("test.dimmed", "{actor} dimmed {target} from {before[watt]} to {after[watt]}")

    entry = AuditEntry(verb="test.dimmed", before={"watt": 5}, after={"volt": 3})

    assert verbs.missing_fields(entry) == ["after[watt]"]


def test_a_pattern_leaves_out_what_differs() -> None:
    verbs.register("test.lit", "{actor} lit {target} with {after[watt]} W")

    [verb] = [verb for verb in verbs.all_verbs() if verb.name == "test.lit"]

    assert verb.pattern == "… lit … with … W"
