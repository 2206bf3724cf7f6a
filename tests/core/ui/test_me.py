"""A member's own page: for those who have nothing but a seat."""

from collections.abc import Callable

import pytest

from core.access.services import switch_llm_on
from core.credits.models import Book
from core.credits.services import allocating, books
from core.hierarchy.product import Product
from core.hierarchy.services import memberships
from core.identity.models import User
from tenants.models import Account
from tests.cast import TESTS
from tests.clients import AccountClient
from tests.core.ui.people import add_teams, member_of, organization_of, queries_of, team_of
from tests.factories.credits import a_key
from tests.factories.tenants import LlmFactory
from tests.factories.things import things_in


@pytest.fixture
def mia_client(
    client_for: Callable[..., AccountClient], mia: User, in_acme: Account
) -> AccountClient:
    return client_for(mia, in_acme)


def test_it_says_what_can_be_spent_and_why(mia_client: AccountClient, product: Product) -> None:
    book = Book.objects.get(product=product.slug)
    books.set_spill(book=book, team=False, organization=True, pool=True, actor=TESTS)
    allocating.grant_credits(book=book, amount=9_000_000, actor=TESTS, idempotency_key=a_key())
    for wallet, amount in (
        (organization_of(product).wallet, 5_000_000),
        (team_of(product).wallet, 2_000_000),
    ):
        allocating.allocate_credits(
            wallet=wallet, amount=amount, actor=TESTS, idempotency_key=a_key()
        )

    page = mia_client.get(f"/{product.slug}/me/")

    assert page.context["spendable"] == 5_000_000
    assert [(source.name, source.free) for source in page.context["sources"]] == [
        ("Team Content", 2_000_000),
        ("Organization Marketing", 3_000_000),
        ("Pool", 0),
        ("Overflow", 0),
    ]
    assert b"you have no allocation of your own, so you share this one" in page.content


def test_the_place_can_be_chosen(mia_client: AccountClient, product: Product, mia: User) -> None:
    add_teams(product, 1)
    member, squad = member_of(product, mia), team_of(product, "Squad 0")
    place = memberships.place_member(
        product=product,
        member=member,
        organization=organization_of(product),
        team=squad,
        actor=TESTS,
    )

    page = mia_client.get(f"/{product.slug}/me/?place={place.pk}")
    nonsense = mia_client.get(f"/{product.slug}/me/?place=nowhere")

    assert page.context["place"] == place
    assert nonsense.context["place"].team == team_of(product)


def test_it_shows_prices_of_what_is_switched_on(
    mia_client: AccountClient, in_acme: Account, product: Product
) -> None:
    on, off = LlmFactory(offered_to=in_acme), LlmFactory(offered_to=in_acme)
    switch_llm_on(product=product.slug, llm_id=on.pk, llm_name=on.name, actor=TESTS)

    page = mia_client.get(f"/{product.slug}/me/").content.decode()

    assert f">{on.name}<" in page
    assert f">{off.name}<" not in page
    # One US dollar is 100 credits.
    assert ">100<" in page
    assert ">200<" in page


def test_only_own_calls_are_shown(
    client_for: Callable[..., AccountClient],
    in_acme: Account,
    product: Product,
    olga: User,
) -> None:
    things_in(in_acme, LlmFactory(offered_to=in_acme))
    caller = (
        product.member._default_manager.filter(
            memberships__team=team_of(product),  # type: ignore[misc]
            user__is_active=True,
        )
        .order_by("memberships__created_at")
        .last()
    )
    assert caller is not None

    own = client_for(caller.user, in_acme).get(f"/{product.slug}/me/")
    others = client_for(olga, in_acme).get(f"/{product.slug}/me/")

    assert own.context["totals"].calls == 1
    assert len(own.context["calls"]) == 1
    assert others.context["totals"].calls == 0
    assert others.context["calls"] == []


def test_who_has_no_seat_is_told_what_a_seat_is_for(
    client_for: Callable[..., AccountClient], ada: User, in_acme: Account, product: Product
) -> None:
    page = client_for(ada, in_acme).get(f"/{product.slug}/me/")

    assert page.status_code == 200
    assert f"You have no seat in {product.title}" in page.content.decode()


def test_a_member_sees_no_page_of_an_admin_in_the_sidebar(
    mia_client: AccountClient, product: Product
) -> None:
    page = mia_client.get(f"/{product.slug}/me/").content.decode()

    assert f'href="/{product.slug}/me/"' in page
    for hidden in ("member", "credits", "audit", "clients"):
        assert f'href="/{product.slug}/{hidden}/"' not in page
    assert 'href="/admins/"' not in page


def test_it_takes_as_many_queries_for_20_places_as_for_2(
    mia_client: AccountClient, product: Product, mia: User
) -> None:
    path = f"/{product.slug}/me/"
    few = queries_of(mia_client, path)
    add_teams(product, 18)
    for team in product.team._default_manager.filter(name__startswith="Squad"):
        memberships.place_member(
            product=product,
            member=member_of(product, mia),
            organization=organization_of(product),
            team=team,
            actor=TESTS,
        )

    assert queries_of(mia_client, path) == few
    assert few <= 30
