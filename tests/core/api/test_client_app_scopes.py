"""What a client app may do by itself, and what it may do for a member."""

from collections.abc import Callable
from typing import Any

import pytest

from core.audit.models import AuditEntry
from core.hierarchy.product import Product, product_named
from core.hierarchy.seats import seat_of_user
from core.identity.models import Role, User
from core.identity.services import give_role
from core.tenancy.context import in_account
from core.tokens.issuing import api_audience, issue_service_token, issue_user_token
from core.tokens.services import create_client_app
from tenants.models import Account
from tests.cast import TESTS
from tests.clients import AccountClient
from tests.core.api.rest import Rest, refused


@pytest.fixture
def nobody(client_for: Callable[..., AccountClient], acme: Account, product: Product) -> Rest:
    return Rest(client_for(None, acme), product)


@pytest.fixture
def own(acme: Account, product: Product) -> Callable[..., dict[str, str]]:
    """Make a client app's own token with scopes, as a header."""

    def make(*scopes: str, product: Product = product) -> dict[str, str]:
        with in_account(acme):
            app = create_client_app(
                product=product.slug, name="HR sync", scopes=scopes, actor=TESTS
            ).app
            token = issue_service_token(
                account=acme, app=app, scopes=frozenset(scopes), policy_version=1
            )
        return {"Authorization": f"Bearer {token.value}"}

    return make


def test_reading_people_needs_its_scope(nobody: Rest, own: Callable[..., Any]) -> None:
    reader = own("people:read")

    assert nobody.get("members", **reader).status_code == 200
    assert nobody.get("organizations", **reader).status_code == 200
    assert refused(nobody.post("organizations", {"name": "x"}, **reader)) == (403, "not_allowed")


def test_managing_people_needs_its_scope(nobody: Rest, own: Callable[..., Any]) -> None:
    writer = own("people:write")

    made = nobody.post("organizations", {"name": "Sales"}, **writer)

    assert made.status_code == 201
    assert nobody.get("organizations", **writer).status_code == 200


@pytest.mark.parametrize("scope", ["manage", "gateway", "runtime"])
def test_no_other_scope_gives_an_app_rights_of_its_own(
    nobody: Rest, own: Callable[..., Any], scope: str
) -> None:
    assert refused(nobody.get("members", **own(scope))) == (403, "not_allowed")


def test_a_refusal_names_the_scopes_that_would_do(
    nobody: Rest, own: Callable[..., Any], product: Product
) -> None:
    answer = nobody.post("organizations", {"name": "Sales"}, **own("people:read"))

    assert answer.json()["detail"] == (
        "The token's scopes do not include this; it takes people:write."
    )


def test_an_app_of_the_other_product_is_refused(
    nobody: Rest, own: Callable[..., Any], product: Product
) -> None:
    other = product_named({"copilot": "console", "console": "copilot"}[product.slug])

    assert refused(nobody.get("members", **own("people:read", product=other))) == (
        403,
        "not_allowed",
    )


def test_an_app_stands_in_the_audit_log(
    nobody: Rest, own: Callable[..., Any], acme: Account
) -> None:
    nobody.post("organizations", {"name": "Sales"}, **own("people:write"))

    with in_account(acme):
        entry = AuditEntry.objects.filter(verb="organization.created").latest("id")
    assert (entry.actor_kind, entry.actor_label) == ("client_app", "HR sync")


def test_an_app_sends_links_without_seeing_them(nobody: Rest, own: Callable[..., Any]) -> None:
    writer = own("people:write")

    made = nobody.post("members", {"email": "new@acme.example"}, **writer).json()

    assert (made["state"], made["invitation"]["link"]) == ("invited", None)


def test_a_scope_narrows_what_a_member_may_do(
    nobody: Rest, acme: Account, product: Product, mia: User
) -> None:
    def as_mia(*scopes: str) -> dict[str, str]:
        with in_account(acme):
            seat = seat_of_user(product, mia.pk)
            token = issue_user_token(
                account=acme,
                product=product.slug,
                user_id=seat.user_id,
                member_id=seat.member_id,
                team_id=seat.team_id,
                scopes=frozenset(scopes),
                policy_version=1,
                meant_for=(api_audience(),),
            )
        return {"Authorization": f"Bearer {token.value}"}

    assert refused(nobody.get("members", **as_mia("people:read"))) == (403, "not_allowed")
    with in_account(acme):
        give_role(user=mia, role=Role.ACCOUNT_ADMIN, actor=TESTS)
    body = {"name": "Sales"}
    assert nobody.get("members", **as_mia("people:read")).status_code == 200
    assert refused(nobody.post("organizations", body, **as_mia("people:read"))) == (
        403,
        "not_allowed",
    )
    assert nobody.post("organizations", body, **as_mia("manage")).status_code == 201
