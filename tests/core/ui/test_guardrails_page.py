"""The guardrails page of both products."""

from typing import Any

from core.guardrails.models import Guardrail
from core.guardrails.selectors import bindings_of
from core.hierarchy.product import Product
from core.tenancy.context import in_account
from tenants.models import Account
from tests.clients import AccountClient
from tests.core.ui.branch import text_of

FORM = {"preset": "pii", "action": "block", "stages": ["input", "output"], "is_mandatory": "on"}


def bindings(acme: Account, product: Product) -> list[Any]:
    with in_account(acme):
        return list(bindings_of(product.slug))


def test_a_preset_is_bound_to_every_call(
    ada_client: AccountClient, acme: Account, product: Product
) -> None:
    response = ada_client.post(f"/{product.slug}/guardrails/", FORM)

    assert response.status_code == 302
    [binding] = bindings(acme, product)
    assert (binding.action, binding.stages, binding.is_mandatory) == (
        "block",
        ["input", "output"],
        True,
    )
    text = text_of(ada_client.get(response["Location"]))
    assert "Refuse the call" in text
    assert "checks every call now." in text


def test_a_preset_is_bound_once(ada_client: AccountClient, acme: Account, product: Product) -> None:
    ada_client.post(f"/{product.slug}/guardrails/", FORM)

    response = ada_client.post(f"/{product.slug}/guardrails/", {**FORM, "action": "flag"})

    assert response.status_code == 422
    assert f"is already bound to {product.slug}." in text_of(response)
    assert [binding.action for binding in bindings(acme, product)] == ["block"]


def test_both_products_share_the_accounts_guardrail(
    ada_client: AccountClient, acme: Account
) -> None:
    for slug in ("copilot", "console"):
        assert ada_client.post(f"/{slug}/guardrails/", FORM).status_code == 302

    with in_account(acme):
        assert Guardrail.objects.count() == 1


def test_a_guardrail_that_looks_nowhere_is_refused_with_the_input_kept(
    ada_client: AccountClient, acme: Account, product: Product
) -> None:
    response = ada_client.post(f"/{product.slug}/guardrails/", {**FORM, "stages": []})

    assert response.status_code == 422
    assert '<option value="block" selected' in text_of(response)
    assert "data-shown" in text_of(response)
    assert bindings(acme, product) == []


def test_a_guardrail_is_removed_after_asking(
    ada_client: AccountClient, acme: Account, product: Product
) -> None:
    ada_client.post(f"/{product.slug}/guardrails/", FORM)
    [binding] = bindings(acme, product)
    assert "data-confirm" in text_of(ada_client.get(f"/{product.slug}/guardrails/"))

    path = f"/{product.slug}/guardrails/{binding.pk}/unbind/"

    assert ada_client.post(path).status_code == 302
    assert bindings(acme, product) == []
    assert ada_client.post(path).status_code == 404


def test_without_guardrails_the_page_says_what_they_are_for(
    ada_client: AccountClient, product: Product
) -> None:
    text = text_of(ada_client.get(f"/{product.slug}/guardrails/"))

    assert "No guardrail checks these calls" in text


def test_a_member_does_not_see_the_page(mia_client: AccountClient, product: Product) -> None:
    assert mia_client.get(f"/{product.slug}/guardrails/").status_code == 403
