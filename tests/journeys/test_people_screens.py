"""The people pages in Chromium: a file is imported, fields search, and archiving asks first.

Any error on the console fails it; see `Trouble`. Works in Globex, where no other journey counts.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.journeys import browser as browsers
from tests.journeys.browser import Trouble, screen
from tests.journeys.installation import Installation

# More than a select offers, so that forms search.
TEAMS = 55


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        running = browsers.launch(playwright)
        yield running
        running.close()


@pytest.fixture
def trouble() -> Iterator[Trouble]:
    noted = Trouble()
    yield noted
    assert "\n".join(dict.fromkeys(noted.found)) == ""


def write_people(folder: Path) -> Path:
    lines = "".join(
        f"screen{number}@globex.example,Screen {number},Screens,Screen team {number}\n"
        for number in range(TEAMS)
    )
    file = folder / "screens.csv"
    file.write_text(f"email,name,organization,team\n{lines}not an address,Nobody,,\n")
    return file


@pytest.mark.slow
def test_people_are_imported_found_placed_and_archived(
    installation: Installation, browser: Browser, trouble: Trouble, tmp_path: Path
) -> None:
    home = f"http://globex.localhost:{installation.web_port}"
    with screen(browser, home, trouble) as eve:
        eve.sign_in(dict(installation.demo["accounts"]["globex"]["admin"]))
        page = eve.open("/copilot/member/import/")
        page.locator("input[type=file]").set_input_files(write_people(tmp_path))
        page.get_by_role("button", name="Continue").click()
        page.get_by_label("Create organizations and teams that are missing").check()
        eve.check(axe=True)
        page.get_by_role("button", name="Check the rows").click()
        page.get_by_role("button", name=f"Import {TEAMS} rows").click(timeout=60_000)
        expect(page.locator("#job")).to_contain_text("Done.", timeout=60_000)
        expect(page.locator("#job")).to_contain_text("“not an address” is not an e-mail address.")
        eve.check(axe=True)

        # The filter searches, and so does the field of a form that HTMX sends.
        page = eve.open("/copilot/member/")
        page.locator("#filter-place").fill("team 41")
        page.get_by_role("option", name="Screens / Screen team 41").click()
        expect(page.locator("#members tbody tr")).to_have_count(1)
        page.get_by_role("link", name="Screen 41").click()
        for number in (7, 8):
            page.locator("#places [role=combobox]").fill(f"team {number}")
            page.get_by_role("option", name=f"Screens / Screen team {number}", exact=True).click()
            page.get_by_role("button", name="Add to this place").click()
            expect(page.locator("#places tbody")).to_contain_text(f"Screen team {number} ")
        eve.check(axe=True)

        # An act asks for its place here, and shows what it does before it is done.
        page = eve.open("/copilot/member/?q=screen")
        page.locator("[data-select-all]").check()
        page.get_by_role("button", name="Preview").click()
        expect(page.locator("#act-place")).to_be_focused()
        assert page.url.endswith("?q=screen")
        page.locator("#act-place").fill("team 9")
        page.get_by_role("option", name="Screens / Screen team 9", exact=True).click()
        page.get_by_role("button", name="Preview").click()
        expect(page.locator("body")).to_contain_text("join Screen team 9")
        eve.check(axe=True)

        page = eve.open("/copilot/organization/")
        page.get_by_role("link", name="Screens").click()
        page.get_by_role("link", name="Archive").click()
        expect(page.locator("body")).to_contain_text("What has to leave first")
        eve.check(axe=True)
        page = eve.open("/copilot/member/?q=screen54")
        page.get_by_role("link", name="Screen 54").click()
        page.get_by_role("link", name="Take the seat away").click()
        eve.check(axe=True)
        page.get_by_label("Reason").fill("Has left.")
        page.get_by_role("button", name="Take the seat away").click()
        expect(page.locator("body")).to_contain_text("This seat was taken away")
