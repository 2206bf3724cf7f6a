"""Whom a split takes in, and who is served when they come or go. For both products."""

from typing import Any
from uuid import UUID

import pytest

from core.access.scopes import EVERYTHING, NOTHING, Scope
from core.credits.invariants import broken_invariants
from core.credits.models import AllocationRule, Wallet
from core.credits.selectors import balance_of, book_of
from core.credits.services import splitting
from core.hierarchy.errors import IsArchived
from core.hierarchy.node_wallets import wallet_for, wallet_to_move
from core.hierarchy.product import Product
from core.hierarchy.selections import Selection, all_below, chosen, unallocated_id
from core.hierarchy.services import members, memberships, moving, nodes
from core.identity import services as identity
from core.identity.models import User
from core.kit.problems import InvalidInput, NotFound, Problem
from tenants.models import Account
from tests.cast import TESTS
from tests.core.ui.branch import ProductBranch, branch_of, whole
from tests.factories.credits import a_key, free_in, open_branch, spend


@pytest.fixture
def branch(in_acme: Account, product: Product) -> ProductBranch:
    """600 credits for Marketing (Olga), of those 400 for Content (Theo and Mia)."""
    return branch_of(product)


def split(selection: Selection, total: int) -> None:
    splitting.split_credits(wish=selection.wish(whole(total)), actor=TESTS, idempotency_key=a_key())


def below(branch: ProductBranch, node: Any, level: str, scope: Scope = EVERYTHING) -> Selection:
    source = unallocated_id(branch.product) if node is None else node.wallet_id
    return all_below(branch.product, scope, source_id=source, level=level)


def place_of(branch: ProductBranch, email: str) -> Any:
    model: Any = branch.product.membership
    rows = model._default_manager.select_related("wallet__book", "member__user", "organization")
    return rows.get(member__user__email=email, archived_at=None, organization__is_global=False)


def names(branch: ProductBranch, wallets: frozenset[UUID]) -> set[str]:
    model: Any = branch.product.membership
    rows = model._default_manager.filter(wallet_id__in=wallets)
    return {str(place.member).split(" ", maxsplit=1)[0] for place in rows}


def newcomer(branch: ProductBranch, email: str = "nina@acme.example", **where: Any) -> Any:
    user = identity.create_user(email=email, name="Nina New", password="x" * 12, actor=TESTS)
    member = members.create_member(product=branch.product, user=user, actor=TESTS)
    return memberships.place_member(
        product=branch.product,
        member=member,
        organization=branch.organization,
        actor=TESTS,
        **where,
    )


def rule_of(wallet: Wallet) -> AllocationRule | None:
    return AllocationRule.objects.filter(wallet=wallet).first()


def test_all_of_a_team_all_of_an_organization_everybody(branch: ProductBranch) -> None:
    everybody = below(branch, None, "membership").wallets

    assert names(branch, below(branch, branch.team, "membership").wallets) == {"Theo", "Mia"}
    assert names(branch, below(branch, branch.organization, "membership").wallets) == {
        "Olga",
        "Theo",
        "Mia",
    }
    assert names(branch, everybody) == {"Olga", "Theo", "Mia"}
    assert below(branch, branch.organization, "team").wallets == {branch.team.wallet_id}
    assert below(branch, None, "organization").wallets == {branch.organization.wallet_id}


def test_each_person_counts_once_in_the_primary_place(branch: ProductBranch) -> None:
    other = nodes.create_team(
        product=branch.product, organization=branch.organization, name="Video", actor=TESTS
    )
    second = memberships.place_member(
        product=branch.product,
        member=branch.member,
        organization=branch.organization,
        team=other,
        actor=TESTS,
    )

    assert second.wallet_id not in below(branch, None, "membership").wallets
    memberships.make_primary(product=branch.product, membership=second, actor=TESTS)
    assert second.wallet_id in below(branch, None, "membership").wallets
    assert branch.place.wallet_id not in below(branch, branch.organization, "membership").wallets
    assert branch.place.wallet_id in below(branch, branch.team, "membership").wallets


def test_the_archived_and_the_deactivated_get_none_the_invited_do(branch: ProductBranch) -> None:
    members.archive_member(product=branch.product, member=branch.member, actor=TESTS)
    theo = User.objects.get(email__startswith="theo")
    identity.deactivate_user(user=theo, actor=TESTS)
    members.invite_member(
        product=branch.product,
        email="ivy@acme.example",
        name="Ivy Invited",
        organization=branch.organization,
        team=branch.team,
        actor=TESTS,
    )

    assert names(branch, below(branch, branch.team, "membership").wallets) == {"Ivy"}


def test_chosen_nodes_share_what_the_nearest_above_them_has(branch: ProductBranch) -> None:
    olga, theo = place_of(branch, "olga@acme.example"), place_of(branch, "theo@acme.example")

    inside = chosen(branch.product, EVERYTHING, wallet_ids=[theo.wallet_id, branch.place.wallet_id])
    across = chosen(branch.product, EVERYTHING, wallet_ids=[theo.wallet_id, olga.wallet_id])

    assert inside.source.wallet.pk == branch.team.wallet_id
    assert across.source.wallet.pk == branch.organization.wallet_id
    assert inside.level == ""


def test_what_is_not_there_cannot_be_chosen(branch: ProductBranch) -> None:
    other = open_branch("another")
    of_the_other_product = other.membership.pk

    for wallet in (of_the_other_product, branch.pool.pk, unallocated_id(branch.product)):
        with pytest.raises(NotFound):
            chosen(branch.product, EVERYTHING, wallet_ids=[wallet])
    with pytest.raises(InvalidInput):
        chosen(branch.product, EVERYTHING, wallet_ids=[])


def test_the_archived_cannot_be_chosen(branch: ProductBranch) -> None:
    empty = nodes.create_team(
        product=branch.product, organization=branch.organization, name="Old", actor=TESTS
    )
    nodes.archive_node(product=branch.product, node=empty, actor=TESTS)

    with pytest.raises(IsArchived):
        chosen(branch.product, EVERYTHING, wallet_ids=[empty.wallet_id, branch.team.wallet_id])
    with pytest.raises(IsArchived):
        below(branch, empty, "membership")


def test_an_admin_of_an_organization_divides_what_it_has(branch: ProductBranch) -> None:
    scope = Scope(organizations=frozenset({branch.organization.pk}))

    assert below(branch, branch.organization, "team", scope).wallets == {branch.team.wallet_id}
    for scoped in (branch.team.wallet_id, branch.place.wallet_id):
        assert wallet_to_move(branch.product, scope, scoped).wallet.pk == scoped
    for above in (branch.organization.wallet_id, branch.pool.pk, unallocated_id(branch.product)):
        with pytest.raises(NotFound):
            wallet_to_move(branch.product, scope, above)
    with pytest.raises(NotFound):
        below(branch, None, "membership", scope)
    with pytest.raises(NotFound):
        chosen(branch.product, scope, wallet_ids=[branch.organization.wallet_id])
    with pytest.raises(NotFound):
        chosen(
            branch.product,
            scope,
            wallet_ids=[branch.team.wallet_id],
            source_id=unallocated_id(branch.product),
        )


def test_an_admin_of_a_team_divides_what_the_team_has(branch: ProductBranch) -> None:
    scope = Scope(teams=frozenset({branch.team.pk}))

    assert len(below(branch, branch.team, "membership", scope).wallets) == 2
    assert wallet_for(branch.product, scope, branch.team.wallet_id).label == "Content"
    with pytest.raises(NotFound):
        wallet_to_move(branch.product, scope, branch.team.wallet_id)
    with pytest.raises(NotFound):
        wallet_for(branch.product, scope, place_of(branch, "olga@acme.example").wallet_id)


def test_nobody_sees_anything_without_a_scope(branch: ProductBranch) -> None:
    for wallet in (branch.organization.wallet_id, branch.place.wallet_id, branch.pool.pk):
        with pytest.raises(NotFound):
            wallet_for(branch.product, NOTHING, wallet)


# -- coming and going ------------------------------------------------------------------------------


def test_who_joins_a_team_gets_the_share_in_force(branch: ProductBranch) -> None:
    split(below(branch, branch.team, "membership"), 100)

    nina = newcomer(branch, team=branch.team)

    assert free_in(nina.wallet) == whole(50)
    assert balance_of(branch.team.wallet).free == whole(250)


def test_who_leaves_a_team_gives_back_what_is_left(branch: ProductBranch) -> None:
    split(below(branch, branch.team, "membership"), 100)
    spend(branch.place.wallet, whole(20))

    memberships.remove_membership(product=branch.product, membership=branch.place, actor=TESTS)

    assert free_in(branch.place.wallet) == 0
    assert rule_of(branch.place.wallet) is None
    assert balance_of(branch.team.wallet).free == whole(330)


def test_who_moves_leaves_here_and_joins_there(branch: ProductBranch) -> None:
    other = nodes.create_team(
        product=branch.product, organization=branch.organization, name="Video", actor=TESTS
    )
    newcomer(branch, team=other)
    split(below(branch, branch.organization, "team"), 200)
    split(below(branch, branch.team, "membership"), 100)
    split(below(branch, other, "membership"), 30)

    moving.move_membership(
        product=branch.product,
        membership=branch.place,
        organization=branch.organization,
        team=other,
        actor=TESTS,
    )

    assert free_in(branch.place.wallet) == whole(30)
    assert broken_invariants() == []


def test_an_archived_member_gives_back_and_comes_back_as_a_joiner(branch: ProductBranch) -> None:
    split(below(branch, branch.team, "membership"), 100)

    members.archive_member(product=branch.product, member=branch.member, actor=TESTS)
    gone = free_in(branch.place.wallet)
    members.restore_member(product=branch.product, member=branch.member, actor=TESTS)

    assert (gone, free_in(branch.place.wallet)) == (0, whole(50))


def test_a_share_of_everybodys_comes_along_into_the_first_place(branch: ProductBranch) -> None:
    split(below(branch, None, "membership"), 30)
    user = identity.create_user(email="n@acme.example", name="N", password="x" * 12, actor=TESTS)
    member = members.create_member(product=branch.product, user=user, actor=TESTS)
    alone: Any = member.memberships.get()  # type: ignore[attr-defined]
    before = free_in(alone.wallet)

    place = memberships.place_member(
        product=branch.product,
        member=member,
        organization=branch.organization,
        team=branch.team,
        actor=TESTS,
    )

    assert (before, free_in(alone.wallet), free_in(place.wallet)) == (whole(10), 0, whole(10))
    assert balance_of(
        wallet_for(branch.product, EVERYTHING, unallocated_id(branch.product)).wallet
    ).free == whole(360)


def test_nobody_gets_two_shares_of_everybodys(branch: ProductBranch) -> None:
    split(below(branch, None, "membership"), 30)

    second = memberships.place_member(
        product=branch.product,
        member=branch.member,
        organization=branch.organization,
        actor=TESTS,
    )

    assert (free_in(branch.place.wallet), free_in(second.wallet)) == (whole(10), 0)


def test_a_new_team_is_served_and_an_archived_one_gives_back(branch: ProductBranch) -> None:
    split(below(branch, branch.organization, "team"), 60)

    team = nodes.create_team(
        product=branch.product, organization=branch.organization, name="Video", actor=TESTS
    )
    served = free_in(team.wallet)
    nodes.archive_node(product=branch.product, node=team, actor=TESTS)

    assert (served, free_in(team.wallet)) == (whole(60), 0)


def test_a_team_that_moves_keeps_its_share_as_its_own(branch: ProductBranch) -> None:
    split(below(branch, branch.organization, "team"), 60)
    split(below(branch, branch.organization, "membership"), 30)
    other = nodes.create_organization(product=branch.product, name="Sales", actor=TESTS)
    team_rule = rule_of(branch.team.wallet)
    assert team_rule is not None

    moving.move_team(product=branch.product, team=branch.team, organization=other, actor=TESTS)

    for wallet, amount in (
        (branch.team.wallet, team_rule.amount),
        (branch.place.wallet, whole(10)),
    ):
        rule = rule_of(wallet)
        assert rule is not None
        assert (rule.mode, rule.amount, rule.split) == ("fixed", amount, None)
    assert broken_invariants() == []


def test_a_split_refused_leaves_nothing(branch: ProductBranch) -> None:
    with pytest.raises(Problem):
        split(below(branch, branch.team, "membership"), 401)

    assert book_of(branch.product.slug).splits.count() == 0
