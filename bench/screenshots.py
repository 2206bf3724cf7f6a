"""Take the pictures of docs/screenshots again, from a running installation with the demo.

    make run                        in one terminal
    python bench/screenshots.py     in another; `--all` writes every page, size and theme elsewhere

    python bench/screenshots.py --crowd 10000       first puts so many members into Globex, for good

`--all` crawls as five people at 1440, 1024 and 390 px, light and dark, into a folder to look at.
Without a crowd the pictures of one are left as they are.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.journeys.browser import DESK, PHONE, Screen, Trouble, launch, screen  # noqa: E402

SHOTS = ROOT / "docs" / "screenshots"
TABLET = (1024, 768)


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture: its name, who looks at which page, and what they press before."""

    name: str
    nick: str
    path: str
    size: tuple[int, int]
    theme: str
    keys: str = ""
    text: str = ""
    # What is asked in the playground before; the picture shows the answers in the middle.
    asks: str = ""
    # What is clicked on before.
    click: str = ""


PICTURES = (
    Picture("copilot-overview", "ada", "/copilot/", DESK, "light"),
    Picture("copilot-overview-phone-dark", "ada", "/copilot/", PHONE, "dark"),
    Picture("credits", "ada", "/copilot/credits/", DESK, "light"),
    Picture("own-page", "mia", "/copilot/me/", DESK, "light"),
    Picture("quick-start-dark", "mia", "/console/start/", DESK, "dark"),
    Picture("quick-start-phone", "mia", "/console/start/", PHONE, "light"),
    Picture(
        "playground",
        "mia",
        "/console/playground/",
        DESK,
        "light",
        asks="Plan a day in Lund. [demo:length=300] [demo:chunk_ms=60]",
    ),
    Picture(
        "playground-phone-dark",
        "mia",
        "/console/playground/",
        PHONE,
        "dark",
        asks="Plan a day in Lund. [demo:length=300] [demo:chunk_ms=60]",
    ),
    Picture("logs", "ada", "/console/logs/", DESK, "light"),
    Picture("log-dark", "ada", "/console/logs/", DESK, "dark", click="#log-rows tr:nth-child(4) a"),
    Picture("costs", "ada", "/console/costs/", DESK, "light"),
    Picture("keys-dark", "ada", "/console/keys/", DESK, "dark"),
    Picture("palette-tablet", "ada", "/copilot/usage/", TABLET, "light", "Control+k"),
    Picture("branch-admin-dark", "olga", "/copilot/", TABLET, "dark"),
    Picture("llm-marketplace", "ada", "/copilot/llms/", DESK, "light"),
    Picture("llm-access", "ada", "/copilot/llm-access/", DESK, "light"),
    Picture("llm-access-phone-dark", "ada", "/copilot/llm-access/", PHONE, "dark"),
    Picture("sharing-dark", "ada", "/copilot/sharing/", DESK, "dark"),
    Picture("effective-access", "ada", "/copilot/access/?q=mia", DESK, "light"),
    Picture("api-reference", "ada", "/api/docs/", DESK, "light"),
    Picture("platform-overview", "sam", "/", DESK, "light"),
)
# With thousands of members; Eve administers Globex.
OF_A_CROWD = (
    Picture("members-of-many", "eve", "/copilot/member/", DESK, "light"),
    Picture("members-of-many-phone-dark", "eve", "/copilot/member/?q=tanaka", PHONE, "dark"),
    Picture("organizations-of-many", "eve", "/copilot/organization/", DESK, "dark"),
    Picture("palette-of-many", "eve", "/copilot/", TABLET, "light", "Control+k", "novak"),
)


def main() -> None:
    """Write the pictures of the docs, or with `--all` those of every page."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--all", type=Path, metavar="FOLDER")
    arguments.add_argument("--demo", type=Path, default=ROOT / ".data" / "demo.json")
    arguments.add_argument("--crowd", type=int, default=0, metavar="MEMBERS")
    options = arguments.parse_args()
    if options.crowd:
        crowd(options.crowd)
    demo = json.loads(options.demo.read_text())
    with sync_playwright() as playwright:
        browser = launch(playwright)
        if options.all:
            everything(browser, demo, options.all)
        else:
            for picture in (*PICTURES, *(OF_A_CROWD if options.crowd else ())):
                take(browser, demo, picture)


def crowd(members: int) -> None:
    """Put members into the running installation's Globex, unless they are there already."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cockpit.settings")
    import django

    django.setup()
    from bench.crowd import fill
    from core.identity.models import User
    from core.tenancy.context import in_account, in_public
    from tenants.models import Account

    with in_public():
        globex = Account.objects.get(slug="globex")
    with in_account(globex):
        if User.objects.filter(email__endswith="@people.example").exists():
            return
    fill(globex, "copilot", members, max(1, members // 50))


def take(browser: Browser, demo: dict[str, Any], picture: Picture) -> None:
    """Write one picture of the docs."""
    with somebody(browser, demo, picture.nick, picture.size, picture.theme) as person:
        page = person.open(picture.path)
        if picture.keys:
            page.keyboard.press(picture.keys)
            page.wait_for_selector("#palette-results [role=option]")
        if picture.text:
            page.keyboard.type(picture.text)
            page.wait_for_timeout(800)
        if picture.click:
            page.click(picture.click)
            page.wait_for_load_state()
        if picture.asks:
            if picture.size == DESK:
                page.click("[data-pg-add]")
            page.fill("#pg-prompt", picture.asks)
            page.keyboard.press("Enter")
            page.wait_for_timeout(2_500)
        page.wait_for_timeout(300)
        page.screenshot(path=SHOTS / f"{picture.name}.png")
        print(f"{picture.name}.png")


def everything(browser: Browser, demo: dict[str, Any], folder: Path) -> None:
    """Write every page as each person, at three widths, light and dark."""
    folder.mkdir(parents=True, exist_ok=True)
    for nick in ("ada", "olga", "mia", "eve", "sam"):
        for size in (DESK, TABLET, PHONE):
            for theme in ("light", "dark"):
                with somebody(browser, demo, nick, size, theme) as person:
                    for path in person.crawl("/"):
                        name = path.strip("/").replace("/", "-") or "start"
                        file = folder / f"{nick}-{size[0]}-{theme}-{name[:60]}.png"
                        person.page.screenshot(path=file, full_page=True)
                print(nick, size[0], theme)


@contextmanager
def somebody(
    browser: Browser, demo: dict[str, Any], nick: str, size: tuple[int, int], theme: str
) -> Iterator[Screen]:
    """Open a browser in which somebody of the demo is signed in."""
    acme, globex = demo["accounts"]["acme"], demo["accounts"]["globex"]
    logins = {**acme["members"], "ada": acme["admin"], "eve": globex["admin"]}
    logins["sam"] = demo["super_admin"]
    homes = {"sam": demo["cockpit_url"], "eve": globex["url"]}
    home = homes.get(nick, acme["url"])
    with screen(browser, home, Trouble(), size=size, reduced_motion="reduce") as person:
        person.sign_in(logins[nick]).theme(theme)
        yield person


if __name__ == "__main__":
    main()
