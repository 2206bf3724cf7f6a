"""Moving a member's place to another team or organization, in both products."""

from typing import Any

import pytest
from django.db import transaction

from core.audit.models import AuditEntry
from core.credits.invariants import broken_invariants
from core.credits.models import AllocationRule, Wallet
from core.credits.selectors import payers_of
from core.hierarchy import moves
from core.hierarchy.errors import AlreadyThere, GlobalIsFixed, IsArchived
from core.hierarchy.product import Product
from core.hierarchy.services import memberships, moving, nodes
from tests.cast import TESTS
from tests.core.ui.branch import ProductBranch, branch_of, whole
from tests.factories.credits import allocate, free_in, hold, settle

pytestmark = pytest.mark.usefixtures("in_acme")


@pytest.fixture
def branch(in_acme: Any, product: Product) -> ProductBranch:
    """Mia has 50 of Content's 400."""
    found = branch_of(product)
    allocate(found.place.wallet, whole(50))
    return found


@pytest.fixture
def design(branch: ProductBranch) -> Any:
    return nodes.create_team(
        product=branch.product, organization=branch.organization, name="Design", actor=TESTS
    )


def move(branch: ProductBranch, team: Any, organization: Any = None) -> Any:
    place: Any = branch.product.membership._default_manager.get(pk=branch.place.pk)
    return moving.move_membership(
        product=branch.product,
        membership=place,
        organization=organization or branch.organization,
        team=team,
        actor=TESTS,
    )


def test_what_is_free_goes_back_to_the_team_and_the_rule_ends(
    branch: ProductBranch, design: Any
) -> None:
    moved = move(branch, design)

    assert moved.given_back == whole(50)
    assert free_in(branch.team.wallet) == whole(400)
    assert free_in(branch.place.wallet) == 0
    assert not AllocationRule.objects.filter(wallet=branch.place.wallet).exists()
    assert broken_invariants() == []


def test_the_next_call_lives_on_the_new_team(branch: ProductBranch, design: Any) -> None:
    allocate(design.wallet, whole(30))

    move(branch, design)

    paying = [payer.wallet_id for payer in payers_of(branch.place.wallet_id) if payer.free > 0]
    assert paying == [design.wallet_id]


def test_a_place_becomes_direct_and_goes_back(branch: ProductBranch) -> None:
    move(branch, None)
    direct = Wallet.objects.get(pk=branch.place.wallet_id)
    move(branch, branch.team)

    again = Wallet.objects.get(pk=branch.place.wallet_id)
    assert (direct.parent_id, direct.depth) == (branch.organization.wallet_id, 3)
    assert (again.parent_id, again.depth) == (branch.team.wallet_id, 3)
    assert broken_invariants() == []


def test_what_a_running_call_holds_stays_until_it_ends(branch: ProductBranch, design: Any) -> None:
    call = hold(branch.place.wallet, whole(20))

    moved = move(branch, design)
    settle(call, whole(15))

    assert moved.given_back == whole(30)
    assert free_in(branch.place.wallet) == whole(5)
    assert broken_invariants() == []


def test_the_primary_place_stays_primary(branch: ProductBranch, design: Any) -> None:
    move(branch, design)

    place: Any = branch.product.membership._default_manager.get(pk=branch.place.pk)
    assert place.is_primary
    entry = AuditEntry.objects.latest("id")
    assert entry.sentence == "The tests moved Mia Member from Content to Design"


def test_a_place_cannot_go_where_the_member_is(branch: ProductBranch, design: Any) -> None:
    memberships.place_member(
        product=branch.product,
        member=branch.member,
        organization=branch.organization,
        team=design,
        actor=TESTS,
    )

    with pytest.raises(AlreadyThere), transaction.atomic():
        move(branch, design)
    with pytest.raises(AlreadyThere), transaction.atomic():
        move(branch, branch.team)


def test_global_is_neither_left_nor_entered(branch: ProductBranch, design: Any) -> None:
    everyone: Any = branch.product.organization._default_manager.get(is_global=True)
    of_all = branch.member.memberships.get(organization=everyone)

    with pytest.raises(GlobalIsFixed), transaction.atomic():
        move(branch, None, everyone)
    with pytest.raises(GlobalIsFixed), transaction.atomic():
        moving.move_membership(
            product=branch.product,
            membership=of_all,
            organization=branch.organization,
            team=design,
            actor=TESTS,
        )


def test_nobody_moves_into_an_archived_team(branch: ProductBranch, design: Any) -> None:
    nodes.archive_node(product=branch.product, node=design, actor=TESTS)

    with pytest.raises(IsArchived), transaction.atomic():
        move(branch, design)


def test_the_preview_says_what_will_happen(branch: ProductBranch, design: Any) -> None:
    preview = moves.preview_membership_move(
        branch.product, branch.place, (branch.organization, design)
    )

    assert (preview.name, preview.source, preview.destination) == (
        "Mia Member",
        "Content",
        "Design",
    )
    assert (preview.travels, preview.goes_back) == (0, whole(50))
    assert (preview.rule, preview.keeps_rule) == (whole(50), False)
    assert preview.draws_on == ("Mia Member", "Marketing")
    assert preview.admins_lost == ("Theo Teamlead",)
    assert preview.admins_gained == ()
