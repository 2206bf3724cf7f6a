"""JSON has types: what is sent with another one is refused, not guessed."""

from collections.abc import Callable
from typing import Any

import pytest

from core.hierarchy.product import Product
from core.identity.models import User
from tenants.models import Account
from tests.clients import AccountClient
from tests.core.api.rest import Rest


@pytest.fixture
def rest(
    client_for: Callable[..., AccountClient], ada: User, acme: Account, product: Product
) -> Rest:
    return Rest(client_for(ada, acme), product)


@pytest.mark.parametrize("name", [5, 1.5, True, ["Sales"], {"name": "Sales"}])
def test_a_name_is_a_string(rest: Rest, name: Any) -> None:
    answer = rest.post("organizations", {"name": name})

    assert answer.status_code == 422
    assert answer.json()["errors"] == [
        {"pointer": "/name", "code": "invalid", "detail": "Send a string."}
    ]


@pytest.mark.parametrize("wrong", ["true", 1, "yes"])
def test_a_switch_is_true_or_false(rest: Rest, wrong: Any) -> None:
    answer = rest.patch("credits/spill", {"pool": wrong})

    assert answer.json()["errors"] == [
        {"pointer": "/pool", "code": "invalid", "detail": "Send true or false."}
    ]


def test_an_id_is_a_string(rest: Rest) -> None:
    answer = rest.post("teams", {"name": "Sales", "organization": 7})

    assert answer.json()["errors"] == [
        {"pointer": "/organization", "code": "invalid", "detail": "Send a string."}
    ]


def test_parameters_of_an_address_are_read(rest: Rest) -> None:
    assert rest.get("members", {"limit": "5"}).status_code == 200
