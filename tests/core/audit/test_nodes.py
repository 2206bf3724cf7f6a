"""Who administers a part of the account reads only the entries that name nothing else."""

from uuid import UUID

from django.db import transaction

from core.audit import verbs
from core.audit.selectors import entries, recent_verbs
from core.audit.services import record
from core.kit.ids import uuid7
from tenants.models import Account
from tests.cast import TESTS

MOVED = verbs.register("test.relocated", "{actor} relocated {target}")
CREATED = verbs.register("test.founded", "{actor} founded {target}")
HERE, THERE = uuid7(), uuid7()


def _record(label: str, *nodes: UUID | None, kind: str = "shed", verb: str = MOVED) -> None:
    with transaction.atomic():
        target = (kind, HERE, label)
        record(actor=TESTS, verb=verb, target=target, nodes=nodes, product="testing")


def _seen(*nodes: UUID) -> set[str]:
    found = entries(product="testing", verb="test.", within=nodes)
    return {entry.target_label for entry in found}


def test_an_entry_is_read_by_who_has_all_that_it_names(in_acme: Account) -> None:
    _record("only here", HERE)
    _record("from here to there", HERE, THERE)
    _record("the whole account")

    assert _seen(HERE) == {"only here"}
    assert _seen(HERE, THERE) == {"only here", "from here to there"}
    assert _seen() == set()
    assert len(entries(product="testing", verb="test.")) == 3


def test_a_node_that_is_the_target_is_named_by_it(in_acme: Account) -> None:
    _record("a team", None, kind="team")

    assert _seen(HERE) == {"a team"}


def test_verbs_to_filter_by_are_those_of_entries_one_may_read(in_acme: Account) -> None:
    _record("here", HERE)
    _record("there", THERE, verb=CREATED)

    assert recent_verbs("testing", within=[HERE]) == [MOVED]
