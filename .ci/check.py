"""`make check`: every check that needs no test, two at a time, and at the end what failed.

Names on the command line choose some of them.
"""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHON = (sys.executable, "-m")
MANAGE = (sys.executable, "manage.py")
LINT_IMPORTS = (
    sys.executable,
    "-c",
    "from importlinter.cli import lint_imports_command as run; run()",
)

# The slowest first, so that the others run beside it.
CHECKS = {
    "types": (*PYTHON, "mypy"),
    "format": (*PYTHON, "ruff", "format", "--check", "."),
    "lint": (*PYTHON, "ruff", "check", "."),
    "imports": LINT_IMPORTS,
    "templates": (*PYTHON, "djlint", "--check", "--lint", "templates"),
    "spelling": (*PYTHON, "codespell_lib"),
    "deploy": (*MANAGE, "check", "--deploy", "--fail-level", "ERROR"),
    "migrations": (*MANAGE, "makemigrations", "--check", "--dry-run"),
    "openapi": (*MANAGE, "export_openapi", "--check"),
}


def main() -> int:
    """Run the checks and return the exit code."""
    unknown = set(sys.argv[1:]) - set(CHECKS)
    if unknown:
        sys.stderr.write(
            f"No such check: {', '.join(sorted(unknown))}. There are: {', '.join(CHECKS)}.\n"
        )
        return 2
    chosen = [name for name in CHECKS if not sys.argv[1:] or name in sys.argv[1:]]
    needs_servers = any(CHECKS[name][: len(MANAGE)] == MANAGE for name in chosen)
    environment = _environment_with_servers() if needs_servers else dict(os.environ)
    failed = []
    with ThreadPoolExecutor(max_workers=2) as pool:
        running = {pool.submit(_run, name, environment): name for name in chosen}
        for done in as_completed(running):
            passed, report = done.result()
            sys.stdout.write(report)
            sys.stdout.flush()
            if not passed:
                failed.append(running[done])
    if failed:
        order = [name for name in CHECKS if name in failed]
        again = f'make check ONLY="{" ".join(order)}"'
        sys.stdout.write(f"\nFailed: {', '.join(order)}. Only these again: {again}\n")
        return 1
    sys.stdout.write(f"\nAll {len(chosen)} checks passed.\n")
    return 0


def _environment_with_servers() -> dict[str, str]:
    """Return where Django's commands run: like production, on the servers of the tests."""
    sys.path.insert(0, str(ROOT))
    from cockpit.embedded import data_folder, urls

    database_url, redis_url = urls("test")
    return {
        **os.environ,
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "COCKPIT_DATA": str(data_folder() / "test" / "check"),
        "COCKPIT_BASE_HOST": "cockpit.example",
    }


def _run(name: str, environment: dict[str, str]) -> tuple[bool, str]:
    began = time.monotonic()
    done = subprocess.run(
        CHECKS[name],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    passed = done.returncode == 0
    title = f"{'ok    ' if passed else 'FAILED'} {name} ({time.monotonic() - began:.1f} s)"
    # A tool that is content need not say so.
    return passed, f"{title}\n" if passed else f"{title}\n{done.stdout.rstrip()}\n\n"


if __name__ == "__main__":
    sys.exit(main())
