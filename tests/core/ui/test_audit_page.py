"""The audit log as a page: filters, the live tail, differences and files."""

import csv
import io
import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from core.audit import selectors, verbs
from core.audit.models import AuditEntry
from core.audit.selectors import entries
from core.audit.services import Actor, record
from core.hierarchy.product import Product
from core.identity.models import User
from core.kit.clock import now
from core.tenancy.context import in_account
from tenants.models import Account
from tests.cast import TESTS
from tests.clients import AccountClient

DUSTED = verbs.register("test.dusted", "{actor} dusted {target}", category="agents")
SWEPT = verbs.register("test.swept", "{actor} swept {target}", category="connections")
HTMX = {"HX-Request": "true"}
ZOE = Actor("user", "7", "Zoe Zimmer", request_id="req-1")


@pytest.fixture
def ada_client(client_for: Callable[..., AccountClient], ada: User, acme: Account) -> AccountClient:
    return client_for(ada, acme)


def _record(
    label: str = "the lamp",
    verb: str = DUSTED,
    *,
    actor: Actor = TESTS,
    product: str = "copilot",
    **changes: Any,
) -> AuditEntry:
    with transaction.atomic():
        target = ("lamp", "lamp-1", label)
        return record(actor=actor, verb=verb, target=target, product=product, **changes)


def _labels(**narrowed: Any) -> set[str]:
    return {entry.target_label for entry in entries(**narrowed) if entry.verb.startswith("test.")}


# -- selecting -------------------------------------------------------------------------------------


def test_entries_are_narrowed_by_who_what_where_and_when(in_acme: Account) -> None:
    with time_machine.travel(now() - timedelta(days=3)):
        _record("an old one")
    _record("by Zoe", actor=ZOE)
    _record("swept", SWEPT)
    yesterday = now() - timedelta(days=1)

    assert _labels() == {"an old one", "by Zoe", "swept"}
    assert _labels(by="7") == {"by Zoe"}
    assert _labels(request="req-1") == {"by Zoe"}
    assert _labels(about="lamp-1", verb=SWEPT) == {"swept"}
    assert _labels(category="connections") == {"swept"}
    assert _labels(since=yesterday) == {"by Zoe", "swept"}
    assert _labels(until=yesterday) == {"an old one"}


def test_a_product_and_the_account_are_told_apart(in_acme: Account) -> None:
    _record("copilot's")
    _record("console's", product="console")
    _record("the account's", product="")

    assert _labels(product="copilot") == {"copilot's", "the account's"}
    assert _labels(product="copilot", only="product") == {"copilot's"}
    assert _labels(product="copilot", only="account") == {"the account's"}


def test_products_are_merged_newest_first_without_gaps(in_acme: Account) -> None:
    for number in range(9):
        _record(str(number), product="" if number % 3 else "copilot")

    found: list[str] = []
    before = None
    while page := entries(product="copilot", verb=DUSTED, limit=2, before=before):
        found += [entry.target_label for entry in page]
        before = page[-1].pk

    assert found == ["8", "7", "6", "5", "4", "3", "2", "1", "0"]


def test_words_are_found_by_their_beginnings_and_ids_whole(in_acme: Account) -> None:
    entry = _record("mia.moser@acme.example", reason="It's the 2nd \\ one: a|b & !c")

    for text in ("mia", "MOSER", "acme mia", "2nd", "it's", "a|b & !c"):
        assert _labels(text=text) == {"mia.moser@acme.example"}, text
    assert _labels(text=str(entry.pk)) == {"mia.moser@acme.example"}
    for text in ("oser", "mia nobody", "' | 'x", ":*", "()"):
        assert _labels(text=text) == set(), text


# -- the page --------------------------------------------------------------------------------------


def test_filters_in_the_address_decide_what_is_shown(ada_client: AccountClient) -> None:
    with in_account(ada_client.account):  # type: ignore[arg-type]
        _record("the lamp", actor=ZOE)
        _record("the rug", SWEPT)
    today = f"{now():%Y-%m-%d}"

    for query, lamp, rug in (
        ("", True, True),
        ("verb=agents", True, False),
        (f"verb={SWEPT}", False, True),
        ("by=7", True, False),
        ("q=rug", False, True),
        ("request=req-1", True, False),
        (f"from={today}&to={today}", True, True),
        ("to=2020-01-01", False, False),
        ("from=nonsense&to=9999-12-31&only=nonsense", True, True),
        ("only=account", False, False),
    ):
        page = ada_client.get(f"/copilot/audit/?{query}", headers=HTMX).content.decode()
        assert ("dusted the lamp" in page, "swept the rug" in page) == (lamp, rug), query


def test_what_a_link_filters_by_is_a_chip_that_can_be_taken_off(
    ada_client: AccountClient,
) -> None:
    with in_account(ada_client.account):  # type: ignore[arg-type]
        _record("the lamp")

    page = ada_client.get("/copilot/audit/?about=lamp-1&q=lamp").content.decode()

    assert re.search(r'href="\?q=lamp"[^>]*>\s*About the lamp', page)


def test_entries_of_the_account_are_marked(ada_client: AccountClient) -> None:
    with in_account(ada_client.account):  # type: ignore[arg-type]
        _record("the lamp")
    of_product = ada_client.get("/copilot/audit/?q=lamp&only=product", headers=HTMX)
    with in_account(ada_client.account):  # type: ignore[arg-type]
        _record("the lamp", product="")
    of_account = ada_client.get("/copilot/audit/?q=lamp&only=account", headers=HTMX)

    mark = "Concerns the account as a whole"
    assert mark not in of_product.content.decode()
    assert mark in of_account.content.decode()


def test_differences_are_nested_long_and_of_lists(ada_client: AccountClient) -> None:
    with in_account(ada_client.account):  # type: ignore[arg-type]
        _record(
            before={"settings": {"action": "block"}, "scopes": ["read"], "text": "short"},
            after={"settings": {"action": "mask"}, "scopes": ["read", "write"], "text": "x" * 500},
        )

    page = ada_client.get("/copilot/audit/?q=lamp").content.decode()

    assert "settings.action" in page
    assert re.search(r"<ins[^>]*>write</ins>", page)
    assert '<ins class="ck-entry__new">read' not in page
    assert 'class="ck-entry__long"' in page


def test_the_live_tail_brings_each_new_entry_once(ada_client: AccountClient) -> None:
    account: Any = ada_client.account

    def poll(page: str) -> str:
        [href] = re.findall(r'hx-get="(\?[^"]*after=[^"]*)"', page)
        address = f"/copilot/audit/{href.replace('&amp;', '&')}"
        return ada_client.get(address, headers=HTMX).content.decode()

    with in_account(account):
        _record("the first")
    page = ada_client.get("/copilot/audit/?q=the&live=1").content.decode()
    nothing = poll(page)
    with in_account(account):
        _record("the second")
        # Written before what was shown, and committed behind it.
        with time_machine.travel(now() - timedelta(seconds=5)):
            _record("the late one")
    first = poll(nothing)
    second = poll(first)

    assert "dusted the first" in page
    assert "dusted" not in nothing
    assert re.findall(r"dusted (the \w+)", first) == ["the second", "the late"]
    assert "dusted" not in second


def test_the_tail_is_paused_by_a_link(ada_client: AccountClient) -> None:
    page = ada_client.get("/copilot/audit/?q=x&live=1").content.decode()

    assert re.search(r'href="\?q=x">\s*Pause', page)
    assert "every 4s" not in ada_client.get("/copilot/audit/?q=x").content.decode()


def test_every_kind_of_change_is_listed(ada_client: AccountClient) -> None:
    page = ada_client.get("/copilot/audit/kinds/").content.decode()

    assert "… renamed the team … to …" in page
    assert "team.renamed" in page


def test_the_page_asks_as_many_queries_for_many_entries_as_for_few(
    ada_client: AccountClient,
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            ada_client.get("/copilot/audit/")
        return len(captured)

    ada_client.get("/copilot/audit/")
    few = queries()
    with in_account(ada_client.account):  # type: ignore[arg-type]
        for number in range(30):
            _record(str(number), actor=Actor("user", str(number), f"user {number}"))

    assert queries() == few


# -- files -----------------------------------------------------------------------------------------


def _body(response: Any) -> str:
    return b"".join(response.streaming_content).decode()


def test_a_csv_holds_what_is_shown_and_all_before_it(
    ada_client: AccountClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selectors, "_CHUNK", 2)
    with in_account(ada_client.account):  # type: ignore[arg-type]
        for number in range(5):
            _record(f"the lamp {number}", after={"n": number}, reason="=1+1")
        _record("the rug", SWEPT)

    response = ada_client.get("/copilot/audit/export.csv?verb=agents")
    rows = list(csv.DictReader(io.StringIO(_body(response))))

    assert "attachment" in response["Content-Disposition"]
    assert [row["target"] for row in rows] == [f"the lamp {number}" for number in (4, 3, 2, 1, 0)]
    assert rows[0]["sentence"] == "The tests dusted the lamp 4"
    assert json.loads(rows[0]["after"]) == {"n": 4}
    assert {row["reason"] for row in rows} == {"'=1+1"}


def test_json_lines_hold_whole_entries(ada_client: AccountClient) -> None:
    with in_account(ada_client.account):  # type: ignore[arg-type]
        _record("the lämp", before={"a": [1]}, after={"a": [2]}, actor=ZOE)

    lines = _body(ada_client.get("/copilot/audit/export.jsonl?verb=agents")).splitlines()

    [document] = [json.loads(line) for line in lines]
    assert document["actor"] == {"kind": "user", "id": "7", "label": "Zoe Zimmer"}
    assert document["target"]["label"] == "the lämp"
    assert (document["before"], document["after"]) == ({"a": [1]}, {"a": [2]})
    assert document["created_at"].endswith("Z")


def test_a_file_is_of_the_account_that_asked_even_when_it_streams_later(
    client_for: Callable[..., AccountClient],
    ada_client: AccountClient,
    eve: User,
    globex: Account,
) -> None:
    with in_account(ada_client.account):  # type: ignore[arg-type]
        _record("of Acme")
    with in_account(globex):
        _record("of Globex")
    of_acme = ada_client.get("/copilot/audit/export.jsonl?verb=agents")
    of_globex = client_for(eve, globex).get("/copilot/audit/export.jsonl?verb=agents")

    assert "of Acme" in _body(of_acme)
    assert "of Globex" in (text := _body(of_globex))
    assert "of Acme" not in text


def test_an_empty_file_has_its_head(ada_client: AccountClient, product: Product) -> None:
    body = _body(ada_client.get(f"/{product.slug}/audit/export.csv?to=2020-01-01"))

    assert body.startswith("id,time,product,category,verb,sentence")
    assert body.count("\n") == 1
