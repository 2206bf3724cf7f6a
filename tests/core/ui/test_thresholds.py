"""Thresholds of alerts on the credits page: saved, refused, not overwritten unseen."""

import pytest

from core.credits.models import Book
from core.tenancy.context import in_account
from tenants.models import Account
from tests.clients import AccountClient
from tests.core.ui.branch import ProductBranch, text_of


@pytest.fixture
def home(branch: ProductBranch) -> str:
    return f"/{branch.product.slug}/credits/"


def test_thresholds_are_saved(
    ada_client: AccountClient, acme: Account, branch: ProductBranch, home: str
) -> None:
    ada_client.post(f"{home}alerts/", {"percents": "90, 60"})
    refused = ada_client.post(f"{home}alerts/", {"percents": "500"}, follow=True)

    assert "between 1 and 100" in text_of(refused)
    with in_account(acme):
        assert Book.objects.get(product=branch.product.slug).alert_at == [60, 90]


def test_thresholds_that_somebody_else_has_changed_are_not_overwritten(
    ada_client: AccountClient, acme: Account, branch: ProductBranch, home: str
) -> None:
    seen = ada_client.get(home).context["alerts"].initial["seen"]
    ada_client.post(f"{home}alerts/", {"percents": "90", "seen": seen})

    refused = ada_client.post(f"{home}alerts/", {"percents": "60, 70", "seen": seen}, follow=True)

    assert "changed the thresholds since, to 90. You typed 60, 70" in text_of(refused)
    with in_account(acme):
        assert Book.objects.get(product=branch.product.slug).alert_at == [90]
