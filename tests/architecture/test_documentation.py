"""The documentation leads everywhere, and nowhere into the void."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])

_LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]+)(#[^)\s]+)?\)")
_HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    for target, anchor in _links(page):
        assert target.exists(), f"{page.name} links to {target}"
        if anchor and target.suffix == ".md":
            assert anchor in _anchors(target), f"{page.name} links to {target.name}{anchor}"


def test_every_page_is_two_hops_or_fewer_from_the_readme() -> None:
    near = {ROOT / "README.md"}
    for _ in range(2):
        near |= {target for page in near if page.suffix == ".md" for target, _ in _links(page)}

    assert {page for page in PAGES if page not in near} == set()


def test_every_picture_is_shown_somewhere() -> None:
    shown = {target for page in PAGES for target, _ in _links(page)}

    assert {
        each for each in (ROOT / "docs" / "screenshots").iterdir() if each not in shown
    } == set()


def _links(page: Path) -> list[tuple[Path, str]]:
    found = []
    for path, anchor in _LINK.findall(page.read_text(encoding="utf-8")):
        target = (page.parent / path).resolve()
        front = target / "README.md"
        found.append((front if front.exists() else target, anchor))
    return found


def _anchors(page: Path) -> set[str]:
    # As forges make them: lower case, no punctuation, a hyphen for each space.
    return {
        "#" + re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in _HEADING.findall(page.read_text(encoding="utf-8"))
    }
