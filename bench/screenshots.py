"""Take the pictures of docs/screenshots again, from a running installation with the demo.

    make run                        in one terminal
    python bench/screenshots.py     in another; `--all` writes every page, size and theme elsewhere

`--all` crawls as four people at 1440, 1024 and 390 px, light and dark, into a folder to look at.
"""

import argparse
import json
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


PICTURES = (
    Picture("copilot-overview", "ada", "/copilot/", DESK, "light"),
    Picture("copilot-overview-phone-dark", "ada", "/copilot/", PHONE, "dark"),
    Picture("credits", "ada", "/copilot/credits/", DESK, "light"),
    Picture("own-page", "mia", "/copilot/me/", DESK, "light"),
    Picture("quick-start-dark", "mia", "/console/start/", DESK, "dark"),
    Picture("quick-start-phone", "mia", "/console/start/", PHONE, "light"),
    Picture("palette-tablet", "ada", "/copilot/usage/", TABLET, "light", "Control+k"),
    Picture("branch-admin-dark", "olga", "/copilot/", TABLET, "dark"),
    Picture("llm-marketplace", "ada", "/copilot/llms/", DESK, "light"),
    Picture("llm-access", "ada", "/copilot/llm-access/", DESK, "light"),
    Picture("llm-access-phone-dark", "ada", "/copilot/llm-access/", PHONE, "dark"),
    Picture("sharing-dark", "ada", "/copilot/sharing/", DESK, "dark"),
    Picture("effective-access", "ada", "/copilot/access/?q=mia", DESK, "light"),
    Picture("platform-overview", "sam", "/", DESK, "light"),
)


def main() -> None:
    """Write the pictures of the docs, or with `--all` those of every page."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--all", type=Path, metavar="FOLDER")
    arguments.add_argument("--demo", type=Path, default=ROOT / ".data" / "demo.json")
    options = arguments.parse_args()
    demo = json.loads(options.demo.read_text())
    with sync_playwright() as playwright:
        browser = launch(playwright)
        if options.all:
            everything(browser, demo, options.all)
        else:
            for picture in PICTURES:
                take(browser, demo, picture)


def take(browser: Browser, demo: dict[str, Any], picture: Picture) -> None:
    """Write one picture of the docs."""
    with somebody(browser, demo, picture.nick, picture.size, picture.theme) as person:
        page = person.open(picture.path)
        if picture.keys:
            page.keyboard.press(picture.keys)
            page.wait_for_selector("#palette-results [role=option]")
        page.wait_for_timeout(300)
        page.screenshot(path=SHOTS / f"{picture.name}.png")
        print(f"{picture.name}.png")


def everything(browser: Browser, demo: dict[str, Any], folder: Path) -> None:
    """Write every page as each person, at three widths, light and dark."""
    folder.mkdir(parents=True, exist_ok=True)
    for nick in ("ada", "olga", "mia", "sam"):
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
    acme = demo["accounts"]["acme"]
    logins = {**acme["members"], "ada": acme["admin"], "sam": demo["super_admin"]}
    home = demo["cockpit_url"] if nick == "sam" else acme["url"]
    with screen(browser, home, Trouble(), size=size, reduced_motion="reduce") as person:
        person.sign_in(logins[nick]).theme(theme)
        yield person


if __name__ == "__main__":
    main()
