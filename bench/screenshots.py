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
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.journeys.browser import DESK, PHONE, Screen, Trouble, launch, screen  # noqa: E402

SHOTS = ROOT / "docs" / "screenshots"
TABLET = (1024, 768)
# Where the provider of Acme's own LLM answers while pictures are taken.
UPSTREAM_PORT = 8905


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
    # What is clicked on before, and after that.
    click: str = ""
    then: str = ""


PICTURES = (
    Picture("copilot-overview", "ada", "/copilot/", DESK, "light"),
    Picture("copilot-overview-phone-dark", "ada", "/copilot/", PHONE, "dark"),
    Picture("credits", "ada", "/copilot/credits/", DESK, "light"),
    Picture("credits-phone-dark", "ada", "/copilot/credits/", PHONE, "dark"),
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
    Picture("performance", "ada", "/console/performance/?days=30", DESK, "light"),
    Picture("performance-phone-dark", "ada", "/console/performance/?days=30", PHONE, "dark"),
    Picture("keys-dark", "ada", "/console/keys/", DESK, "dark"),
    Picture("palette-tablet", "ada", "/copilot/usage/", TABLET, "light", "Control+k"),
    Picture("branch-admin-dark", "olga", "/copilot/", TABLET, "dark"),
    Picture("llm-marketplace", "ada", "/copilot/llms/", DESK, "light"),
    Picture("llm-access", "ada", "/copilot/llm-access/", DESK, "light"),
    Picture("llm-access-phone-dark", "ada", "/copilot/llm-access/", PHONE, "dark"),
    Picture(
        "effect-preview",
        "ada",
        "/copilot/llm-access/",
        DESK,
        "light",
        click="tr:has-text('Marketing') button.ck-mark >> nth=2",
    ),
    Picture(
        "sharing-dark",
        "ada",
        "/copilot/sharing/",
        DESK,
        "dark",
        click="a:has-text('alchemi-web')",
    ),
    Picture(
        "effective-access",
        "ada",
        "/copilot/access/?q=lena",
        DESK,
        "light",
        click="a:has-text('Lena Vogel')",
        then="a.ck-strong:text-is('GPT-5')",
    ),
    Picture("api-reference", "ada", "/api/docs/", DESK, "light"),
    Picture("platform-overview", "sam", "/", DESK, "light"),
)
# With an LLM of Acme's own; see `own_llm`.
OF_AN_OWN_LLM = (
    Picture("deployment-health", "ada", "/console/deployments/health/", DESK, "light"),
    Picture(
        "deployment-failed",
        "ada",
        "/console/deployments/",
        DESK,
        "light",
        click="a:has-text('error-401')",
    ),
    Picture(
        "deployment-failed-phone-dark",
        "ada",
        "/console/deployments/",
        PHONE,
        "dark",
        click="a:has-text('error-401')",
    ),
    Picture("own-llm-dark", "ada", "/console/deployments/", DESK, "dark", click=".ck-card__side a"),
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
    arguments.add_argument("--only", nargs="+", metavar="NAME", help="just these pictures")
    options = arguments.parse_args()
    if options.crowd:
        crowd(options.crowd)
    demo = json.loads(options.demo.read_text())
    with sync_playwright() as playwright:
        browser = launch(playwright)
        if options.all:
            everything(browser, demo, options.all)
        else:
            pictures = (*PICTURES, *OF_AN_OWN_LLM, *(OF_A_CROWD if options.crowd else ()))
            wanted = [each for each in pictures if each.name in (options.only or {each.name})]
            if set(wanted) & set(OF_AN_OWN_LLM):
                own_llm(browser, demo)
            for picture in wanted:
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


def own_llm(browser: Browser, demo: dict[str, Any]) -> None:
    """Bring an LLM into Acme with places that answer and one whose credential is refused."""
    command = [sys.executable, "-m", "tests.fakes.upstream", str(UPSTREAM_PORT), "0.02"]
    upstream = subprocess.Popen(command, cwd=ROOT)
    try:
        with somebody(browser, demo, "ada", DESK, "light") as ada:
            page = ada.open("/console/deployments/")
            if page.get_by_text("company-gpt").count() == 0:
                _bring(page)
        _call_often(demo, "company-gpt")
    finally:
        upstream.terminate()
        upstream.wait()


def _bring(page: Page) -> None:
    page.locator("[data-open=new-llm]").first.click()
    page.fill("[name=name]", "company-gpt")
    page.fill("[name=title]", "Company GPT")
    page.click("dialog[open] button[type=submit]")
    page.wait_for_url("**/add/")
    form = page.url
    for model, order, key in (("ok", 1, "sk-a"), ("error-401", 1, "sk-b"), ("ok-2", 2, "sk-c")):
        page.goto(f"{form}?vendor=openai_compatible")
        page.fill("[name=upstream_model]", model)
        page.fill("[name=api_base]", f"http://127.0.0.1:{UPSTREAM_PORT}/v1")
        page.fill("[name=api_key]", f"{key}-0123456789abcdefghij")
        page.fill("[name=order]", str(order))
        page.click("form.ck-form button[type=submit]")
        page.wait_for_url(lambda url: "/add/" not in url)
    page.click(".ck-crumbs a >> nth=2")
    page.fill("[name=input_usd]", "1.25")
    page.fill("[name=output_usd]", "10")
    page.click("form[action$='/price/'] button[type=submit]")
    page.wait_for_load_state()


def _call_often(demo: dict[str, Any], llm: str) -> None:
    headers = {"Authorization": f"Bearer {demo['accounts']['acme']['console_key']}"}
    body = {"model": llm, "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 50}
    with httpx.Client(base_url=demo["gateway_url"], headers=headers, timeout=60) as client:
        for _ in range(12):
            client.post("/v1/chat/completions", json=body).raise_for_status()
    # Logs are written half a second at once.
    time.sleep(1)


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
        if picture.then:
            page.click(picture.then)
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
