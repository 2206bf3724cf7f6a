"""The sharing page: who has it through what, the effect before a change, and one click back."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from core.access.models import Grant
from core.hierarchy.product import Product
from core.kit.clock import now
from core.tenancy.context import in_account
from core.tokens.models import ClientApp
from core.tokens.services import create_client_app
from tenants.models import Account
from tests.cast import TESTS
from tests.clients import AccountClient
from tests.core.ui.branch import ProductBranch, text_of


@pytest.fixture
def app(acme: Account, product: Product) -> ClientApp:
    with in_account(acme):
        return create_client_app(product=product.slug, name="alchemi-web", actor=TESTS).app


@pytest.fixture
def home(product: Product, app: ClientApp) -> str:
    return f"/{product.slug}/sharing/client_app/{app.pk}/"


def said(acme: Account) -> list[tuple[str, bool]]:
    with in_account(acme):
        return list(Grant.objects.values_list("node_kind", "is_denial"))


def test_somebody_is_found_with_what_they_have_it_through(
    ada_client: AccountClient, branch: ProductBranch, home: str
) -> None:
    found = ada_client.get(home, {"q": "mia"}, HTTP_HX_REQUEST="true")

    assert "Mia Member" in text_of(found)
    assert "alchemi-web is open to everyone" in text_of(found)


def test_a_denial_shows_its_effect_counts_and_is_reverted(
    ada_client: AccountClient, acme: Account, branch: ProductBranch, home: str
) -> None:
    path = f"{home}team/{branch.team.pk}/"
    assert "2 places lose it." in text_of(ada_client.get(path))

    ada_client.post(path, {"act": "deny", "reason": "Not yet"})

    assert said(acme) == [("team", True)]
    shown = text_of(ada_client.get(home, {"q": "mia"}))
    assert "Content is denied alchemi-web" in shown
    assert "You changed Content." in shown

    ada_client.post(f"{home}undo/")

    assert said(acme) == []


def test_closing_and_sharing_until_a_day(
    ada_client: AccountClient, acme: Account, branch: ProductBranch, home: str
) -> None:
    assert "To close it takes it from" in text_of(ada_client.get(home))
    ada_client.post(f"{home}open/", {"open": "0"})
    path = f"{home}member/{branch.member.pk}/"
    assert "1 place gains it." in text_of(ada_client.get(path))
    day = (now() + timedelta(days=10)).date()

    ada_client.post(path, {"act": "allow", "ends_on": day.isoformat()})

    with in_account(acme):
        grant = Grant.objects.get()
    assert grant.ends_at is not None
    assert timedelta(days=9) < grant.ends_at - now() < timedelta(days=12)
    assert "Only those have it with whom it is shared." in text_of(ada_client.get(home))


@pytest.mark.parametrize("day", ["2020-01-01", "soon", "99999-12-31"])
def test_a_day_that_makes_no_sense_comes_back_as_an_error(
    ada_client: AccountClient, acme: Account, branch: ProductBranch, home: str, day: str
) -> None:
    answer = ada_client.post(f"{home}team/{branch.team.pk}/", {"act": "deny", "ends_on": day})

    assert answer.status_code == 422
    assert said(acme) == []


def test_a_branch_admin_does_not_open_it_to_everyone(
    client_for: Callable[..., AccountClient], acme: Account, olga: Any, home: str, app: ClientApp
) -> None:
    client = client_for(olga, acme)

    client.post(f"{home}open/", {"open": "0"})

    with in_account(acme):
        assert ClientApp.objects.get(pk=app.pk).is_open
    assert client.get(home).context["opening"] is None


@pytest.mark.parametrize("path", ["planet/{app}/", "client_app/{team}/"])
def test_what_cannot_be_shared_is_not_found(
    ada_client: AccountClient, branch: ProductBranch, product: Product, app: ClientApp, path: str
) -> None:
    known = path.format(app=app.pk, team=branch.team.pk)

    assert ada_client.get(f"/{product.slug}/sharing/{known}").status_code == 404


def test_what_somebody_else_has_said_meanwhile_is_shown_and_not_overwritten(
    ada_client: AccountClient, acme: Account, branch: ProductBranch, home: str
) -> None:
    path = f"{home}team/{branch.team.pk}/"
    seen = ada_client.get(path).context["seen"]
    ada_client.post(path, {"act": "deny", "seen": seen})

    refused = ada_client.post(path, {"act": "allow", "reason": "They need it", "seen": seen})

    assert refused.status_code == 422
    assert "Somebody has changed Content since." in text_of(refused)
    assert "They need it" in refused.content.decode()
    assert said(acme) == [("team", True)]
    again = {"act": "allow", "seen": refused.context["seen"]}
    assert ada_client.post(path, again).status_code == 302
    assert said(acme) == [("team", False)]
