"""Create the virtual environment and install the locked requirements; done once, it is a no-op.

`python3 bootstrap.py` installs what the product runs on, `--dev` also what checks and tests it.
Needs nothing but Python's standard library, and no syntax newer than Python 3.6, so that an old
Python gets as far as the sentence that it is too old.
"""

import contextlib
import fcntl
import hashlib
import importlib.util
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

if sys.version_info < (3, 11):  # noqa: UP036  an old Python reads this, too
    sys.exit(
        f"Cockpit: {sys.executable} is Python {sys.version.split()[0]}; 3.11, 3.12 or 3.13 is "
        "needed. Install one, then: make PYTHON=/path/to/python3.13 run"
    )

NEWEST_TRIED = (3, 13)
ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "installed.json"
MEGABYTES_NEEDED = 1500


def main() -> None:
    """Bring the virtual environment up to date with the locks."""
    files = ["requirements.txt", *(["requirements-dev.txt"] if "--dev" in sys.argv else [])]
    with only_one():
        wanted = {name: digest_of(ROOT / name) for name in files}
        installed = read_stamp()
        if PYTHON.exists() and wanted.items() <= installed.items():
            return
        began = time.monotonic()
        check_disk()
        make_venv()
        install(files)
        # The tools were chosen to go with one lock of the product; another one may differ.
        is_same = installed.get("requirements.txt") == wanted["requirements.txt"]
        STAMP.write_text(json.dumps({**(installed if is_same else {}), **wanted}))
        say(f"Installed in {time.monotonic() - began:.0f} s.")


def make_venv() -> None:
    """Create .venv, also in place of one that does not work."""
    if works(PYTHON, "-c", "import pip"):
        return
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        version = "{}.{}".format(*sys.version_info)
        stop(
            f"{sys.executable} cannot make virtual environments, because its `venv` module is not "
            f"complete. On Debian or Ubuntu: apt install python{version}-venv"
        )
    if sys.version_info[:2] > NEWEST_TRIED:
        say("This Python is newer than 3.13, the last one tried with Cockpit. Going on with it.")
    say(f"Creating .venv with Python {sys.version.split()[0]} ...")
    clear = ["--clear"] if VENV.exists() else []
    if subprocess.call([sys.executable, "-m", "venv", *clear, str(VENV)]):
        stop(f"The virtual environment could not be made.{disk_hint()}")


def install(files: list[str]) -> None:
    """Install with uv, which takes seconds; with pip, which takes minutes, where uv fails."""
    arguments = ["--require-hashes", *(word for name in files for word in ("-r", str(ROOT / name)))]
    say("Installing {}, about 800 MB ...".format(" and ".join(files)))
    if have_uv():
        uv = [str(PYTHON), "-m", "uv", "pip", "install", "--python", str(PYTHON)]
        if run_quietly([*uv, *arguments], {**os.environ, **pip_settings_for_uv()}):
            return
        say("uv could not install them; trying pip, which takes a few minutes ...")
    pip = [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    if subprocess.call([*pip, "--no-deps", *arguments]):
        stop(
            "The requirements could not be installed; the lines above say why."
            + (disk_hint() or " Is the network there?")
        )


def run_quietly(command: list[str], environment: dict[str, str]) -> bool:
    """Run uv without its list of every package; tell whether it succeeded."""
    with subprocess.Popen(
        command, env=environment, stderr=subprocess.PIPE, text=True, errors="replace"
    ) as running:
        for line in running.stderr or ():
            if not line.startswith((" + ", " - ")):
                sys.stderr.write(line)
                sys.stderr.flush()
    return running.returncode == 0


def have_uv() -> bool:
    """Install uv itself, at the version and hashes of the lock."""
    if works(PYTHON, "-m", "uv", "--version"):
        return True
    lines = (ROOT / "requirements-dev.txt").read_text().splitlines()
    start = next((n for n, line in enumerate(lines) if line.startswith("uv==")), None)
    if start is None:
        return False
    end = next(n for n in range(start + 1, len(lines)) if "--hash=" not in lines[n])
    with tempfile.TemporaryDirectory() as folder:
        requirement = Path(folder, "uv.txt")
        requirement.write_text("\n".join(lines[start:end]).rstrip("\\ ") + "\n")
        pip = [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
        return not subprocess.call(
            [*pip, "--quiet", "--no-deps", "--require-hashes", "-r", str(requirement)]
        )


def pip_settings_for_uv() -> dict[str, str]:
    """Hand over where pip was told to look for packages; uv reads only settings of its own."""
    listed = subprocess.run(
        [str(PYTHON), "-m", "pip", "config", "list"], stdout=subprocess.PIPE, check=False
    )
    found = {}
    # Lines such as `global.index-url='https://...'`; later ones (the environment) win.
    for line in listed.stdout.decode().splitlines():
        name, _, value = line.partition("=")
        if name.startswith(("global.", "install.", ":env:.")):
            found[name.rpartition(".")[2]] = " ".join(shlex.split(value))
    translated = {
        "UV_DEFAULT_INDEX": found.get("index-url", ""),
        "UV_INDEX": found.get("extra-index-url", ""),
        "UV_FIND_LINKS": ",".join(found.get("find-links", "").split()),
        "SSL_CERT_FILE": found.get("cert", ""),
        # As pip does: the best of all indexes. The hashes say what it must be.
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        # One copy is enough, and the home folder may not be writable.
        "UV_NO_CACHE": "1",
    }
    return {name: value for name, value in translated.items() if value and name not in os.environ}


@contextlib.contextmanager
def only_one() -> Iterator[None]:
    """Let a second `make` wait for the first; locks the folder, so no file is left behind."""
    folder = os.open(str(ROOT), os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def read_stamp() -> dict[str, str]:
    """Return the locks that were installed, each with its digest."""
    try:
        stamp: dict[str, str] = json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return {}
    return stamp


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def works(*command: object) -> bool:
    """Tell whether a command runs and succeeds."""
    try:
        return not subprocess.call(
            [str(word) for word in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
    except OSError:
        return False


def check_disk() -> None:
    """Stop before a download that would fill the disk."""
    free_megabytes = shutil.disk_usage(str(ROOT)).free // 1_000_000
    if free_megabytes < MEGABYTES_NEEDED and not PYTHON.exists():
        stop(
            f"Only {free_megabytes} MB are free in {ROOT}; the packages and data of Cockpit take "
            f"about {MEGABYTES_NEEDED} MB. Free some space, then try again."
        )


def disk_hint() -> str:
    """Say that the disk is full, or nothing."""
    free_megabytes = shutil.disk_usage(str(ROOT)).free // 1_000_000
    return f" The disk is full: {free_megabytes} MB are left." if free_megabytes < 200 else ""


def say(text: str) -> None:
    """Show progress."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def stop(text: str) -> NoReturn:
    """End with a sentence."""
    sys.stderr.write(f"Cockpit: {text}\n")
    sys.exit(1)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        stop("Interrupted; the next run goes on from here.")
    except OSError as error:
        stop(f"{error}.{disk_hint()}")
