"""The platform's REST API, as scripts of a super admin use it."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from core.audit.models import AuditEntry
from core.hierarchy.product import product_named
from core.identity.models import User
from core.tenancy.context import in_public
from tenants.models import Account, DailyFigure, Llm, PriceRow
from tenants.selectors import admins_of, offered_ids, standing_of, terms_of, withheld_features
from tests.cast import ADA
from tests.clients import AccountClient
from tests.core.api.rest import JSON, faults, refused
from tests.factories.tenants import LlmFactory

AT = "/api/superadmin/v1"
ACME = "accounts/acme"


class Platform:
    """A client at `/api/superadmin/v1/`."""

    def __init__(self, client: AccountClient) -> None:
        self.client = client

    def get(self, path: str, **query: Any) -> Any:
        return self.client.get(f"{AT}/{path}", query)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.client.post(f"{AT}/{path}", body or {}, content_type=JSON, headers=headers)

    def patch(self, path: str, body: Any, **headers: str) -> Any:
        return self.client.patch(f"{AT}/{path}", body, content_type=JSON, headers=headers)

    def delete(self, path: str) -> Any:
        return self.client.delete(f"{AT}/{path}")


@pytest.fixture
def sams(sam_client: AccountClient) -> Platform:
    return Platform(sam_client)


def unallocated(account: Account) -> int:
    standing = standing_of(account, product_named("copilot"))
    assert standing is not None
    return standing.unallocated


def key(beginning: str = "") -> dict[str, str]:
    return {"Idempotency-Key": f"{beginning}{uuid4()}"}


def test_accounts_are_listed_by_cursor_state_and_words(
    sams: Platform, acme: Account, globex: Account
) -> None:
    first = sams.get("accounts", limit=1).json()
    second = sams.get("accounts", limit=1, cursor=first["next"]).json()
    named = sams.get("accounts", q="glob").json()["items"]
    suspended = sams.get("accounts", state="suspended").json()["items"]

    assert {first["items"][0]["slug"], second["items"][0]["slug"]} == {"acme", "globex"}
    assert [one["slug"] for one in named] == ["globex"]
    assert suspended == []


def test_an_account_is_created_and_its_first_admin_invited(sams: Platform, acme: Account) -> None:
    made = sams.post(
        "accounts",
        {
            "name": "Initech",
            "slug": "initech",
            "admin_email": "bill@initech.example",
            "time_zone": "Europe/Berlin",
            "credit_factor": "250",
        },
    )
    again = sams.post(
        "accounts", {"name": "Initech", "slug": "initech", "admin_email": "b@initech.example"}
    )

    account = Account.objects.get(slug="initech")
    assert made.status_code == 201
    assert made.json()["state"] == "active"
    assert "/invitations/" in made.json()["invitation_link"]
    assert terms_of(account.pk).credit_factor == Decimal(250)
    assert [admin.email for admin in admins_of(account)] == ["bill@initech.example"]
    assert refused(again) == (409, "slug_taken")


def test_an_account_is_renamed_only_as_it_was_seen(sams: Platform, acme: Account) -> None:
    seen = sams.get(ACME)["ETag"]

    changed = sams.patch(ACME, {"name": "Acme Robots"}, **{"If-Match": seen})
    late = sams.patch(ACME, {"name": "Acme"}, **{"If-Match": seen})
    wrong = sams.patch(ACME, {"time_zone": "Mars/Olympus"})

    assert changed.json()["name"] == "Acme Robots"
    assert refused(late) == (412, "precondition_failed")
    assert faults(wrong) == [("/time_zone", "time_zone")]


def test_a_suspension_stops_the_account_and_a_restore_opens_it(
    sams: Platform, acme: Account, client_for: Callable[..., AccountClient], ada: User
) -> None:
    suspended = sams.post(f"{ACME}/suspend", {"reason": "Overdue."})
    closed = client_for(ada, acme).get("/copilot/").status_code
    twice = sams.post(f"{ACME}/suspend")
    restored = sams.post(f"{ACME}/restore")

    assert suspended.json()["state"] == "suspended"
    assert closed == 403
    assert refused(twice)[0] == 409
    assert restored.json()["state"] == "active"
    assert AuditEntry.objects.get(verb="account.suspended").reason == "Overdue."


def test_admins_are_appointed_invited_again_and_removed_but_for_the_last(
    sams: Platform, acme: Account
) -> None:
    made = sams.post(f"{ACME}/admins", {"email": "bea@acme.example", "name": "Bea"})
    at = f"{ACME}/admins/{made.json()['id']}"
    again = sams.post(f"{at}/invite")
    removed = sams.delete(at)
    ada_id = next(one.user_id for one in admins_of(acme) if one.email == ADA.email)
    last = sams.delete(f"{ACME}/admins/{ada_id}")

    assert made.status_code == 201
    assert again.json()["invitation_link"] != made.json()["invitation_link"]
    assert removed.status_code == 204
    assert refused(last) == (409, "last_account_admin")
    assert [one["email"] for one in sams.get(f"{ACME}/admins").json()["items"]] == [ADA.email]
    assert refused(sams.post(f"{ACME}/admins/{uuid4()}/invite")) == (404, "not_found")


def test_features_are_set_by_product_and_others_stay(sams: Platform, acme: Account) -> None:
    before = sams.get(f"{ACME}/features").json()

    changed = sams.patch(f"{ACME}/features", {"copilot": []})
    unknown = sams.patch(f"{ACME}/features", {"copilot": ["levitation"]})

    assert before["copilot"]
    assert changed.json() == {"copilot": [], "console": before["console"]}
    assert withheld_features(acme.pk, "copilot") == frozenset(before["copilot"])
    assert refused(unknown)[0] == 422


def test_llms_are_offered_exactly_as_named(sams: Platform, acme: Account) -> None:
    llm = LlmFactory()

    offered = sams.patch(f"{ACME}/llms", {"console": [str(llm.pk)]})
    nobodys = sams.patch(f"{ACME}/llms", {"console": [str(uuid4())]})

    assert offered.json()["console"] == [str(llm.pk)]
    assert offered_ids(acme)["console"] == frozenset({llm.pk})
    assert faults(nobodys) == [("/console", "not_found")]


def test_credit_terms_are_previewed_and_then_set(sams: Platform, acme: Account) -> None:
    # The first plan takes effect at once, each later one at a boundary.
    sams.post(f"{ACME}/credit-terms", {"product": "copilot", "grant": "1000"})
    body = {"product": "copilot", "grant": "5000", "overflow_limit": "12.5", "period": "quarter"}

    planned = sams.post(f"{ACME}/credit-terms?preview=1", body)
    between = sams.get(f"{ACME}/credit-terms").json()
    done = sams.post(f"{ACME}/credit-terms", body)
    wrong = sams.post(f"{ACME}/credit-terms", {**body, "grant": "-1"})

    assert planned.json()["preview"] is True
    assert between["terms"] != planned.json()["terms"]
    assert done.json()["terms"] == planned.json()["terms"]
    mine = next(one for one in done.json()["terms"] if one["product"] == "copilot")
    assert (mine["grant"], mine["overflow_limit"], mine["period"]) == ("5000", "12.5", "quarter")
    assert wrong.status_code == 422


def test_the_credit_factor_starts_a_version(sams: Platform, acme: Account) -> None:
    before = sams.get(f"{ACME}/credit-terms").json()["factor_version"]

    answer = sams.post(f"{ACME}/credit-factor", {"factor": "120.5", "reason": "Contract."})

    assert answer.json()["credit_factor"] == "120.5"
    assert answer.json()["factor_version"] == before + 1


def test_credits_are_given_and_taken_back_once_for_each_key(sams: Platform, acme: Account) -> None:
    before = unallocated(acme)
    body, one = {"product": "copilot", "amount": "250", "reason": "Goodwill."}, key("k" * 164)

    given = sams.post(f"{ACME}/grants", body, **one)
    replayed = sams.post(f"{ACME}/grants", body, **one)
    taken = sams.post(f"{ACME}/take-backs", {**body, "amount": "50"}, **key())
    without = sams.post(f"{ACME}/grants", body)
    silent = sams.post(f"{ACME}/grants", {**body, "reason": ""}, **key())
    too_much = sams.post(f"{ACME}/take-backs", {**body, "amount": "99999999"}, **key())

    assert (given.status_code, taken.status_code) == (204, 204)
    assert replayed["Idempotency-Replayed"] == "true"
    assert unallocated(acme) - before == 200_000_000
    assert refused(without) == (400, "idempotency_key_missing")
    assert faults(silent) == [("/reason", "required")]
    assert refused(too_much) == (409, "insufficient_credits")


def test_an_llm_goes_through_its_life(sams: Platform, acme: Account) -> None:
    made = sams.post(
        "catalog/llms",
        {
            "name": "demo-9",
            "title": "Demo 9",
            "vendor": "Demo",
            "provider": "openai",
            "upstream_model": "demo-9",
            "prices": {"input_usd": "1.5"},
        },
    )
    at = f"catalog/llms/{made.json()['id']}"
    changed = sams.patch(at, {"title": "Demo Nine"})
    stored = sams.post(f"{at}/credential", {"api_key": "sk-secret-of-the-platform"})
    moved = sams.post(f"{at}/deployment", {"provider": "azure", "upstream_model": "demo-9"})
    retired = sams.post(f"{at}/retire", {"reason": "Old."})
    listed = [one["name"] for one in sams.get("catalog/llms", q="demo-9").json()["items"]]
    restored = sams.post(f"{at}/restore")

    assert made.status_code == 201
    assert changed.json()["title"] == "Demo Nine"
    assert stored.status_code == 204
    assert moved.json()["deployment"]["provider"] == "azure"
    assert retired.json()["retired_at"] is not None
    assert listed == []
    assert restored.json()["retired_at"] is None
    assert b"sk-secret" not in sams.get(at).content


def test_a_price_is_a_new_version(sams: Platform, acme: Account) -> None:
    llm: Llm = LlmFactory()
    before = PriceRow.objects.filter(llm=llm).count()

    set_ = sams.post("catalog/prices", {"llm": str(llm.pk), "output_usd": "9.25"})
    listed = sams.get("catalog/prices", llm=str(llm.pk)).json()["items"]
    free = sams.post("catalog/prices", {"llm": str(llm.pk)})

    assert set_.status_code == 201
    assert (listed[0]["version"], listed[0]["output_usd"]) == (before + 1, "9.25")
    assert refused(free)[0] == 422


def test_usage_is_summed_by_account_product_and_day(
    sams: Platform, acme: Account, globex: Account
) -> None:
    with in_public():
        for account, product, day, charged in (
            (acme, "copilot", 1, 2_000_000),
            (acme, "console", 2, 1_000_000),
            (globex, "copilot", 2, 500_000),
        ):
            DailyFigure.objects.create(
                account=account,
                product=product,
                day=datetime(2026, 3, day, tzinfo=UTC).date(),
                calls=10,
                errors=1,
                charged_microcredits=charged,
                cost_usd=Decimal("0.02"),
            )
    march = {"since": "2026-03-01", "until": "2026-03-31"}

    by_account = sams.get("usage", **march).json()["items"]
    by_day = sams.get("usage", group_by="day", account="acme", **march).json()["items"]
    second = sams.get("usage", group_by="product", since="2026-03-02", until="2026-03-02").json()

    assert [(one["group"], one["calls"], one["credits"]) for one in by_account] == [
        ("acme", 20, "3"),
        ("globex", 10, "0.5"),
    ]
    assert [one["group"] for one in by_day] == ["2026-03-01", "2026-03-02"]
    assert [one["group"] for one in second["items"]] == ["console", "copilot"]


def test_the_audit_log_is_the_platforms(sams: Platform, acme: Account) -> None:
    sams.post(f"{ACME}/suspend", {"reason": "Overdue."})

    entries = sams.get("audit", verb="account.suspended").json()["items"]
    one = sams.get(f"audit/{entries[0]['id']}").json()

    assert entries[0]["actor"]["label"] == one["actor"]["label"]
    assert one["reason"] == "Overdue."


@pytest.mark.parametrize("path", ["accounts", ACME, "usage", "audit", "catalog/llms"])
def test_no_account_reaches_the_platform(
    client_for: Callable[..., AccountClient], ada: User, acme: Account, path: str
) -> None:
    at_home = client_for(ada, acme).get(f"{AT}/{path}")
    by_header = AccountClient(None).get(f"{AT}/{path}", headers={"X-Cockpit-Account": "acme"})
    nobody = AccountClient(None).get(f"{AT}/{path}")
    with_token = AccountClient(None).get(f"{AT}/{path}", headers={"Authorization": "Bearer x"})

    assert refused(at_home) == (404, "not_found")
    assert refused(by_header) == (404, "not_found")
    assert refused(nobody) == (401, "unauthenticated")
    assert refused(with_token) == (401, "unauthenticated")


def test_the_reference_stands_on_the_platforms_host_alone(
    sam_client: AccountClient, client_for: Callable[..., AccountClient], ada: User, acme: Account
) -> None:
    adas = client_for(ada, acme)

    assert b"/api/superadmin/v1/accounts" in sam_client.get("/api/docs/superadmin-v1/").content
    assert sam_client.get("/api/docs/copilot-v1/").status_code == 404
    assert adas.get("/api/docs/superadmin-v1/").status_code == 404
    assert b"superadmin" not in adas.get("/api/docs/copilot-v1/").content
