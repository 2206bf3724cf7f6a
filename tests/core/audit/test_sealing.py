"""Sealing and verifying: whoever tampers with the trail is found, the table's owner included."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import psycopg
import pytest
import time_machine
from django.db import DatabaseError, connection, transaction

from core.audit import sealing, verbs
from core.audit.content import signature_of
from core.audit.models import AuditEntry, AuditSeal
from core.audit.sealing import Head, head, seal_batch
from core.audit.services import record
from core.audit.verifying import Finding, findings
from core.kit.clock import now
from core.tenancy.append_only import purging
from core.tenancy.context import in_account, in_public
from tenants.models import Account, AuditAnchor
from tenants.services.anchors import anchor_chain, anchors_of
from tests.cast import TESTS
from tests.databases import url_of
from tests.environment import DATABASE

KNOCKED = verbs.register("test.knocked", "{actor} knocked at {target} {after[times]} times")


@pytest.fixture
def trail(in_acme: Account) -> list[AuditEntry]:
    """Five sealed entries behind those of the cast."""
    written = [_record(number) for number in range(5)]
    seal_batch()
    return written


def _record(times: int = 1) -> AuditEntry:
    with transaction.atomic():
        return record(
            actor=TESTS, verb=KNOCKED, target=("door", "1", "the door"), after={"times": times}
        )


def _as_owner(statement: str, *values: Any) -> None:
    """What somebody does who owns the tables: the triggers are no hindrance to them."""
    with transaction.atomic(), purging(), connection.cursor() as cursor:
        cursor.execute(statement, values)
        assert cursor.rowcount


def _sequence_of(entry: AuditEntry) -> int:
    return AuditSeal.objects.get(entry_id=entry.pk).sequence


def _found(*anchors: Head) -> list[tuple[str, int]]:
    return [(finding.kind, finding.sequence) for finding in findings(anchors=anchors)]


def test_an_untouched_trail_is_whole(trail: list[AuditEntry]) -> None:
    assert _found() == []
    assert _found(head()) == []
    assert head().sequence == AuditEntry.objects.count()


def test_entries_are_sealed_once_in_the_order_of_their_writing(trail: list[AuditEntry]) -> None:
    sequences = [_sequence_of(entry) for entry in trail]

    assert sequences == list(range(sequences[0], sequences[0] + 5))
    assert seal_batch() == 0
    assert seal_batch(from_the_beginning=True) == 0


def test_a_long_trail_is_sealed_in_batches(
    in_acme: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    seal_batch()
    monkeypatch.setattr(sealing, "BATCH", 2)
    for _ in range(5):
        _record()

    assert [seal_batch() for _ in range(4)] == [2, 2, 1, 0]
    assert _found() == []


def test_an_entry_that_is_committed_late_is_sealed_behind_those_before_it(
    trail: list[AuditEntry],
) -> None:
    with time_machine.travel(now() - timedelta(minutes=30)):
        late = _record()

    assert seal_batch() == 1

    assert _sequence_of(late) == _sequence_of(trail[-1]) + 1
    assert _found() == []


def test_what_is_committed_very_late_waits_for_the_nightly_look(trail: list[AuditEntry]) -> None:
    with time_machine.travel(now() - timedelta(hours=5)):
        late = _record()
    assert seal_batch() == 0
    assert _found() == [("unsealed", 0)]

    assert seal_batch(from_the_beginning=True) == 1

    assert _sequence_of(late) == head().sequence
    assert _found() == []


def test_a_clock_that_ran_ahead_hides_nothing(trail: list[AuditEntry]) -> None:
    with time_machine.travel(now() + timedelta(days=300)):
        _record()
        seal_batch()
    _record()

    assert seal_batch() == 1


@pytest.mark.parametrize(
    "assignment",
    [
        "reason = 'another'",
        "actor_label = 'Eve'",
        "after = '{\"times\": 7}'",
        "created_at = created_at - interval '1 second'",
        "product = 'console'",
        "nodes = ARRAY[gen_random_uuid()]",
        "signature = '\\x00'",
    ],
)
def test_a_changed_entry_is_found(trail: list[AuditEntry], assignment: str) -> None:
    place = _sequence_of(trail[2])

    _as_owner(f"UPDATE audit_auditentry SET {assignment} WHERE id = %s", trail[2].pk)

    assert _found() == [("changed", place)]


def test_a_removed_entry_is_found(trail: list[AuditEntry]) -> None:
    place = _sequence_of(trail[2])

    _as_owner("DELETE FROM audit_auditentry WHERE id = %s", trail[2].pk)

    assert _found() == [("missing", place)]


def test_an_entry_removed_with_its_seal_is_found(trail: list[AuditEntry]) -> None:
    place = _sequence_of(trail[2])

    _as_owner("DELETE FROM audit_auditentry WHERE id = %s", trail[2].pk)
    _as_owner("DELETE FROM audit_auditseal WHERE sequence = %s", place)

    assert _found() == [("missing", place), ("reordered", place + 1)]


def test_a_gap_that_was_closed_up_is_found(trail: list[AuditEntry]) -> None:
    place = _sequence_of(trail[2])

    _as_owner("DELETE FROM audit_auditseal WHERE sequence = %s", place)
    _as_owner("UPDATE audit_auditseal SET sequence = sequence - 1 WHERE sequence = %s", place + 1)
    _as_owner("UPDATE audit_auditseal SET sequence = sequence - 1 WHERE sequence = %s", place + 2)

    assert ("reordered", place) in _found()


def test_entries_that_changed_places_are_found(trail: list[AuditEntry]) -> None:
    first, second = _sequence_of(trail[1]), _sequence_of(trail[2])

    _as_owner("UPDATE audit_auditseal SET sequence = 0 WHERE sequence = %s", first)
    _as_owner("UPDATE audit_auditseal SET sequence = %s WHERE sequence = %s", first, second)
    _as_owner("UPDATE audit_auditseal SET sequence = %s WHERE sequence = 0", second)

    found = _found()
    assert ("reordered", first) in found
    assert ("reordered", second) in found


def test_an_end_that_was_cut_off_is_found_by_an_anchor(trail: list[AuditEntry]) -> None:
    anchor, place = head(), _sequence_of(trail[4])

    _as_owner("DELETE FROM audit_auditentry WHERE id = %s", trail[4].pk)
    _as_owner("DELETE FROM audit_auditseal WHERE sequence = %s", place)

    assert _found() == []
    assert _found(anchor) == [("cut off", place)]


def test_a_chain_that_was_built_anew_is_found_by_an_anchor(trail: list[AuditEntry]) -> None:
    anchor = head()
    _as_owner("DELETE FROM audit_auditentry WHERE id = %s", trail[2].pk)
    _as_owner("DELETE FROM audit_auditseal")

    # Who has the key can do even this.
    seal_batch(from_the_beginning=True)
    _record()
    seal_batch()

    assert head().sequence == anchor.sequence
    assert _found(anchor) == [("reordered", anchor.sequence)]


def test_a_row_that_cockpit_did_not_write_is_found(trail: list[AuditEntry]) -> None:
    AuditEntry.objects.create(
        actor_kind="user", actor_label="Ada", verb=KNOCKED, target_kind="door", target_id="1"
    )
    assert _found() == [("forged", 0)]

    seal_batch()

    assert _found() == [("forged", head().sequence)]


def test_an_entry_changed_before_it_was_sealed_is_found(trail: list[AuditEntry]) -> None:
    entry = _record()
    _as_owner("UPDATE audit_auditentry SET reason = 'x' WHERE id = %s", entry.pk)

    seal_batch()

    assert _found() == [("forged", head().sequence)]


def test_entries_of_before_signatures_may_only_stand_at_the_beginning(in_acme: Account) -> None:
    _as_owner("UPDATE audit_auditentry SET signature = ''")
    seal_batch()
    assert _found() == []

    _record()
    seal_batch()

    assert _found() == []


def test_an_entry_of_another_account_does_not_verify(
    trail: list[AuditEntry], globex: Account
) -> None:
    copied = AuditEntry.objects.get(pk=trail[0].pk)

    with in_account(globex):
        seal_batch()
        copied.save(force_insert=True)

        assert _found() == [("forged", 0)]


def test_another_key_does_not_verify(trail: list[AuditEntry], settings: Any) -> None:
    settings.AUDIT_KEYS = (b"x" * 32,)

    assert {kind for kind, _sequence in _found()} == {"forged", "reordered"}


def test_a_new_key_goes_on_where_the_former_one_stopped(
    trail: list[AuditEntry], settings: Any
) -> None:
    former = signature_of(trail[0])
    settings.AUDIT_KEYS = (b"x" * 32, *settings.AUDIT_KEYS)

    _record()
    seal_batch()

    assert _found() == []
    assert signature_of(trail[0]) != former


def test_a_second_sealer_waits_for_nobody_and_builds_no_second_chain(in_acme: Account) -> None:
    lock = f"audit seal {in_acme.schema_name}"
    with psycopg.connect(url_of(DATABASE)) as other:
        other.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [lock])

        assert seal_batch() == 0

    assert seal_batch() > 0


def test_the_jobs_seal_every_schema_and_anchor_it_in_public(
    acme: Account, as_job: Callable[..., Any]
) -> None:
    as_job("audit.seal", account=acme)
    for _ in range(2):
        as_job("tenants.anchor_audit", account=acme)

    with in_account(acme):
        assert head().sequence == AuditEntry.objects.count() > 0
        assert anchors_of(acme.schema_name) == [head()]
    with in_public():
        assert AuditAnchor.objects.filter(schema_name=acme.schema_name).count() == 1


def test_seals_and_anchors_are_append_only(trail: list[AuditEntry]) -> None:
    anchor_chain()
    for table in ("audit_auditseal", "public.tenants_auditanchor"):
        for statement in (f"DELETE FROM {table}", f"UPDATE {table} SET sequence = 9"):
            with (
                pytest.raises(DatabaseError, match="append-only"),
                transaction.atomic(),
                connection.cursor() as cursor,
            ):
                cursor.execute(statement)


def test_a_finding_reads_as_a_sentence() -> None:
    assert str(Finding("missing", 7, "no seal 7")) == "missing (seal 7): no seal 7"
    assert str(Finding("unsealed", 0, "it waits")) == "unsealed (outside the chain): it waits"
