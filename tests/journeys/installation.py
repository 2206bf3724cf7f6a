"""A whole installation for the journeys: what `make run` starts, on servers of its own."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import psycopg
from psycopg.rows import dict_row

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 1200
_OURS = ("COCKPIT_", "DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE")


@dataclass
class Installation:
    """A running Cockpit with the demo in it."""

    folder: Path
    web_port: int
    gateway_port: int
    process: "subprocess.Popen[bytes]"
    environment: dict[str, str]

    @property
    def gateway_url(self) -> str:
        return f"http://127.0.0.1:{self.gateway_port}"

    @property
    def demo(self) -> dict[str, Any]:
        """Who to log in as."""
        found: dict[str, Any] = json.loads((self.folder / "demo.json").read_text())
        return found

    def browse(self, account: str | None, login: dict[str, str]) -> "Visitor":
        """Sign somebody in through the login page and keep the session."""
        host = f"{account}.localhost" if account else "localhost"
        visitor = Visitor(f"http://127.0.0.1:{self.web_port}", f"{host}:{self.web_port}")
        visitor.sign_in(login)
        return visitor

    def api(self, account: str) -> httpx.Client:
        """Return a client of an account's REST API, as programs reach it."""
        return httpx.Client(
            base_url=f"http://127.0.0.1:{self.web_port}",
            headers={"Host": f"localhost:{self.web_port}", "X-Cockpit-Account": account},
            timeout=300,
        )

    def manage(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run `manage.py` against this installation."""
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )

    def verify_credits(self) -> str:
        """Return what `verify_credits --all` prints; nothing broken is an exit code of 0."""
        done = self.manage("verify_credits", "--all")
        return "" if done.returncode == 0 else done.stdout + done.stderr

    def rows(self, account: str, query: str, *values: Any) -> list[dict[str, Any]]:
        """Read an account's tables past everything else."""
        with self._inside(account) as connection:
            return connection.execute(query, values).fetchall()

    def write(self, account: str, statement: str) -> None:
        """Change an account's tables past everything else, such as a time that a test skips."""
        with self._inside(account) as connection:
            connection.execute(statement)

    @contextmanager
    def _inside(self, account: str) -> "Iterator[psycopg.Connection[dict[str, Any]]]":
        with self._connect() as connection:
            schema = connection.execute(
                "SELECT schema_name FROM tenants_account WHERE slug = %s", [account]
            ).fetchone()
            assert schema is not None
            connection.execute(f"SET search_path = {schema['schema_name']}, public")
            yield connection

    def _connect(self) -> "psycopg.Connection[dict[str, Any]]":
        state = json.loads((self.folder / "postgres.json").read_text())
        url = f"postgresql://cockpit:{quote(state['password'])}@127.0.0.1:{state['port']}/cockpit"
        return psycopg.connect(url, row_factory=dict_row, autocommit=True)

    def wait_until_ready(self, seconds: float = START_SECONDS) -> None:
        """Wait until both web and gateway answer."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise AssertionError(f"The installation ended:\n{self.log()}")
            if self._answers() and (self.folder / "demo.json").exists():
                return
            time.sleep(0.3)
        raise AssertionError(f"Not ready after {seconds} seconds:\n{self.log()}")

    def wait_for(self, account: str, query: str, *values: Any, seconds: float = 600) -> None:
        """Wait until a query of an account gives a row."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.rows(account, query, *values):
                return
            time.sleep(0.25)
        raise AssertionError(f"Nothing after {seconds} seconds: {query}\n{self.log()}")

    def kill(self, program: str) -> None:
        """Kill a program and its children at once, as a crash would."""
        for pid in self._pids(program):
            os.kill(pid, signal.SIGKILL)

    def kill_postgres(self) -> None:
        """Kill the database's first process; the supervisor brings it back."""
        pidfile = next(
            path
            for path in (self.folder, Path("/var/tmp"))
            for path in path.glob("**/postmaster.pid")
        )
        os.kill(int(pidfile.read_text().split()[0]), signal.SIGKILL)

    def stop(self) -> None:
        """Stop as Ctrl-C does."""
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()

    def log(self) -> str:
        return (self.folder / "up.log").read_text()[-6000:]

    def _answers(self) -> bool:
        try:
            gateway = httpx.get(f"{self.gateway_url}/readyz", timeout=60).status_code
            web = httpx.get(
                f"http://127.0.0.1:{self.web_port}/login/",
                headers={"Host": f"localhost:{self.web_port}"},
                timeout=60,
            ).status_code
        except httpx.HTTPError:
            return False
        return gateway == web == 200

    def _pids(self, program: str) -> list[int]:
        marks = {
            "gateway": "cockpit.asgi_gateway",
            "web": "cockpit.wsgi",
            # Granian has workers too.
            "worker": "cockpit.celery worker",
        }
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                environment = (entry / "environ").read_bytes()
            except OSError:
                continue
            is_ours = f"COCKPIT_DATA={self.folder}".encode() in environment.split(b"\0")
            if is_ours and marks[program] in command and "cockpit.embedded" not in command:
                found.append(int(entry.name))
        return found


class Visitor:
    """A browser without pictures: keeps the session, sends the CSRF token."""

    def __init__(self, base_url: str, host: str) -> None:
        self.client = httpx.Client(
            base_url=base_url, headers={"Host": host}, follow_redirects=False, timeout=300
        )

    def sign_in(self, login: dict[str, str]) -> None:
        answer = self.post("/login/", login=login["email"], password=login["password"])
        assert answer.status_code == 302, answer.text[:2000]

    def get(self, path: str) -> httpx.Response:
        """Show a page, following redirects within the host."""
        answer = self.client.get(path)
        for _ in range(3):
            if answer.status_code not in {301, 302}:
                break
            answer = self.client.get(re.sub(r"^https?://[^/]+", "", answer.headers["Location"]))
        return answer

    def post(
        self,
        path: str,
        *,
        page: str | None = None,
        files: dict[str, tuple[str, str]] | None = None,
        **values: str,
    ) -> httpx.Response:
        """Send a form; `page` is where its token comes from, the same path by default."""
        shown = self.get(page or path)
        found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', shown.text)
        assert found is not None, f"{shown.status_code} {shown.headers} {shown.text[:2000]}"
        # A form that must not count twice carries a number used once.
        nonce = re.search(r'name="nonce" value="([^"]+)"', shown.text)
        hidden = {"csrfmiddlewaretoken": found[1], **({"nonce": nonce[1]} if nonce else {})}
        return self.client.post(path, data={**hidden, **values}, files=files)

    def send(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """Ask the REST API as a page does: by the session, with the token against forgery."""
        shown = self.get("/profile/")
        found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', shown.text)
        assert found is not None, f"{shown.status_code} {shown.text[:2000]}"
        return self.client.request(
            method, path, json={} if body is None else body, headers={"X-CSRFToken": found[1]}
        )


def start(folder: Path, **more: str) -> Installation:
    """Start an installation in a folder, with `more` environment, and wait until it answers."""
    web_port, gateway_port = _free_port(), _free_port()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(_OURS)},
        "COCKPIT_DATA": str(folder),
        "COCKPIT_WEB_PORT": str(web_port),
        "COCKPIT_GATEWAY_PORT": str(gateway_port),
        "COCKPIT_DEMO": "1",
        **more,
    }
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "up.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "cockpit.embedded", "up", "--with-parent"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    installation = Installation(folder, web_port, gateway_port, process, environment)
    installation.wait_until_ready()
    return installation


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
