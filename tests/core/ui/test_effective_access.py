"""Everything that a member may use, why, and the button that flips it and takes it back."""

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest

from core.access.selectors import feature_switches, llm_policies
from core.access.services import switch_llm_on
from core.hierarchy.product import Product
from core.hierarchy.sharing import CLIENT_APP
from core.identity.models import User
from core.tenancy.context import in_account
from core.tokens.services import create_client_app, set_client_app_open
from tenants.models import Account, Llm
from tests.cast import TESTS
from tests.clients import AccountClient
from tests.core.ui.branch import ProductBranch, text_of
from tests.factories.tenants import LlmFactory


@pytest.fixture
def llm(acme: Account) -> Llm:
    """One LLM that is on in both products."""
    made: Llm = LlmFactory(name="gpt-5", title="=GPT-5", offered_to=acme)
    with in_account(acme):
        for product in ("copilot", "console"):
            switch_llm_on(product=product, llm_id=made.pk, llm_name=made.name, actor=TESTS)
    return made


class Page:
    """The page about Mia, as one admin."""

    def __init__(self, client: AccountClient, product: Product, member: Any) -> None:
        self.client, self.member = client, member
        self.home = f"/{product.slug}/access/"

    def ask(self, about: str = "", **query: str) -> Any:
        asked = {"member": str(self.member.pk), "about": about, **query}
        return self.client.get(self.home, asked)

    def verdict(self, about: str) -> bool:
        return bool(self.ask(about).context["reasons"].is_allowed)

    def places(self, about: str) -> list[str]:
        """Return where each change is made; empty for what others must do."""
        return [href for _said, href in self.ask(about).context["reasons"].changes]

    def fix(self, about: str, seen: str = "") -> Any:
        seen = seen or self.ask(about).context["seen"]
        sent = {"member": str(self.member.pk), "about": about, "seen": seen}
        return self.client.post(f"{self.home}fix/", sent, follow=True)

    def revert(self, about: str) -> Any:
        back = f"{self.home}?member={self.member.pk}&about={about}"
        answer = self.client.post(self.ask(about).context["revert"].href, {"back": back})
        assert answer.headers["Location"] == back
        return answer


@pytest.fixture
def page(ada_client: AccountClient, branch: ProductBranch, product: Product) -> Page:
    """As Ada sees it."""
    return Page(ada_client, product, branch.member)


def test_everything_is_listed_with_its_verdict_and_why(page: Page, llm: Llm) -> None:
    answers = {answer.title: answer for answer in page.ask().context["answers"]}

    assert answers["=GPT-5"].is_allowed
    assert answers["=GPT-5"].reason
    assert "Image generation" in answers
    assert all(answer.href.endswith("#why") for answer in answers.values())


def test_everything_is_filtered_by_name_kind_and_verdict(page: Page, llm: Llm) -> None:
    page.fix("feature:image_generation")

    def shown(**query: str) -> set[str]:
        return {answer.title for answer in page.ask(**query).context["answers"]}

    assert shown(name="gpt") == {"=GPT-5"}
    assert "=GPT-5" not in shown(kind="feature")
    assert "Image generation" in shown(kind="feature", verdict="no")
    assert "=GPT-5" in shown(verdict="yes")
    assert "Nothing matches." in text_of(page.ask(name="nothing like it"))


def test_everything_is_exported_for_each_place(page: Page, llm: Llm) -> None:
    answer = page.client.get(page.ask(kind="llm").context["export_href"])

    rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
    about_llm = [row for row in rows if row["key"] == f"llm:{llm.pk}"]
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert {row["kind"] for row in rows} == {"LLM"}
    assert {row["may use"] for row in about_llm} == {"yes"}
    # No spreadsheet takes a name for a formula.
    assert {row["name"] for row in about_llm} == {"'=GPT-5"}
    assert all(row["because"] and row["would flip it"] for row in about_llm)


@pytest.mark.parametrize("kind", ["llm", "feature", CLIENT_APP])
def test_the_button_flips_what_is_decided_and_is_taken_back(
    page: Page, acme: Account, product: Product, llm: Llm, kind: str
) -> None:
    with in_account(acme):
        app = create_client_app(
            product=product.slug, name="alchemi-web", act_for_members=True, actor=TESTS
        ).app
        set_client_app_open(app=app, is_open=False, actor=TESTS)
    about = {
        "llm": f"llm:{llm.pk}",
        "feature": "feature:image_generation",
        CLIENT_APP: f"{CLIENT_APP}:{app.pk}",
    }[kind]
    before = page.verdict(about)

    button = page.ask(about).context["fix"]
    answer = page.fix(about)

    assert (button.gains, button.losses) == ((0, 1) if before else (1, 0))
    assert f"about={kind}%3A" in answer.redirect_chain[-1][0]
    assert page.verdict(about) is not before
    page.revert(about)
    assert page.verdict(about) is before
    with in_account(acme):
        assert not llm_policies(product.slug)
        assert not feature_switches(product.slug)


def test_a_button_that_is_pressed_twice_does_not_flip_twice(page: Page, llm: Llm) -> None:
    about = f"llm:{llm.pk}"
    seen = page.ask(about).context["seen"]

    page.fix(about, seen)
    second = page.fix(about, seen)

    assert not page.verdict(about)
    assert "Somebody has changed this since" in text_of(second)


@pytest.mark.parametrize("kind", ["llm", CLIENT_APP])
def test_a_change_of_several_nodes_is_one_button_and_one_click_back(
    page: Page, acme: Account, product: Product, branch: ProductBranch, llm: Llm, kind: str
) -> None:
    nodes = {"organization": branch.organization, "team": branch.team, "member": branch.member}
    with in_account(acme):
        app = create_client_app(
            product=product.slug, name="alchemi-web", act_for_members=True, actor=TESTS
        ).app
    for name, node in nodes.items():
        path = {
            "llm": f"/{product.slug}/llm-access/{name}/{node.pk}/{llm.pk}/",
            CLIENT_APP: f"/{product.slug}/sharing/{CLIENT_APP}/{app.pk}/{name}/{node.pk}/",
        }[kind]
        page.client.post(path, {"act": "block" if kind == "llm" else "deny"})
    about = f"{kind}:{llm.pk if kind == 'llm' else app.pk}"

    shown = page.ask(about)
    page.fix(about)

    assert len(shown.context["reasons"].changes) == 3
    assert "All of it in one act." in text_of(shown)
    # Theo's place in the team gains it as well, and Olga's in the organization.
    assert shown.context["fix"].gains == 3
    assert page.verdict(about)
    page.revert(about)
    assert not page.verdict(about)
    assert len(page.ask(about).context["reasons"].changes) == 3


def test_what_changed_on_the_way_is_looked_at_again(
    page: Page, product: Product, branch: ProductBranch, llm: Llm
) -> None:
    about = f"llm:{llm.pk}"
    seen = page.ask(about).context["seen"]
    # The verdict stays, and what decides it does not.
    path = f"/{product.slug}/llm-access/team/{branch.team.pk}/{llm.pk}/"
    page.client.post(path, {"act": "allow"})

    answer = page.fix(about, seen)

    assert page.verdict(about)
    assert "Somebody has changed this since" in text_of(answer)


def test_what_the_platform_must_change_has_no_button(
    page: Page, acme: Account, product: Product, llm: Llm
) -> None:
    from core.access.services import switch_llm_off

    with in_account(acme):
        switch_llm_off(product=product.slug, llm_id=llm.pk, llm_name=llm.name, actor=TESTS)
    about = f"llm:{llm.pk}"

    assert page.ask(about).context["fix"] is None
    answer = page.fix(about)
    assert "nothing here that you could change" in text_of(answer)


def test_a_branch_admin_has_buttons_for_the_own_branch_alone(
    client_for: Callable[..., AccountClient],
    acme: Account,
    branch: ProductBranch,
    product: Product,
    page: Page,
    llm: Llm,
    olga: User,
) -> None:
    olgas = Page(client_for(olga, acme), product, branch.member)
    about = f"llm:{llm.pk}"
    assert olgas.ask(about).context["fix"] is not None
    # Blocked above her: the change is not hers to make.
    path = f"/{product.slug}/llm-access/organization/{branch.organization.pk}/{llm.pk}/"
    page.client.post(path, {"act": "block"})

    assert olgas.ask(about).context["fix"] is None
    assert page.ask(about).context["fix"] is not None
    assert (olgas.places(about), page.places(about)) == ([""], [path.removesuffix(f"{llm.pk}/")])


def test_who_cannot_switch_llms_is_not_sent_there(
    client_for: Callable[..., AccountClient],
    acme: Account,
    branch: ProductBranch,
    product: Product,
    page: Page,
    llm: Llm,
    olga: User,
) -> None:
    from core.access.services import switch_llm_off

    with in_account(acme):
        switch_llm_off(product=product.slug, llm_id=llm.pk, llm_name=llm.name, actor=TESTS)
    about = f"llm:{llm.pk}"

    assert page.places(about) == [f"/{product.slug}/llms/"]
    assert Page(client_for(olga, acme), product, branch.member).places(about) == [""]


@pytest.mark.parametrize("back", ["https://evil.example/", "//evil.example/", "evil", ""])
def test_a_revert_leads_to_no_other_site(page: Page, product: Product, llm: Llm, back: str) -> None:
    page.fix(f"llm:{llm.pk}")

    answer = page.client.post(f"/{product.slug}/llm-access/undo/", {"back": back})

    assert answer.headers["Location"] == f"/{product.slug}/llm-access/"


def test_a_fix_of_nothing_changes_nothing(page: Page, llm: Llm) -> None:
    for sent in ({}, {"member": str(page.member.pk)}, {"about": "planet:x"}):
        assert page.client.post(f"{page.home}fix/", sent).status_code == 302
    assert page.client.get(f"{page.home}export.csv").status_code == 200


def test_an_image_llm_takes_the_feature_as_well(
    page: Page, acme: Account, product: Product, branch: ProductBranch
) -> None:
    painter = LlmFactory(name="gpt-image", title="GPT Image", kind="image", offered_to=acme)
    with in_account(acme):
        switch_llm_on(product=product.slug, llm_id=painter.pk, llm_name=painter.name, actor=TESTS)
    about = f"llm:{painter.pk}"
    assert page.verdict(about)
    path = f"/{product.slug}/features/team/{branch.team.pk}/image_generation/"
    page.client.post(path, {"act": "off"})

    shown = page.ask(about)
    assert not shown.context["reasons"].is_allowed
    assert "Content turns Image generation off" in text_of(shown)
    assert shown.context["fix"].what == "Image generation"
    page.fix(about)
    assert page.verdict(about)
    page.revert(about)
    assert not page.verdict(about)

    # Both are in the way: no button, for it would take two clicks to take it back.
    of_llm = f"/{product.slug}/llm-access/team/{branch.team.pk}/{painter.pk}/"
    page.client.post(of_llm, {"act": "block"})
    both = page.ask(about).context
    assert [change for change, _href in both["reasons"].changes] == [
        "Stop blocking GPT Image in Content",
        "Turn Image generation on in Mia Member",
    ]
    assert both["fix"] is None
