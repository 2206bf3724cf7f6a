"""The credits page of both products, and moving credits on it."""

from typing import Any

import pytest

from core.audit.models import AuditEntry
from core.credits.models import Wallet
from core.credits.selectors import allocations_of, balance_of, book_of
from core.hierarchy.services import nodes
from core.kit.ids import uuid7
from core.tenancy.context import in_account
from tenants.models import Account
from tests.cast import TESTS
from tests.clients import AccountClient
from tests.core.ui.branch import ProductBranch, text_of, whole
from tests.factories.credits import allocate


def page_of(branch: ProductBranch, wallet: Wallet | None = None) -> str:
    home = f"/{branch.product.slug}/credits/"
    return f"{home}{wallet.pk}/" if wallet else home


def form(act: str, amount: str = "", nonce: str = "") -> dict[str, str]:
    return {"act": act, "amount": amount, "reason": "", "nonce": nonce or str(uuid7())}


def free_in(acme: Account, wallet: Wallet) -> int:
    with in_account(acme):
        return balance_of(wallet).free


def test_the_page_shows_who_holds_what(ada_client: AccountClient, branch: ProductBranch) -> None:
    response = ada_client.get(page_of(branch))

    figures = response.context["tree"].figures
    assert (figures.left, figures.unallocated, figures.granted) == (
        1_000_000_000,
        400_000_000,
        1_000_000_000,
    )
    assert "of 1,000 granted" in text_of(response)


def test_overview_usage_and_credits_agree_on_what_is_left(
    ada_client: AccountClient, acme: Account, branch: ProductBranch
) -> None:
    with in_account(acme):
        branch.call(whole(30))

    for path in ("", "usage/", "credits/"):
        text = text_of(ada_client.get(f"/{branch.product.slug}/{path}"))
        assert "Credits left" in text
        assert '<span class="ck-stat__value">970</span>' in text, path


def test_an_amount_may_have_thousands_separators(
    ada_client: AccountClient, acme: Account, branch: ProductBranch
) -> None:
    wallet = branch.organization.wallet
    with in_account(acme):
        allocate(wallet, whole(400))

    response = ada_client.post(page_of(branch, wallet), form("allocate", "1,000.5"))

    assert response.status_code == 422
    assert "Unallocated has 600 credits free; this takes 600.5." in text_of(response)
    assert 'value="1,000.5"' in text_of(response)

    response = ada_client.post(page_of(branch, wallet), form("allocate", "999.5"))

    assert response.status_code == 302
    assert free_in(acme, wallet) == 599_500_000


def test_a_refusal_names_the_wallet_that_lacks_credits(
    ada_client: AccountClient, branch: ProductBranch
) -> None:
    response = ada_client.post(page_of(branch, branch.team.wallet), form("top_up", "200.25"))

    assert response.status_code == 422
    assert "Marketing has 200 credits free; this takes 200.25." in text_of(response)


def test_the_same_form_moves_once(
    ada_client: AccountClient, acme: Account, branch: ProductBranch
) -> None:
    sent = form("top_up", "10")

    for _time in range(2):
        response = ada_client.post(page_of(branch, branch.team.wallet), sent)
        assert response.status_code == 302

    assert free_in(acme, branch.team.wallet) == 410_000_000


def test_a_form_sent_again_with_another_amount_gets_a_new_nonce(
    ada_client: AccountClient, acme: Account, branch: ProductBranch
) -> None:
    nonce = str(uuid7())
    path = page_of(branch, branch.team.wallet)
    ada_client.post(path, form("top_up", "10", nonce))

    response = ada_client.post(path, form("top_up", "20", nonce))

    assert response.status_code == 422
    assert "This form was sent before." in text_of(response)
    assert 'value="20"' in text_of(response)
    assert nonce not in response.content.decode()
    assert free_in(acme, branch.team.wallet) == 410_000_000


def test_taking_back_moves_to_the_parent(
    ada_client: AccountClient, acme: Account, branch: ProductBranch
) -> None:
    response = ada_client.post(page_of(branch, branch.team.wallet), form("reclaim", "150"))

    assert response.status_code == 302
    assert free_in(acme, branch.organization.wallet) == 350_000_000


def test_an_allocation_can_be_removed(
    ada_client: AccountClient, acme: Account, branch: ProductBranch
) -> None:
    response = ada_client.post(page_of(branch, branch.team.wallet), form("remove"))

    assert response.status_code == 302
    with in_account(acme):
        assert not allocations_of([branch.team.wallet_id])
    assert free_in(acme, branch.organization.wallet) == 600_000_000
    assert "Inherits" in text_of(ada_client.get(page_of(branch)))


@pytest.mark.parametrize(
    ("amount", "fault"),
    [
        ("", "Enter a number of credits, such as 250 or 12.5."),
        ("many", "Enter a number of credits, such as 250 or 12.5."),
        ("-1", "Enter zero or more credits."),
        ("0", "Enter a number of credits above zero."),
        ("0.0000001", "Credits have at most six decimals."),
        ("99999999999", "This number of credits is out of range."),
    ],
)
def test_an_amount_that_cannot_move_is_explained(
    ada_client: AccountClient, branch: ProductBranch, amount: str, fault: str
) -> None:
    response = ada_client.post(page_of(branch, branch.team.wallet), form("top_up", amount))

    assert response.status_code == 422
    assert fault in text_of(response)


def test_the_pool_is_filled_from_unallocated(
    ada_client: AccountClient, acme: Account, branch: ProductBranch
) -> None:
    response = ada_client.post(page_of(branch, branch.pool), form("allocate", "50"))

    assert response.status_code == 302
    assert free_in(acme, branch.pool) == 50_000_000


def test_the_audit_log_names_the_node_that_got_credits(
    ada_client: AccountClient, acme: Account, branch: ProductBranch
) -> None:
    ada_client.post(page_of(branch, branch.team.wallet), form("top_up", "10"))

    with in_account(acme):
        entry = AuditEntry.objects.order_by("-id").first()
    assert entry is not None
    assert (entry.actor_label, entry.target_label) == ("Ada Admin", "Content")


def test_calls_can_be_kept_from_the_pool(
    ada_client: AccountClient, acme: Account, branch: ProductBranch
) -> None:
    response = ada_client.post(f"{page_of(branch)}spill/", {"team": "on"})

    assert response.status_code == 302
    with in_account(acme):
        book = book_of(branch.product.slug)
    assert (book.spill_team, book.spill_organization, book.spill_pool) == (True, False, False)


def test_unallocated_and_overflow_cannot_be_changed(
    ada_client: AccountClient, acme: Account, branch: ProductBranch
) -> None:
    with in_account(acme):
        fixed = Wallet.objects.filter(book=branch.book, kind__in=("unallocated", "overflow"))
        paths = [page_of(branch, wallet) for wallet in fixed]

    assert [ada_client.get(path).status_code for path in paths] == [404, 404]


def test_another_products_wallet_is_not_there(
    ada_client: AccountClient, branch: ProductBranch
) -> None:
    other = {"copilot": "console", "console": "copilot"}[branch.product.slug]

    response = ada_client.get(f"/{other}/credits/{branch.team.wallet_id}/")

    assert response.status_code == 404


def test_the_last_movements_say_between_whom(
    ada_client: AccountClient, branch: ProductBranch
) -> None:
    movements = ada_client.get(page_of(branch)).context["movements"]

    assert [(move.source, move.destination, move.amount) for move in movements[:3]] == [
        ("Marketing", "Content", 400_000_000),
        ("Unallocated", "Marketing", 600_000_000),
        ("Platform", "Unallocated", 1_000_000_000),
    ]


def test_members_stand_below_their_open_team(
    ada_client: AccountClient, branch: ProductBranch
) -> None:
    path = page_of(branch)

    closed = ada_client.get(path).context["tree"].rows
    opened = ada_client.get(f"{path}?open={branch.team.pk}").context["tree"].rows

    assert [row.label for row in closed] == ["Marketing", "Content"]
    assert [row.label for row in opened] == ["Marketing", "Content", "Mia Member", "Theo Teamlead"]


def test_a_member_does_not_see_the_page(mia_client: AccountClient, branch: ProductBranch) -> None:
    assert mia_client.get(page_of(branch)).status_code == 403
    assert mia_client.get(page_of(branch, branch.team.wallet)).status_code == 403


def test_thirty_teams_take_as_many_queries_as_three(
    ada_client: AccountClient,
    acme: Account,
    branch: ProductBranch,
    django_assert_max_num_queries: Any,
) -> None:
    _make_teams(acme, branch, 3)
    ada_client.get(page_of(branch))
    with django_assert_max_num_queries(40) as few:
        ada_client.get(page_of(branch))
    _make_teams(acme, branch, 27, start=3)

    with django_assert_max_num_queries(40) as many:
        response = ada_client.get(page_of(branch))

    assert len(response.context["tree"].rows) == 32
    assert len(many) == len(few)


def _make_teams(acme: Account, branch: ProductBranch, number: int, start: int = 0) -> None:
    with in_account(acme):
        for index in range(start, start + number):
            team = nodes.create_team(
                product=branch.product,
                organization=branch.organization,
                name=f"Team {index}",
                actor=TESTS,
            )
            allocate(team.wallet, whole(1))
