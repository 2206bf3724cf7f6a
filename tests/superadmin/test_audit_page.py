"""The audit log as a page, of the platform and of an account's products."""

import re
from collections.abc import Callable
from typing import Any

from django.db import transaction

from core.audit import verbs
from core.audit.models import AuditEntry
from core.audit.selectors import changes_of, entries, recent_verbs
from core.audit.services import Actor, record
from core.identity.models import User
from core.tenancy.context import in_account, in_public
from tenants.models import Account
from tests.cast import TESTS
from tests.clients import AccountClient

MOVED = verbs.register("test.moved", "{actor} moved {target} to {after[place]}")
BROKE = verbs.register("test.broke", "{actor} broke {target}")
HTMX = {"HX-Request": "true"}


def _record(
    count: int = 1, verb: str = MOVED, *, actor: Actor = TESTS, product: str = "", **changes: Any
) -> None:
    with transaction.atomic():
        for number in range(count):
            record(
                actor=actor,
                verb=verb,
                target=("lamp", str(number), f"lamp {number}"),
                product=product,
                **{"after": {"place": "the <desk>"}, **changes},
            )


def test_an_entry_reads_as_a_sentence_with_its_values(sam_client: AccountClient) -> None:
    _record(before={"place": "the shelf"}, reason="Too dark")

    page = sam_client.get("/audit/").content.decode()

    assert "The tests moved lamp 0 to the &lt;desk&gt;" in page
    assert "the shelf" in page
    assert "Too dark" in page
    assert "<desk>" not in page


def test_entries_are_narrowed_by_verb_and_noun(any_database: None) -> None:
    _record()
    _record(verb=BROKE)

    assert {entry.verb for entry in entries(verb="test.")} == {MOVED, BROKE}
    assert {entry.verb for entry in entries(verb=BROKE)} == {BROKE}


def test_entries_are_found_by_who_what_and_why(any_database: None) -> None:
    _record(actor=Actor.system("Zoe"), reason="Because of rain")

    for text in ("zoe", "LAMP", "rain", "zoe rain"):
        assert [entry.verb for entry in entries(text=text, verb="test.")] == [MOVED]
    assert entries(text="zoe snow") == []


def test_pages_follow_each_other_without_gaps(sam_client: AccountClient) -> None:
    _record(60)

    first = sam_client.get("/audit/?verb=test.").content.decode()
    [before] = set(re.findall(r"before=([0-9a-f-]{36})", first))
    rest = sam_client.get(f"/audit/?verb=test.&before={before}", headers=HTMX)

    assert first.count("ck-entry__sentence") == 50
    part = rest.content.decode()
    assert part.count("ck-entry__sentence") == 10
    assert "<html" not in part
    assert "Earlier entries" not in part


def test_an_earlier_page_works_without_htmx(sam_client: AccountClient) -> None:
    _record(60)
    first = sam_client.get("/audit/?verb=test.").content.decode()
    before = re.findall(r"before=([0-9a-f-]{36})", first)[0]

    page = sam_client.get(f"/audit/?verb=test.&before={before}").content.decode()

    assert "<html" in page
    assert "Back to the latest" in page


def test_a_filter_answers_with_its_part(sam_client: AccountClient) -> None:
    _record()

    part = sam_client.get("/audit/?verb=test.&q=lamp", headers=HTMX).content.decode()

    assert "lamp 0" in part
    assert "<html" not in part
    assert "Nothing matches" in sam_client.get("/audit/?q=zzz").content.decode()


def test_nonsense_in_the_address_is_no_error(sam_client: AccountClient) -> None:
    for query in ("before=x", "verb=%00", "q=%00", f"q={'x' * 500}", "verb=%27%3B--"):
        assert sam_client.get(f"/audit/?{query}").status_code == 200


def test_the_filter_offers_verbs_that_occur(any_database: None) -> None:
    _record(verb=BROKE)

    assert BROKE in recent_verbs()
    assert MOVED not in recent_verbs()


def test_a_products_page_leaves_out_the_other_product(
    client_for: Callable[..., AccountClient], ada: User, acme: Account
) -> None:
    with in_account(acme):
        _record(product="copilot", after={"place": "Copilot"})
        _record(product="console", after={"place": "Console"})
        _record(after={"place": "both"})
        found = entries(product="copilot", verb=MOVED)

    assert {str((entry.after or {}).get("place")) for entry in found} == {"Copilot", "both"}


def test_accounts_do_not_see_each_other(acme: Account, globex: Account) -> None:
    with in_account(acme):
        _record()

    with in_account(globex):
        assert entries(verb=MOVED) == []
    with in_public():
        assert entries(verb=MOVED) == []


def test_changes_stand_beside_each_other() -> None:
    entry = AuditEntry(before={"a": 1, "b": 2}, after={"b": 3, "c": 4})

    assert [(row.name, row.before, row.after) for row in changes_of(entry)] == [
        ("a", 1, None),
        ("b", 2, 3),
        ("c", None, 4),
    ]
