"""The usage page of both products: figures, filters, pages, files."""

import csv
import io
from decimal import Decimal
from typing import Any

from core.credits.models import UsageEvent
from core.credits.selectors import figures_of
from core.kit.ids import uuid7
from core.tenancy.context import in_account
from tenants.models import Account
from tests.clients import AccountClient
from tests.core.ui.branch import ProductBranch, text_of, whole


def page_of(branch: ProductBranch, rest: str = "") -> str:
    return f"/{branch.product.slug}/usage/{rest}"


def file_of(client: AccountClient, branch: ProductBranch, query: str = "") -> list[dict[str, str]]:
    response = client.get(page_of(branch, f"export.csv{query}"))
    assert response["Content-Type"].startswith("text/csv")
    return list(csv.DictReader(io.StringIO(response.content.decode())))


def test_totals_agree_with_the_wallets(
    ada_client: AccountClient, acme: Account, branch: ProductBranch
) -> None:
    with in_account(acme):
        branch.call(1_234_567)
        branch.call(7)
        branch.call(whole(3))
        used = figures_of(branch.book).used

    page = ada_client.get(page_of(branch))
    rows = file_of(ada_client, branch)

    assert used == 4_234_574
    assert page.context["totals"].credits == used
    assert sum(Decimal(row["credits"]) for row in rows) == Decimal("4.234574")
    assert sum(page.context["chart"].series[0].values) == 4.234574


def test_a_call_stands_on_the_page_with_who_and_what(
    ada_client: AccountClient, acme: Account, branch: ProductBranch
) -> None:
    with in_account(acme):
        branch.call(whole(2), input_tokens=1200, output_tokens=80)

    text = text_of(ada_client.get(page_of(branch)))

    for part in ("Mia Member", "Content", "gpt-5", "OK", "1,200", "just now"):
        assert part in text


def test_filters_narrow_figures_calls_and_the_file(
    ada_client: AccountClient, acme: Account, branch: ProductBranch
) -> None:
    with in_account(acme):
        branch.call(whole(1), llm="gpt-5")
        branch.call(whole(2), llm="gpt-5-mini")
        branch.call(whole(4), llm="gpt-5-mini", outcome="error")

    query = "?llm=gpt-5-mini&outcome=error"
    page = ada_client.get(page_of(branch, query))

    assert page.context["totals"].credits == 4_000_000
    assert [call.event.credits for call in page.context["calls"]] == [4_000_000]
    assert "Clear filters" in text_of(page)
    assert [row["credits"] for row in file_of(ada_client, branch, query)] == ["4"]


def test_calls_are_filtered_by_member_team_and_key(
    ada_client: AccountClient, acme: Account, branch: ProductBranch
) -> None:
    key_id = uuid7()
    with in_account(acme):
        branch.call(whole(1), key_id=key_id, labels={str(key_id): "nightly report"})
        branch.call(whole(2))

    def spent(query: str) -> int:
        return int(ada_client.get(page_of(branch, query)).context["totals"].credits)

    assert spent(f"?key={key_id}") == 1_000_000
    assert spent(f"?member={branch.member.pk}&team={branch.team.pk}") == 3_000_000
    assert spent(f"?member={uuid7()}") == 0


def test_a_filter_that_makes_no_sense_is_left_out(
    ada_client: AccountClient, acme: Account, branch: ProductBranch
) -> None:
    with in_account(acme):
        branch.call(whole(1))

    for query in ("?member=x", "?outcome=great", "?llm=%00", "?days=1000", "?key=%27--"):
        page = ada_client.get(page_of(branch, query))
        assert page.status_code == 200
        assert page.context["totals"].calls == 1


def test_refunds_are_rows_of_the_list_but_not_calls(
    ada_client: AccountClient, acme: Account, branch: ProductBranch
) -> None:
    with in_account(acme):
        refund = UsageEvent.objects.get(pk=branch.call(whole(5)))
        refund.refund_of, refund.pk = refund.pk, uuid7()
        refund.credits, refund.cost_usd = -whole(5), Decimal(-5)
        refund.save(force_insert=True)

    page = ada_client.get(page_of(branch))
    rows = file_of(ada_client, branch)

    assert (page.context["totals"].calls, page.context["totals"].credits) == (1, 0)
    assert "Refund" in text_of(page)
    # A negative number stays a number in the file.
    assert {(row["kind"], row["credits"]) for row in rows} == {("call", "5"), ("refund", "-5")}


def test_earlier_calls_are_a_page_away_and_keep_the_filters(
    ada_client: AccountClient, acme: Account, branch: ProductBranch
) -> None:
    with in_account(acme):
        made = [branch.call(1) for _number in range(27)]

    first = ada_client.get(page_of(branch, "?days=7&llm=gpt-5"))
    second = ada_client.get(first.context["earlier"])

    assert "llm=gpt-5" in first.context["earlier"]
    shown = [*first.context["calls"], *second.context["calls"]]
    assert [call.event.pk for call in shown] == made[::-1]
    assert second.context["earlier"] == ""


def test_a_call_says_who_paid(
    ada_client: AccountClient, acme: Account, branch: ProductBranch
) -> None:
    with in_account(acme):
        call_id = branch.call(whole(2))

    page = ada_client.get(page_of(branch, f"calls/{call_id}/"))

    assert page.context["charges"] == [("Content", 2_000_000)]


def test_a_call_of_the_other_product_is_not_there(
    ada_client: AccountClient, acme: Account, branch: ProductBranch
) -> None:
    with in_account(acme):
        call_id = branch.call(1)
    other = {"copilot": "console", "console": "copilot"}[branch.product.slug]

    assert ada_client.get(f"/{other}/usage/calls/{call_id}/").status_code == 404


def test_a_name_cannot_run_as_a_formula(
    ada_client: AccountClient, acme: Account, branch: ProductBranch
) -> None:
    with in_account(acme):
        branch.call(1, llm="=cmd()")

    assert [row["llm"] for row in file_of(ada_client, branch)] == ["'=cmd()"]


def test_an_account_without_calls_sees_why_the_page_is_empty(
    ada_client: AccountClient, branch: ProductBranch
) -> None:
    page = ada_client.get(page_of(branch))

    assert "A call stands here a moment after it was made." in text_of(page)


def test_a_member_sees_neither_page_nor_file(
    mia_client: AccountClient, branch: ProductBranch
) -> None:
    assert mia_client.get(page_of(branch)).status_code == 403
    assert mia_client.get(page_of(branch, "export.csv")).status_code == 403


def test_many_calls_take_as_many_queries_as_few(
    ada_client: AccountClient,
    acme: Account,
    branch: ProductBranch,
    django_assert_max_num_queries: Any,
) -> None:
    def call(number: int) -> None:
        with in_account(acme):
            for index in range(number):
                branch.call(1, llm=f"llm-{index}", key_id=uuid7())
        ada_client.get(page_of(branch))

    call(3)
    with django_assert_max_num_queries(45) as few:
        ada_client.get(page_of(branch))
    call(22)
    with django_assert_max_num_queries(45) as many:
        ada_client.get(page_of(branch))

    assert len(many) == len(few)
