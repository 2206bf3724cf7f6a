"""Moves against calls, placements and other moves, on real connections."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from core.credits import charging
from core.credits.errors import InsufficientCredits
from core.credits.invariants import broken_invariants
from core.hierarchy.errors import AlreadyThere, MovedMeanwhile
from core.hierarchy.product import product_named
from core.hierarchy.services import members, memberships, moving, nodes
from core.kit.problems import Problem
from core.tenancy.context import in_account
from tenants.models import Account
from tests.cast import TESTS
from tests.core.ui.branch import ProductBranch, branch_of, whole
from tests.factories.credits import allocate, reserve_request, settle
from tests.factories.identity import UserFactory
from tests.threads import run_together

pytestmark = [pytest.mark.race, pytest.mark.slow]  # Threads and a copy of the database.

COPILOT = product_named("copilot")


@pytest.fixture
def raced(transactional_accounts: None, in_acme: Account) -> Iterator[Account]:
    """Acme with real commits; at the end nothing is broken, and wallets hang as nodes do."""
    yield in_acme
    assert broken_invariants() == []
    for place in _rows("membership").select_related("wallet", "team__wallet", "organization"):
        above = place.team or place.organization
        assert place.wallet.parent_id == above.wallet_id
        if place.team is not None:
            assert place.organization_id == place.team.organization_id
            assert place.team.wallet.parent_id == place.organization.wallet_id


@pytest.fixture
def branch(raced: Account) -> ProductBranch:
    found = branch_of(COPILOT)
    allocate(found.place.wallet, whole(100))
    return found


def _rows(kind: str) -> Any:
    return getattr(COPILOT, kind)._default_manager


def together(account: Account, *calls: Callable[[], Any]) -> list[Any]:
    def inside(call: Callable[[], Any]) -> Callable[[], Any]:
        def run() -> Any:
            with in_account(account):
                return call()

        return run

    return run_together([inside(call) for call in calls], timeout_seconds=600)


def unexpected(answers: list[Any]) -> list[Any]:
    return [
        answer
        for answer in answers
        if isinstance(answer, Exception) and not isinstance(answer, Problem)
    ]


def test_moves_against_spending_keep_the_books(raced: Account, branch: ProductBranch) -> None:
    sales = nodes.create_organization(product=COPILOT, name="Sales", actor=TESTS)
    design = nodes.create_team(product=COPILOT, organization=sales, name="Design", actor=TESTS)
    assert sales.wallet is not None
    allocate(sales.wallet, whole(100))

    def spend() -> None:
        for _ in range(15):
            request = reserve_request(branch.place.wallet, whole(3))
            if charging.reserve(request).outcome == "reserved":
                settle(request.request_id, whole(4))

    def wander() -> None:
        for goal in (design, branch.team) * 4:
            team = _rows("team").select_related("organization").get(pk=goal.pk)
            place = _rows("membership").get(pk=branch.place.pk)
            moving.move_membership(
                product=COPILOT,
                membership=place,
                organization=team.organization,
                team=team,
                actor=TESTS,
            )

    def carry() -> None:
        for organization in (sales, branch.organization) * 4:
            moving.move_team(
                product=COPILOT,
                team=_rows("team").get(pk=branch.team.pk),
                organization=_rows("organization").get(pk=organization.pk),
                actor=TESTS,
            )

    answers = together(raced, spend, spend, spend, wander, carry)

    assert unexpected(answers) == []


def test_two_moves_of_one_team_are_one(raced: Account, branch: ProductBranch) -> None:
    targets = [
        nodes.create_organization(product=COPILOT, name=f"Target {number}", actor=TESTS)
        for number in range(4)
    ]
    teams = [_rows("team").select_related("organization").get(pk=branch.team.pk) for _ in targets]

    def to(team: Any, organization: Any) -> Callable[[], Any]:
        return lambda: moving.move_team(
            product=COPILOT, team=team, organization=organization, actor=TESTS
        )

    answers = together(raced, *map(to, teams, targets))

    assert sorted(type(answer).__name__ for answer in answers) == [
        "MovedCredits",
        *["MovedMeanwhile"] * 3,
    ]


def test_who_joins_a_team_while_it_moves_is_where_it_stands(
    raced: Account, branch: ProductBranch
) -> None:
    sales = nodes.create_organization(product=COPILOT, name="Sales", actor=TESTS)
    seats = [
        members.create_member(product=COPILOT, user=UserFactory(), actor=TESTS) for _ in range(6)
    ]

    def join(member: Any) -> Callable[[], Any]:
        team = _rows("team").get(pk=branch.team.pk)
        return lambda: memberships.place_member(
            product=COPILOT,
            member=member,
            organization=branch.organization,
            team=team,
            actor=TESTS,
        )

    def invite() -> Any:
        return members.invite_member(
            product=COPILOT,
            email="late@acme.example",
            organization=branch.organization,
            team=_rows("team").get(pk=branch.team.pk),
            actor=TESTS,
        )

    def move() -> Any:
        return moving.move_team(
            product=COPILOT,
            team=_rows("team").get(pk=branch.team.pk),
            organization=sales,
            actor=TESTS,
        )

    answers = together(raced, move, invite, *map(join, seats))

    assert unexpected(answers) == []
    refused = [answer for answer in answers if isinstance(answer, Problem)]
    assert all(isinstance(answer, MovedMeanwhile) for answer in refused)


def test_an_allocation_that_meets_a_move_takes_from_the_right_parent(
    raced: Account, branch: ProductBranch
) -> None:
    design = nodes.create_team(
        product=COPILOT, organization=branch.organization, name="Design", actor=TESTS
    )

    def move() -> Any:
        return moving.move_membership(
            product=COPILOT,
            membership=_rows("membership").get(pk=branch.place.pk),
            organization=branch.organization,
            team=design,
            actor=TESTS,
        )

    answers = together(
        raced, move, *[lambda: allocate(branch.place.wallet, whole(100 + 1)) for _ in range(3)]
    )

    assert unexpected(answers) == []
    assert not [a for a in answers if isinstance(a, InsufficientCredits | AlreadyThere)]
