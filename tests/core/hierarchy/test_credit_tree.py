"""The tree of credits and the names of wallets, for both products."""

from typing import Any

import pytest

from core.access.scopes import EVERYTHING, Scope
from core.credits.models import Wallet
from core.credits.selectors import allocations_of, figures_of, open_cycle_of
from core.hierarchy import credit_tree as credit_tree_module
from core.hierarchy.acts import last_acts
from core.hierarchy.credit_tree import (
    alone_id,
    alone_rows,
    branch_rows,
    credit_tree,
    own_holdings,
)
from core.hierarchy.holdings import Holding
from core.hierarchy.node_wallets import wallet_for
from core.hierarchy.product import Product
from core.hierarchy.services import members, memberships, nodes
from core.hierarchy.wallets import last_movements, wallet_labels
from tenants.models import Account
from tests.cast import TESTS
from tests.core.ui.branch import ProductBranch, branch_of, whole
from tests.factories.credits import allocate, hold, reclaim, top_up


@pytest.fixture
def branch(in_acme: Account, product: Product) -> ProductBranch:
    """600 credits for Marketing, of those 400 for Content."""
    return branch_of(product)


def row_of(branch: ProductBranch, label: str) -> Holding:
    rows = credit_tree(branch.product, open_id=branch.team.pk).rows
    return next(row for row in rows if row.label == label)


def book_free(branch: ProductBranch) -> int:
    return figures_of(branch.book).unallocated


def test_what_a_node_got_is_given_on_used_held_or_free(branch: ProductBranch) -> None:
    allocate(branch.place.wallet, whole(100))
    top_up(branch.team.wallet, whole(5))
    branch.call(whole(30))
    hold(branch.place.wallet, whole(10))

    organization, team, mia = (
        row_of(branch, label) for label in ("Marketing", "Content", "Mia Member")
    )

    assert (organization.allocated, organization.given_on, organization.free) == (
        600_000_000,
        405_000_000,
        195_000_000,
    )
    assert (team.allocated, team.given_on, team.free, team.rule) == (
        405_000_000,
        100_000_000,
        305_000_000,
        400_000_000,
    )
    assert (mia.allocated, mia.used, mia.reserved, mia.free) == (
        100_000_000,
        30_000_000,
        10_000_000,
        60_000_000,
    )


def test_a_row_without_a_rule_names_the_nearest_that_has_one(branch: ProductBranch) -> None:
    assert row_of(branch, "Mia Member").inherits_from == "Content"
    assert row_of(branch, "Content").inherits_from == ""


def test_a_rule_of_zero_is_an_own_allocation(branch: ProductBranch) -> None:
    allocate(branch.place.wallet, 0)

    mia = row_of(branch, "Mia Member")

    assert (mia.rule, mia.inherits_from) == (0, "")


def test_the_figures_leave_overflow_out_of_what_is_left(branch: ProductBranch) -> None:
    branch.call(whole(30))

    figures = credit_tree(branch.product).figures
    assert figures is not None

    assert (figures.granted, figures.used, figures.left) == (
        1_000_000_000,
        30_000_000,
        970_000_000,
    )


def test_an_archived_team_shows_for_as_long_as_it_holds_credits(branch: ProductBranch) -> None:
    for name in ("Empty", "Full"):
        team = nodes.create_team(
            product=branch.product, organization=branch.organization, name=name, actor=TESTS
        )
        if name == "Full":
            allocate(team.wallet, whole(10))
        type(team).objects.filter(pk=team.pk).update(archived_at=team.created_at)  # type: ignore[attr-defined]

    rows = {row.label: row.is_archived for row in credit_tree(branch.product).rows}

    assert rows == {"Marketing": False, "Content": False, "Full": True}


def test_members_of_an_organization_stand_below_it(branch: ProductBranch) -> None:
    rows = credit_tree(branch.product, open_id=branch.organization.pk).rows

    assert [(row.label, row.depth) for row in rows] == [
        ("Marketing", 0),
        ("Content", 1),
        ("Olga Organizer", 1),
    ]


def test_a_member_has_a_wallet_in_each_place(branch: ProductBranch) -> None:
    top_up(branch.place.wallet, whole(2))

    held = own_holdings(branch.product, branch.member)

    assert [(row.label, row.free) for row in held] == [("Content", 2_000_000), ("global", 0)]


def test_wallets_are_called_like_their_nodes(
    branch: ProductBranch, django_assert_num_queries: Any
) -> None:
    wallets = list(Wallet.objects.filter(book=branch.book))

    with django_assert_num_queries(3):
        labels = wallet_labels(branch.product, wallets)

    assert labels[branch.pool.pk] == "Pool"
    assert labels[branch.organization.wallet_id] == "Marketing"
    assert labels[branch.team.wallet_id] == "Content"
    assert labels[branch.place.wallet_id] == "Mia Member in Content"


def test_the_movements_of_many_wallets_take_four_queries(
    branch: ProductBranch, django_assert_num_queries: Any
) -> None:
    for place in branch.product.membership._default_manager.select_related("wallet__book"):
        if place.wallet.parent_id:
            top_up(place.wallet, whole(1))

    with django_assert_num_queries(4):
        movements = last_movements(branch.product, branch.book)

    assert {move.destination for move in movements} >= {"Content", "Mia Member in Content"}


def test_a_long_branch_comes_page_by_page_and_each_row_once(
    branch: ProductBranch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(credit_tree_module, "PAGE", 3)
    monkeypatch.setattr(credit_tree_module, "MOST_TEAMS", 2)
    for number in range(6):
        nodes.create_team(
            product=branch.product,
            organization=branch.organization,
            name=f"Team {number}",
            actor=TESTS,
        )
    top = wallet_for(branch.product, EVERYTHING, branch.organization.wallet_id)
    first = credit_tree(branch.product, open_id=branch.organization.pk).rows
    cycle = credit_tree(branch.product).cycle

    rows = list(first)
    while rows[-1].more:
        start = rows[-1].more[-1].start
        rows += branch_rows(branch.product, EVERYTHING, top, cycle=cycle, start=start)

    assert [row.label for row in first] == ["Marketing", "Content", "Team 0", "Team 1"]
    assert [row.label for row in rows] == [
        "Marketing",
        "Content",
        *(f"Team {number}" for number in range(6)),
        "Olga Organizer",
    ]


def test_the_open_team_is_in_sight_however_many_stand_before_it(
    branch: ProductBranch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(credit_tree_module, "PAGE", 1)
    monkeypatch.setattr(credit_tree_module, "MOST_TEAMS", 1)
    nodes.create_team(
        product=branch.product, organization=branch.organization, name="Before", actor=TESTS
    )

    rows = credit_tree(branch.product, open_id=branch.team.pk).rows

    assert [row.label for row in rows] == ["Marketing", "Before", "Content", "Mia Member"]


def test_members_outside_of_teams_are_announced_below_an_organization(
    branch: ProductBranch,
) -> None:
    rows = credit_tree(branch.product).rows

    assert [row.label for row in rows] == ["Marketing", "Content"]
    assert [(more.wallet_id, more.start) for more in rows[-1].more] == [
        (branch.organization.wallet_id, 1)
    ]


def test_who_is_found_says_whose_credits_they_draw_on(branch: ProductBranch) -> None:
    (mia,) = credit_tree(branch.product, term="mia").rows

    assert (mia.label, mia.source, mia.inherits_from) == (
        "Mia Member in Content",
        "inherits",
        "Content",
    )


# -- who is in `global` only -----------------------------------------------------------------------


@pytest.fixture
def alone(branch: ProductBranch) -> Any:
    """Noor has a seat, and no organization or team; her place holds 30 of its own."""
    member: Any = members.invite_member(
        product=branch.product, email="noor@acme.example", name="Noor Alone", actor=TESTS
    ).member
    place: Any = member.memberships.get()
    allocate(place.wallet, whole(30))
    return place


def test_who_is_in_global_only_stands_in_a_row_of_their_own(
    branch: ProductBranch, alone: Any
) -> None:
    rows = credit_tree(branch.product).rows

    assert [row.label for row in rows] == ["Marketing", "Content", "Only in global"]
    assert (rows[-1].allocated, rows[-1].free, rows[-1].can_change) == (whole(30), 0, False)


def test_the_row_opens_to_members_who_can_be_given_credits(
    branch: ProductBranch, alone: Any
) -> None:
    rows = credit_tree(branch.product, open_id=alone.organization_id).rows

    (top, noor) = rows[-2:]
    assert (top.is_open, noor.label, noor.depth) == (True, "Noor Alone", 1)
    assert (noor.rule, noor.free, noor.can_change) == (whole(30), whole(30), True)
    assert noor.path == (alone.organization_id,)


def test_without_an_allocation_they_draw_on_the_pool(branch: ProductBranch) -> None:
    members.invite_member(
        product=branch.product, email="noor@acme.example", name="Noor Alone", actor=TESTS
    )

    (noor,) = credit_tree(branch.product, term="noor").rows

    assert (noor.label, noor.source, noor.inherits_from) == (
        "Noor Alone in global",
        "inherits",
        "Pool",
    )


def test_who_has_a_place_is_not_listed_there(branch: ProductBranch, alone: Any) -> None:
    cycle = open_cycle_of(branch.book)

    rows = alone_rows(branch.product, cycle=cycle)

    assert [row.label for row in rows] == ["Noor Alone"]


def test_a_long_list_of_them_comes_page_by_page(
    branch: ProductBranch, alone: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    members.invite_member(
        product=branch.product, email="otto@acme.example", name="Otto Alone", actor=TESTS
    )
    monkeypatch.setattr(credit_tree_module, "PAGE", 1)
    cycle = open_cycle_of(branch.book)

    first = alone_rows(branch.product, cycle=cycle)
    then = alone_rows(branch.product, cycle=cycle, start=1)

    assert [row.label for row in first + then] == ["Noor Alone", "Otto Alone"]
    assert [(more.wallet_id, more.start) for more in first[0].more] == [(alone.organization_id, 1)]
    assert then[0].more == ()


def test_who_administers_a_branch_does_not_see_them(branch: ProductBranch, alone: Any) -> None:
    scope = Scope(organizations=frozenset({branch.organization.pk}))

    labels = [row.label for row in credit_tree(branch.product, scope).rows]

    assert "Only in global" not in labels
    assert alone_id(branch.product, scope) is None
    assert credit_tree(branch.product, scope, term="noor").rows == []


def test_credits_held_there_go_back_once_somebody_has_a_place(
    branch: ProductBranch, alone: Any
) -> None:
    before = book_free(branch)

    memberships.place_member(
        product=branch.product,
        member=alone.member,
        organization=branch.organization,
        team=branch.team,
        actor=TESTS,
    )

    assert book_free(branch) == before + whole(30)
    assert allocations_of([alone.wallet_id]) == {}
    assert credit_tree(branch.product).rows[-1].label == "Content"


def test_what_was_taken_back_is_told_of_the_node_that_gave_it(branch: ProductBranch) -> None:
    reclaim(branch.team.wallet, whole(7))

    act = last_acts(branch.product, EVERYTHING, branch.book)[0]

    assert (act.label, act.node, act.amount) == ("Took back", "Content", whole(7))
