"""Moving a team to another organization, in both products."""

from typing import Any

import pytest
from django.db import transaction

from core.access.models import FeatureSwitch, NodeLlmPolicy
from core.access.services import switch_llm_on
from core.audit.models import AuditEntry
from core.credits.invariants import broken_invariants
from core.credits.models import Transfer, Wallet
from core.credits.selectors import allocations_of, payers_of
from core.hierarchy import moves
from core.hierarchy.errors import (
    AlreadyThere,
    GlobalIsFixed,
    IsArchived,
    MovedMeanwhile,
    NameTaken,
)
from core.hierarchy.product import Product
from core.hierarchy.seats import seat_of_membership
from core.hierarchy.services import memberships, moving, nodes
from core.identity.models import User
from core.kit.ids import uuid7
from core.tenancy.policy import policy_version
from tests.cast import TESTS
from tests.core.ui.branch import ProductBranch, branch_of, whole
from tests.core.ui.people import member_of
from tests.factories.credits import allocate, cap, free_in, hold, settle

pytestmark = pytest.mark.usefixtures("in_acme")


@pytest.fixture
def branch(in_acme: Any, product: Product) -> ProductBranch:
    return branch_of(product)


@pytest.fixture
def sales(branch: ProductBranch) -> Any:
    return nodes.create_organization(product=branch.product, name="Sales", actor=TESTS)


def move(branch: ProductBranch, organization: Any, **fields: Any) -> Any:
    team = branch.product.team._default_manager.get(pk=branch.team.pk)
    return moving.move_team(
        product=branch.product, team=team, organization=organization, actor=TESTS, **fields
    )


def test_a_team_takes_its_members_and_their_calls_along(branch: ProductBranch, sales: Any) -> None:
    move(branch, sales)

    seat = seat_of_membership(branch.product, branch.place.pk)
    assert seat.organization_id == sales.pk
    assert seat.team_id == branch.team.pk
    assert Wallet.objects.get(pk=branch.team.wallet_id).parent_id == sales.wallet_id
    assert broken_invariants() == []


def test_a_team_s_credits_and_its_rule_travel_with_it(branch: ProductBranch, sales: Any) -> None:
    moved = move(branch, sales)

    assert moved.kept == whole(400)
    assert free_in(branch.team.wallet) == whole(400)
    assert free_in(branch.organization.wallet) == whole(200)
    assert allocations_of([branch.team.wallet_id]) == {branch.team.wallet_id: whole(400)}
    assert not Transfer.objects.filter(act__verb="credits.wallet_moved").exists()


def test_a_team_without_credits_of_its_own_lives_on_the_new_organization(
    branch: ProductBranch, sales: Any
) -> None:
    squad = nodes.create_team(
        product=branch.product, organization=branch.organization, name="Squad", actor=TESTS
    )
    place = memberships.place_member(
        product=branch.product,
        member=branch.member,
        organization=branch.organization,
        team=squad,
        actor=TESTS,
    )
    allocate(sales.wallet, whole(50))

    moving.move_team(product=branch.product, team=squad, organization=sales, actor=TESTS)

    payers = [(payer.via, payer.wallet_id) for payer in payers_of(place.wallet_id)]
    assert ("inherits", sales.wallet_id) in payers
    assert branch.organization.wallet_id not in [wallet for _via, wallet in payers]


def test_a_call_that_runs_is_settled_where_it_reserved(branch: ProductBranch, sales: Any) -> None:
    call = hold(branch.place.wallet, whole(100))

    move(branch, sales)
    settle(call, whole(60))

    assert free_in(branch.team.wallet) == whole(340)
    assert broken_invariants() == []


def test_a_move_is_told_and_moves_the_policy_on(branch: ProductBranch, sales: Any) -> None:
    before = policy_version()

    move(branch, sales, reason="New reporting line")

    entry = AuditEntry.objects.latest("id")
    assert entry.sentence == "The tests moved the team Content from Marketing to Sales"
    assert entry.reason == "New reporting line"
    assert policy_version() == before + 1


def test_who_was_taken_out_comes_back_where_the_team_stands(
    branch: ProductBranch, sales: Any, mia: User
) -> None:
    memberships.remove_membership(product=branch.product, membership=branch.place, actor=TESTS)

    move(branch, sales)

    place = member_of(branch.product, mia).memberships.get(pk=branch.place.pk)
    assert place.organization == sales


def test_a_team_cannot_go_where_it_is_or_where_no_team_may_be(branch: ProductBranch) -> None:
    everyone = branch.product.organization._default_manager.get(is_global=True)

    with pytest.raises(AlreadyThere), transaction.atomic():
        move(branch, branch.organization)
    with pytest.raises(GlobalIsFixed), transaction.atomic():
        move(branch, everyone)


def test_a_team_cannot_go_where_its_name_is_taken(branch: ProductBranch, sales: Any) -> None:
    nodes.create_team(product=branch.product, organization=sales, name="content", actor=TESTS)

    with pytest.raises(NameTaken), transaction.atomic():
        move(branch, sales)

    assert Wallet.objects.get(pk=branch.team.wallet_id).parent_id == branch.organization.wallet_id


def test_nothing_moves_into_what_is_archived(branch: ProductBranch, sales: Any) -> None:
    nodes.archive_node(product=branch.product, node=sales, actor=TESTS)

    with pytest.raises(IsArchived), transaction.atomic():
        move(branch, sales)


def test_whoever_looked_before_another_moved_it_is_told(branch: ProductBranch, sales: Any) -> None:
    support = nodes.create_organization(product=branch.product, name="Support", actor=TESTS)
    teams: Any = branch.product.team._default_manager
    stale = teams.select_related("organization").get(pk=branch.team.pk)
    move(branch, sales)

    with pytest.raises(MovedMeanwhile), transaction.atomic():
        moving.move_team(product=branch.product, team=stale, organization=support, actor=TESTS)
    with pytest.raises(MovedMeanwhile), transaction.atomic():
        memberships.place_member(
            product=branch.product,
            member=branch.member,
            organization=branch.organization,
            team=branch.team,
            actor=TESTS,
        )


def test_the_preview_says_what_will_happen(branch: ProductBranch, sales: Any) -> None:
    hold(branch.place.wallet, whole(100))
    cap(branch.book, branch.organization.pk, whole(10))
    cap(branch.book, sales.pk, whole(5), "month")
    allocate(sales.wallet, whole(50))

    preview = moves.preview_team_move(branch.product, branch.team, sales)

    assert (preview.name, preview.source, preview.destination) == ("Content", "Marketing", "Sales")
    assert (preview.members, preview.travels, preview.goes_back) == (2, whole(300), 0)
    assert (preview.rule, preview.keeps_rule) == (whole(400), True)
    assert preview.draws_on == ("Content", "Content")
    assert (preview.calls.calls, preview.calls.held) == (1, whole(100))
    assert preview.keys == (0 if branch.product.slug == "console" else None)
    assert [(each.node, each.amount) for each in preview.caps_lost] == [("Marketing", whole(10))]
    assert [(each.node, each.amount) for each in preview.caps_gained] == [("Sales", whole(5))]
    assert preview.admins_lost == ("Olga Organizer",)
    assert preview.admins_gained == ()


def test_a_preview_changes_nothing(branch: ProductBranch, sales: Any) -> None:
    before = AuditEntry.objects.count(), policy_version()

    moves.preview_team_move(branch.product, branch.team, sales)

    assert (AuditEntry.objects.count(), policy_version()) == before
    branch.team.refresh_from_db()
    assert branch.team.organization == branch.organization


def test_the_preview_counts_what_the_new_path_allows(branch: ProductBranch, sales: Any) -> None:
    llms = [uuid7(), uuid7()]
    for llm in llms:
        switch_llm_on(product=branch.product.slug, llm_id=llm, llm_name="an LLM", actor=TESTS)
    NodeLlmPolicy.objects.create(product=branch.product.slug, node_id=sales.pk, block=[llms[0]])
    FeatureSwitch.objects.create(
        product=branch.product.slug, node_id=sales.pk, feature="image_generation", is_on=False
    )

    preview = moves.preview_team_move(branch.product, branch.team, sales)

    assert (preview.llms_gained, preview.llms_lost) == (0, 1)
    assert preview.features_lost == ["Image generation"]
    assert preview.features_gained == []
