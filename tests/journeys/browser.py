"""Chromium for the journeys: people at a screen, and what must never happen there."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, Response

# Mozilla Public License 2.0; from the npm package axe-core 4.14.1, unchanged.
_AXE = Path(__file__).parent / "assets" / "axe.min.js"
_IDS = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|acme|globex")
DESK, PHONE = (1440, 900), (390, 844)

_MEASURE_SHIFTS = """
window.__shift = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.__shift += entry.value;
}).observe({ type: "layout-shift", buffered: true });
"""
_RUN_AXE = """async () => {
  const found = await axe.run(document, { resultTypes: ["violations"] });
  return found.violations
    .filter((rule) => ["serious", "critical"].includes(rule.impact))
    .map((rule) => [rule.id, ...rule.nodes.slice(0, 3).map((node) => node.html.slice(0, 160))])
    .map((parts) => parts.join(" | "));
}"""
# What sticks out, if anything does: the page may not scroll sideways.
_STICKS_OUT = """() => {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return "";
  const wide = [...document.querySelectorAll("body *")].filter((element) => {
    const box = element.getBoundingClientRect();
    return box.right > width + 1 && box.width > 0 && getComputedStyle(element).position !== "fixed";
  });
  return `${document.documentElement.scrollWidth} > ${width}: ` +
    wide.slice(-1).map((element) => element.outerHTML.slice(0, 160)).join(" | ");
}"""


def launch(playwright: Playwright) -> Browser:
    """Start the machine's Chromium, or Playwright's own; skip loudly, or fail, without one."""
    names = ("chromium", "chromium-browser", "google-chrome")
    path = next(filter(None, map(shutil.which, names)), None)
    if path is None and Path(playwright.chromium.executable_path).exists():
        path = playwright.chromium.executable_path
    if path is None:
        said = "No Chromium: install one (apt-get install chromium) to run the browser journeys."
        if os.environ.get("COCKPIT_REQUIRE_BROWSER") == "1":
            pytest.fail(said)
        pytest.skip(said)
    return playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])


@dataclass
class Trouble:
    """What went wrong on a screen, by page."""

    found: list[str] = field(default_factory=list)
    # Answers that a test asks for on purpose, by a part of their address.
    expected: tuple[str, ...] = ()

    def note(self, page: Page, what: str) -> None:
        self.found.append(f"{_IDS.sub(':id', urlsplit(page.url).path)}: {what}")

    def watch(self, page: Page) -> None:
        """Note errors on the console, exceptions and requests that failed."""
        page.on("console", lambda said: self._hear(page, said))
        page.on("pageerror", lambda error: self.note(page, f"exception {error}"))
        page.on("response", lambda answer: self._check(page, answer))

    def _hear(self, page: Page, said: ConsoleMessage) -> None:
        # An answer that is expected to refuse is also an error on the console.
        if said.type == "error" and not (self.expected and "status of 4" in said.text):
            self.note(page, said.text)

    def _check(self, page: Page, answer: Response) -> None:
        if answer.status >= 400 and not any(part in answer.url for part in self.expected):
            self.note(page, f"{answer.status} {answer.url}")


class Screen:
    """One person's browser at one account's host, or at the platform's."""

    def __init__(self, page: Page, home: str, trouble: Trouble) -> None:
        self.page, self.home, self.trouble = page, home, trouble

    def sign_in(self, login: dict[str, str]) -> "Screen":
        """Sign in as people do."""
        self.page.goto(f"{self.home}/login/")
        self.page.get_by_label("E-mail").fill(login["email"])
        self.page.get_by_label("Password", exact=True).fill(login["password"])
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_url(lambda url: "/login/" not in url)
        return self

    def open(self, path: str) -> Page:
        """Go to a page and wait until it has settled."""
        self.page.goto(f"{self.home}{path}", wait_until="load")
        self.page.wait_for_function("document.fonts.status === 'loaded'")
        return self.page

    def check(self, *, axe: bool = False) -> None:
        """Note sideways scrolling and layout shifts of the page in view, and what axe finds."""
        if stuck := self.page.evaluate(_STICKS_OUT):
            self.trouble.note(self.page, f"scrolls sideways, {stuck}")
        if (shift := self.page.evaluate("window.__shift")) > 0.1:
            self.trouble.note(self.page, f"layout shift {shift:.3f}")
        if axe:
            for finding in self.findings():
                self.trouble.note(self.page, finding)

    def findings(self) -> list[str]:
        """Return what axe finds serious or critical on the page in view."""
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(_AXE.read_text())
        found: list[str] = self.page.evaluate(_RUN_AXE)
        return found

    def theme(self, name: str) -> None:
        """Switch to light or dark, as the switch of the sidebar does, from the next page on."""
        self.page.evaluate("name => localStorage.setItem('adminTheme', JSON.stringify(name))", name)

    def crawl(self, start: str) -> Iterator[str]:
        """Open a page and all that it leads to, one of each kind; yield each path once there."""
        waiting, seen = [start], {_shape(start)}
        while waiting:
            path = waiting.pop(0)
            self.open(path)
            yield path
            for link in self.page.eval_on_selector_all("a[href]", "all => all.map(a => a.href)"):
                parts = urlsplit(link)
                if parts.netloc != urlsplit(self.home).netloc or _leads_away(parts.path):
                    continue
                if _shape(parts.path) not in seen:
                    seen.add(_shape(parts.path))
                    waiting.append(parts.path)


def _shape(path: str) -> str:
    """Return what kind of page it is. Both products have the same ones, and one tells of both."""
    return re.sub("^/(copilot|console)/", "/:product/", _IDS.sub(":id", path))


def _leads_away(path: str) -> bool:
    """Whether a link is no page of the shell: a file, the API's, or a page before the login."""
    away = ("/logout/", "/static/", "/api/", "/mail/", "/login/", "/invitations/")
    return path.startswith(away) or "." in path.rsplit("/", 1)[-1]


@contextmanager
def screen(
    browser: Browser, home: str, trouble: Trouble, *, size: tuple[int, int] = DESK, **more: Any
) -> Iterator[Screen]:
    """Open a fresh browser profile at a host."""
    context: BrowserContext = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, **more
    )
    context.add_init_script(_MEASURE_SHIFTS)
    page = context.new_page()
    page.set_default_timeout(15_000)
    trouble.watch(page)
    try:
        yield Screen(page, home.rstrip("/"), trouble)
    finally:
        context.close()
