"""A file fits into one reader's head."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = (
    "cockpit", "superadmin", "copilot", "console", "tenants", "core", "tests", "bench", "templates",
    "static/cockpit",
)  # fmt: skip
MOST_LINES = 500


def test_no_file_has_more_than_500_lines() -> None:
    too_long = {
        str(path.relative_to(ROOT)): lines
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".py", ".sql", ".html", ".js", ".css"}
        # Generated once and never read from top to bottom.
        and path.parent.name not in {"migrations", "vendor"}
        and (lines := len(path.read_text().splitlines())) > MOST_LINES
    }

    assert too_long == {}
