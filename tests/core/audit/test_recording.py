"""Audit entries: one for each change, readable, and unchangeable."""

import pytest
from django.db import DatabaseError, connection, transaction

from core.audit import verbs
from core.audit.models import AuditEntry
from core.audit.services import Actor, Target, record
from core.tenancy.append_only import purging
from core.tenancy.context import in_account, in_public
from tenants.models import Account

PAINTED = verbs.register(
    "test.painted", "{actor} painted {target} {after[colour]}, it was {before[colour]}"
)
ADA = Actor("user", "1", "Ada", on_behalf_of="Mia", request_id="r-1", address="127.0.0.1")
SHED = Target("shed", "7", "the shed")


def _record(**changes: object) -> AuditEntry:
    with transaction.atomic():
        return record(actor=ADA, verb=PAINTED, target=SHED, **changes)  # type: ignore[arg-type]


def test_an_entry_keeps_who_did_what_to_what(in_acme: Account) -> None:
    entry = _record(before={"colour": "red"}, after={"colour": "blue"}, reason="It peeled.")

    kept = AuditEntry.objects.get(pk=entry.pk)
    assert (kept.actor_kind, kept.actor_id, kept.actor_label) == ("user", "1", "Ada")
    assert (kept.target_kind, kept.target_id, kept.target_label) == ("shed", "7", "the shed")
    assert (kept.on_behalf_of, kept.request_id, kept.address) == ("Mia", "r-1", "127.0.0.1")
    assert kept.reason == "It peeled."


def test_an_entry_reads_as_a_sentence(in_acme: Account) -> None:
    entry = _record(before={"colour": "red"}, after={"colour": "blue"})

    assert str(entry) == "Ada painted the shed blue, it was red"


def test_a_missing_value_reads_as_a_dash(in_acme: Account) -> None:
    assert str(_record(after={"colour": "blue"})) == "Ada painted the shed blue, it was –"


def test_an_entry_of_a_verb_that_is_gone_still_reads(in_acme: Account) -> None:
    entry = _record()
    entry.verb = "test.forgotten"

    assert str(entry) == "Ada changed the shed"


def test_labels_with_braces_do_not_break_a_sentence(in_acme: Account) -> None:
    with transaction.atomic():
        entry = record(
            actor=Actor("user", "1", "{evil[0]}"),
            verb=PAINTED,
            target=("shed", "7", "{0.__class__}"),
            after={"colour": "{reason}"},
        )

    assert str(entry) == "{evil[0]} painted {0.__class__} {reason}, it was –"


def test_an_undeclared_verb_is_a_mistake_of_the_programmer(in_acme: Account) -> None:
    with pytest.raises(AssertionError, match=r"test\.undeclared"), transaction.atomic():
        record(actor=ADA, verb="test.undeclared", target=SHED)


def test_a_verb_has_one_sentence() -> None:
    with pytest.raises(AssertionError, match="declared twice"):
        verbs.register("test.painted", "{actor} did something else")


def test_an_entry_stands_in_the_schema_of_its_change(acme: Account, globex: Account) -> None:
    with in_account(acme):
        entry = _record()

    with in_account(globex):
        assert not AuditEntry.objects.filter(pk=entry.pk).exists()
    with in_public():
        assert not AuditEntry.objects.filter(pk=entry.pk).exists()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_auditentry SET reason = 'another'",
        "DELETE FROM audit_auditentry",
        "TRUNCATE audit_auditentry",
    ],
)
@pytest.mark.parametrize("where", ["account", "public"])
def test_nobody_changes_an_entry(acme: Account, statement: str, where: str) -> None:
    schema = in_account(acme) if where == "account" else in_public()
    with schema:
        entry = _record()

        with (
            pytest.raises(DatabaseError, match="append-only"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)

        assert AuditEntry.objects.filter(pk=entry.pk, reason="").exists()


def test_retention_may_remove_entries(in_acme: Account) -> None:
    entry = _record()

    with transaction.atomic(), purging():
        AuditEntry.objects.filter(pk=entry.pk).delete()

    assert not AuditEntry.objects.filter(pk=entry.pk).exists()


def test_retention_ends_with_its_block(in_acme: Account) -> None:
    _record()

    with transaction.atomic():
        with purging():
            pass
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            AuditEntry.objects.all().delete()


def test_long_labels_are_cut_and_not_refused(in_acme: Account) -> None:
    with transaction.atomic():
        entry = record(
            actor=Actor("user", "1", "A" * 999),
            verb=PAINTED,
            target=("shed", "7", "S" * 999),
            reason="R" * 999,
        )

    assert len(entry.actor_label) == len(entry.target_label) == 254
    assert len(entry.reason) == 500
