"""Who may import whom."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("cockpit", "superadmin", "copilot", "console", "tenants", "core")

# import-linter cannot name parts of a foreign package: who may import what, by prefix of the path.
FACES = (
    "core/ui/", "cockpit/", "superadmin/", "copilot/admin/", "console/admin/", "copilot/pages/",
    "console/pages/",
)  # fmt: skip
ONLY_IN = {
    "django.contrib.admin": FACES,
    "django.shortcuts": (*FACES, "core/tenancy/middleware.py"),
    "django.template": (*FACES, "core/identity/mail.py"),
}


def _sources() -> Iterator[Path]:
    for package in PACKAGES:
        yield from sorted((ROOT / package).rglob("*.py"))


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.slow
def test_the_layers_hold() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("module", sorted(ONLY_IN))
def test_engines_render_nothing(module: str) -> None:
    allowed = ONLY_IN[module]
    found = {
        str(path.relative_to(ROOT))
        for path in _sources()
        for name in _imported(path)
        if name == module or name.startswith(f"{module}.")
    }

    assert {path for path in found if not path.startswith(allowed)} == set()


def test_tests_are_not_imported_by_the_product() -> None:
    found = {
        str(path.relative_to(ROOT))
        for path in _sources()
        for name in _imported(path)
        if name.split(".")[0] in {"tests", "factory", "pytest"}
    }

    assert found == set()
