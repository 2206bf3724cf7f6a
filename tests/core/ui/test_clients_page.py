"""The client apps page of both products."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from core.hierarchy.product import Product
from core.kit.ids import uuid7
from core.tenancy.context import in_account
from core.tokens.errors import InvalidClient
from core.tokens.models import ClientApp
from core.tokens.selectors import client_apps
from core.tokens.services import authenticate_client, create_client_app
from tenants.models import Account
from tests.cast import TESTS
from tests.clients import AccountClient
from tests.core.ui.branch import text_of


def path_of(product: Product, app: ClientApp | None = None, act: str = "") -> str:
    home = f"/{product.slug}/clients/"
    return f"{home}{app.pk}/{act}/" if app else home


def form(name: str = "alchemi-web") -> dict[str, str]:
    return {"name": name, "nonce": str(uuid7())}


def apps(acme: Account, product: Product) -> list[ClientApp]:
    with in_account(acme):
        return list(client_apps(product.slug))


def made_app(acme: Account, product: Product) -> Any:
    with in_account(acme):
        return create_client_app(product=product.slug, name="alchemi-web", actor=TESTS)


def signs_in(acme: Account, app: ClientApp, secret: str) -> bool:
    with in_account(acme):
        try:
            authenticate_client(client_id=app.client_id, client_secret=secret)
        except InvalidClient:
            return False
    return True


def test_a_secret_is_shown_once_and_kept_by_no_cache(
    ada_client: AccountClient, acme: Account, product: Product
) -> None:
    response = ada_client.post(path_of(product), form())

    secret = response.context["made"].secret
    [app] = apps(acme, product)
    assert response["Cache-Control"] == "no-store"
    assert secret in response.content.decode()
    assert signs_in(acme, app, secret)
    assert secret not in ada_client.get(path_of(product)).content.decode()


def test_reloading_the_answer_makes_no_second_app(
    ada_client: AccountClient, acme: Account, product: Product
) -> None:
    sent = form()
    ada_client.post(path_of(product), sent)

    response = ada_client.post(path_of(product), sent)

    assert response.status_code == 302
    assert len(apps(acme, product)) == 1
    assert "This form was sent before" in text_of(ada_client.get(response["Location"]))


def test_a_wrong_name_comes_back_with_the_dialog_open(
    ada_client: AccountClient, acme: Account, product: Product
) -> None:
    response = ada_client.post(path_of(product), {**form("x" * 121), "act_for_members": "on"})

    assert response.status_code == 422
    assert "data-shown" in text_of(response)
    assert "x" * 121 in text_of(response)
    assert apps(acme, product) == []


def test_a_new_secret_replaces_the_former_one_and_a_reload_does_not(
    ada_client: AccountClient, acme: Account, product: Product
) -> None:
    made = made_app(acme, product)
    sent = form()

    first = ada_client.post(path_of(product, made.app, "rotate"), sent)
    again = ada_client.post(path_of(product, made.app, "rotate"), sent)

    assert first["Cache-Control"] == "no-store"
    assert again.status_code == 302
    assert not signs_in(acme, made.app, made.secret)
    assert signs_in(acme, made.app, first.context["made"].secret)


def test_acting_for_members_is_switched(
    ada_client: AccountClient, acme: Account, product: Product
) -> None:
    made = made_app(acme, product)

    for allowed, expected in (("1", True), ("0", False)):
        ada_client.post(path_of(product, made.app, "act-for-members"), {"allowed": allowed})
        assert [app.act_for_members for app in apps(acme, product)] == [expected]


def test_a_revoked_app_stands_last_and_offers_nothing_more(
    ada_client: AccountClient, acme: Account, product: Product
) -> None:
    made = made_app(acme, product)
    ada_client.post(path_of(product), form("zebra"))

    ada_client.post(path_of(product, made.app, "revoke"))

    response = ada_client.get(path_of(product))
    assert [app.name for app in response.context["apps"]] == ["zebra", "alchemi-web"]
    assert not signs_in(acme, made.app, made.secret)
    assert path_of(product, made.app, "rotate") not in response.content.decode()
    rotated = ada_client.post(path_of(product, made.app, "rotate"), form())
    assert "was revoked" in text_of(ada_client.get(rotated["Location"]))


@pytest.mark.parametrize("act", ["rotate", "revoke", "act-for-members"])
def test_an_app_of_the_other_product_is_not_there(
    ada_client: AccountClient, acme: Account, product: Product, act: str
) -> None:
    made = made_app(acme, product)
    other = {"copilot": "console", "console": "copilot"}[product.slug]

    response = ada_client.post(f"/{other}/clients/{made.app.pk}/{act}/", form())

    assert response.status_code == 404


def test_a_member_does_not_see_the_page(mia_client: AccountClient, product: Product) -> None:
    assert mia_client.get(path_of(product)).status_code == 403
    assert mia_client.post(path_of(product), form()).status_code == 403


def test_many_apps_take_as_many_queries_as_few(
    ada_client: AccountClient,
    acme: Account,
    product: Product,
    django_assert_max_num_queries: Any,
) -> None:
    for _number in range(3):
        made_app(acme, product)
    ada_client.get(path_of(product))
    with django_assert_max_num_queries(20) as few:
        ada_client.get(path_of(product))
    for _number in range(27):
        made_app(acme, product)

    with django_assert_max_num_queries(20) as many:
        ada_client.get(path_of(product))

    assert len(many) == len(few)


@pytest.mark.parametrize(
    ("chosen", "kept"),
    [
        (["people:read", "gateway"], ["gateway", "people:read"]),
        ([], ["gateway", "runtime"]),
    ],
)
def test_an_admin_chooses_what_an_app_may_do(
    ada_client: AccountClient, acme: Account, product: Product, chosen: list[str], kept: list[str]
) -> None:
    response = ada_client.post(path_of(product), {**form(), "scopes": chosen})

    [app] = apps(acme, product)
    assert app.scopes == kept
    assert ", ".join(kept) in text_of(response)


def test_a_scope_that_does_not_exist_is_refused(
    ada_client: AccountClient, acme: Account, product: Product
) -> None:
    response = ada_client.post(path_of(product), {**form(), "scopes": ["platform"]})

    assert response.status_code == 422
    assert apps(acme, product) == []


def test_a_public_key_is_registered_and_shown(
    ada_client: AccountClient, acme: Account, product: Product
) -> None:
    made = made_app(acme, product)
    key = Ed25519PrivateKey.generate().public_key()
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    refused = ada_client.post(path_of(product, made.app, "key"), {"public_key": "none"})
    saved = ada_client.post(path_of(product, made.app, "key"), {"public_key": pem})

    assert refused.status_code == 422
    assert "Paste a public Ed25519 key" in text_of(refused)
    assert saved.status_code == 302
    assert [app.public_key for app in apps(acme, product)] == [pem]
    assert pem.splitlines()[1] in text_of(ada_client.get(path_of(product, made.app, "key")))
