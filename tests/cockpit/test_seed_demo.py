"""Seeding the demo: two believable accounts, once, and books that add up."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from console.selectors.keys import key_of_hash
from console.services.keys import hash_of
from core.access.scopes import EVERYTHING, scope_of
from core.credits.selectors import book_of, figures_of, open_cycle_of
from core.hierarchy.product import products
from core.identity.models import User
from core.tenancy.context import in_account, in_public
from core.tokens.models import ClientApp
from core.tokens.selectors import active_client_app
from core.usage import selectors as usage
from tenants.models import Account, Domain


@pytest.fixture
def seeded(transactional_accounts: None, settings: Any, tmp_path: Path) -> dict[str, Any]:
    """What `demo.json` holds after seeding, beside no other account."""
    settings.DATA, settings.DEMO = str(tmp_path), True
    with in_public():
        # The cast lives at the addresses that the demo wants.
        for slug in ("acme", "globex"):
            Account.objects.filter(slug=slug).update(slug=f"cast-{slug}")
            Domain.objects.filter(tenant__slug=f"cast-{slug}").update(
                domain=f"cast-{slug}.localhost"
            )
        call_command("seed_demo", stdout=StringIO())
    found: dict[str, Any] = json.loads((tmp_path / "demo.json").read_text())
    return found


# Some hundreds of calls, each in a transaction of its own.
@pytest.mark.slow
def test_the_demo_has_two_accounts_whose_books_add_up(
    seeded: dict[str, Any], settings: Any
) -> None:
    assert set(seeded["accounts"]) == {"acme", "globex"}
    for slug in ("acme", "globex"):
        with in_public():
            account = Account.objects.get(slug=slug)
        with in_account(account):
            for product in products():
                book = book_of(product.slug)
                since = open_cycle_of(book).starts_at
                totals = usage.totals(product.slug, EVERYTHING, since=since)
                figures = figures_of(book)
                assert totals.calls > 50
                assert totals.credits == figures.used + figures.overflow_used
            if slug == "acme":
                olga = User.objects.get(
                    email=seeded["accounts"]["acme"]["members"]["olga"]["email"]
                )
                assert len(scope_of(olga, "copilot").organizations) == 1
            app = active_client_app(seeded["accounts"][slug]["copilot_client"]["client_id"])
            assert app is not None
            assert app.act_for_members
            # Whoever has the demo's client can try the whole of Copilot's API with it.
            assert {"gateway", "runtime", "manage", "people:write"} <= set(app.scopes)
            assert {"credits:write", "access:write", "audit:read"} <= set(app.scopes)
            key = key_of_hash(hash_of(seeded["accounts"][slug]["console_key"]))
            assert key is not None
    said = StringIO()
    for check in ("verify_credits", "verify_access"):
        call_command(check, stdout=said)
    assert said.getvalue() == ""
    # Again: nothing happens, and the file stays what it was, but for where this run listens.
    assert _again(settings) == seeded
    settings.PUBLIC_URL, settings.GATEWAY_URL = "http://localhost:8250", "http://localhost:8251"
    moved = _again(settings)
    assert moved["cockpit_url"] == "http://localhost:8250/"
    assert moved["gateway_url"] == "http://localhost:8251/"
    assert moved["accounts"]["acme"]["url"] == "http://acme.localhost:8250/"
    assert moved["super_admin"] == seeded["super_admin"]
    # With a file from beside another database nobody could log in.
    client = moved["accounts"]["globex"]["copilot_client"]["client_id"]
    with in_public():
        account = Account.objects.get(slug="globex")
    with in_account(account):
        ClientApp.objects.filter(client_id=client).update(client_id="app_of_another_database")
    renewed = _again(settings)
    assert renewed["super_admin"]["password"] != seeded["super_admin"]["password"]
    assert renewed["accounts"]["globex"]["copilot_client"]["client_id"] != client


def _again(settings: Any) -> dict[str, Any]:
    """Seed once more and return what the file says then."""
    with in_public():
        call_command("seed_demo", stdout=StringIO())
    found: dict[str, Any] = json.loads(Path(settings.DATA, "demo.json").read_text())
    return found


def test_the_demo_never_goes_into_a_real_installation(settings: Any) -> None:
    settings.DEMO = False

    with pytest.raises(CommandError, match="COCKPIT_DEMO"):
        call_command("seed_demo")
