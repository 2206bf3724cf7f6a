"""What people do at a screen, in Chromium: nothing breaks, jumps, sticks out or is unreadable.

Axe's serious and critical findings count, in light and dark, and so does any error on the console.
"""

import subprocess
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.journeys import browser as browsers
from tests.journeys.browser import PHONE, Screen, Trouble, screen
from tests.journeys.installation import Installation

PASSWORD = "a long sentence nobody guesses"
CREDITS_OF_INITECH = "1000"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        running = browsers.launch(playwright)
        yield running
        running.close()


@pytest.fixture
def trouble() -> Iterator[Trouble]:
    """What went wrong on any screen of the test; the test fails if anything did."""
    noted = Trouble()
    yield noted
    assert "\n".join(dict.fromkeys(noted.found)) == ""


def home(installation: Installation, account: str = "") -> str:
    host = f"{account}.localhost" if account else "localhost"
    return f"http://{host}:{installation.web_port}"


def login(installation: Installation, nick: str) -> dict[str, str]:
    demo = installation.demo
    if nick == "sam":
        return dict(demo["super_admin"])
    acme = demo["accounts"]["acme"]
    return dict(acme["admin"] if nick == "ada" else acme["members"][nick])


def create_account(sam: Screen) -> None:
    """Make the company Initech, with credits for Console and the platform's LLMs."""
    page = sam.open("/accounts/new/")
    for name, value in (
        ("name", "Initech"),
        ("console_grant", CREDITS_OF_INITECH),
        ("email", "bill@initech.example"),
        ("admin_name", "Bill Lumbergh"),
    ):
        page.fill(f"form.ck-guide [name={name}], form [name={name}] >> nth=0", value)
    expect(page.locator("[name=slug]")).to_have_value("initech")
    page.get_by_role("button", name="Create the account").click()
    expect(page.locator("body")).to_contain_text("bill@initech.example")
    sam.check()


def accept_invitation(screen_of_bill: Screen) -> None:
    """Follow the link from the mail, choose a password, and come in."""
    page = screen_of_bill.open("/mail/")
    link = page.locator(".auth-mail-text a[href*='/invitations/']").first
    page.goto(str(link.get_attribute("href")))
    page.get_by_label("Choose a password").fill(PASSWORD)
    page.locator("form button[type=submit]").first.click()
    page.wait_for_url("**/copilot/")


def steps_left(page: Page) -> list[str]:
    return page.locator(".ck-steps .ck-list__text > .ck-strong").all_inner_texts()


@pytest.mark.slow
def test_a_new_admin_gets_from_the_invitation_to_the_first_call(
    installation: Installation, browser: Browser, trouble: Trouble
) -> None:
    with screen(browser, home(installation), trouble) as sam:
        create_account(sam.sign_in(login(installation, "sam")))
    with screen(browser, home(installation, "initech"), trouble) as bill:
        accept_invitation(bill)
        page = bill.open("/console/")
        bill.check(axe=True)
        before = steps_left(page)

        page.get_by_role("link", name="Invite people").click()
        page.get_by_label("E-mail address").fill("bill@initech.example")
        page.locator("form.ck-form button[type=submit]").click()
        bill.open("/console/member/add/")
        page.get_by_label("E-mail address").fill("peter@initech.example")
        page.locator("form.ck-form button[type=submit]").click()
        expect(page.locator("body")).to_contain_text("peter@initech.example")

        pool = installation.rows(
            "initech",
            """SELECT w.id FROM credits_wallet w JOIN credits_book b ON b.id = w.book_id
               WHERE b.product = 'console' AND w.kind = 'pool'""",
        )[0]["id"]
        bill.open(f"/console/credits/{pool}/")
        page.locator("form:has([name=amount]) [name=amount]").first.fill("500")
        page.locator("form:has([name=amount]) button[type=submit]").first.click()
        bill.open("/console/llms/")
        page.get_by_role("button", name="Switch on: GPT-5 mini").click()
        page.locator("#switch-choice").get_by_role("button", name="Switch on").click()
        expect(page.get_by_role("button", name="Switch off: GPT-5 mini")).to_be_visible()

        bill.open("/console/start/")
        page.get_by_role("button", name="Create a key").click()
        expect(page.locator("#start-token")).to_contain_text("ck_initech_")
        code = page.locator("#code-curl").text_content() or ""
        done = subprocess.run(
            ["/bin/bash", "-c", code], capture_output=True, text=True, timeout=60, check=True
        )
        expect(page.locator("#first-call")).to_contain_text("Your call has arrived")

        bill.open("/console/")
        assert before == [
            "Invite people",
            "Allocate credits",
            "Switch on an LLM",
            "Create a virtual key",
            "Make the first call",
        ]
        assert '"choices"' in done.stdout
        expect(page.get_by_text("First steps")).to_have_count(0)


@pytest.mark.slow
def test_a_developer_comes_in_and_calls_with_pasted_python(
    installation: Installation, browser: Browser, trouble: Trouble
) -> None:
    with screen(browser, home(installation, "acme"), trouble) as mia:
        mia.sign_in(login(installation, "mia"))
        page = mia.open("/console/start/")
        mia.check(axe=True)
        sidebar = page.locator("#nav-sidebar-apps a").all_inner_texts()

        page.get_by_role("button", name="Create a key").click()
        page.get_by_role("tab", name="curl").focus()
        page.keyboard.press("ArrowRight")
        code = page.locator("#code-python").text_content() or ""
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
        )

        assert done.stdout.strip()
        expect(page.locator("#first-call")).to_contain_text("Your call has arrived")
        assert not [name for name in sidebar if "Credits" in name or "Audit" in name]


@pytest.mark.slow
def test_a_developer_compares_two_llms_and_finds_the_calls_in_the_logs(
    installation: Installation, browser: Browser, trouble: Trouble
) -> None:
    with screen(browser, home(installation, "acme"), trouble) as mia:
        mia.sign_in(login(installation, "mia"))
        page = mia.open("/console/playground/")
        page.get_by_role("button", name="Compare").click()
        page.get_by_label("System prompt").fill("Answer briefly.")
        page.get_by_label("Your message").fill("Name a river. [demo:length=150] [demo:chunk_ms=60]")
        page.keyboard.press("Enter")
        # In the middle of the stream everything is as readable as before.
        expect(page.locator(".ck-pg__turn--running")).to_have_count(2)
        mia.check(axe=True)
        expect(page.get_by_text("credits", exact=False).nth(1)).to_be_visible()
        expect(page.locator(".ck-pg__turn--running")).to_have_count(0, timeout=60_000)
        figures = page.locator("[data-pg-figures]")
        for column in (0, 1):
            expect(figures.nth(column)).to_contain_text("tokens")
            expect(figures.nth(column)).to_contain_text("credits")
        page.get_by_role("button", name="View as code").click()
        page.get_by_role("tab", name="Python").click()
        expect(page.locator("#pg-snippet")).to_contain_text("Answer briefly.")
        mia.check(axe=True)
        page.keyboard.press("Escape")

        expect(page.locator(".ck-pg__figures a").first).to_be_visible()
        page.wait_for_timeout(2_000)
        page.locator(".ck-pg__figures a").first.click()
        page.wait_for_url("**/console/logs/*/")
        expect(page.get_by_text("Provider and output guardrails")).to_be_visible()
        mia.check(axe=True)
        for path in ("/console/logs/?live=1", "/console/costs/", "/console/keys/"):
            mia.open(path)
            mia.check(axe=True)


@pytest.mark.slow
def test_a_branch_admin_sees_the_branch_and_nothing_else(
    installation: Installation, browser: Browser, trouble: Trouble
) -> None:
    with screen(browser, home(installation, "acme"), trouble) as ada:
        ada.sign_in(login(installation, "ada"))
        everybody = ada.open("/copilot/member/").locator("#members tbody tr").count()
    with screen(browser, home(installation, "acme"), trouble) as olga:
        olga.sign_in(login(installation, "olga"))
        page = olga.open("/copilot/")
        olga.check(axe=True)
        branch = olga.open("/copilot/member/").locator("#members tbody tr").count()
        page.keyboard.press("Control+k")
        page.locator("#palette-input").fill("account admins")
        expect(page.locator("#palette-results")).to_contain_text("Nothing found")
        trouble.expected = ("/admins/",)
        olga.open("/admins/")

        expect(page.locator("body")).to_contain_text("Your role does not include this")
        assert 0 < branch < everybody


@pytest.mark.slow
def test_the_keyboard_alone_finds_a_page_and_comes_back(
    installation: Installation, browser: Browser, trouble: Trouble
) -> None:
    with screen(browser, home(installation, "acme"), trouble) as ada:
        page = ada.sign_in(login(installation, "ada")).open("/copilot/")

        page.keyboard.press("Tab")
        first = page.evaluate("document.activeElement.textContent.trim()")
        page.keyboard.press("Control+k")
        page.keyboard.type("usage")
        expect(page.locator("#palette-results [aria-selected=true]")).to_contain_text("Usage")
        assert ada.findings() == []
        page.keyboard.press("Enter")
        page.wait_for_url("**/copilot/usage/")
        page.keyboard.press("?")
        expect(page.locator("#keyboard")).to_be_visible()
        assert ada.findings() == []
        page.keyboard.press("Escape")
        expect(page.locator("#keyboard")).to_be_hidden()
        page.keyboard.press("g")
        page.keyboard.press("n")
        page.wait_for_url("**/notifications/")

        assert first == "Skip to the content"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("nick", "theme"), [("ada", "light"), ("olga", "dark"), ("mia", "dark"), ("sam", "dark")]
)
def test_every_page_fits_a_phone_and_reads_well(
    installation: Installation, browser: Browser, trouble: Trouble, nick: str, theme: str
) -> None:
    at = home(installation, "" if nick == "sam" else "acme")
    with screen(browser, at, trouble, size=PHONE) as person:
        person.sign_in(login(installation, nick))
        person.theme(theme)

        paths = []
        for path in person.crawl("/"):
            person.check(axe=True)
            paths.append(path)

    assert len(paths) >= 8
