"""What `make run`, `make stop` and `make reset` say when things are not as they should be."""

import ast
import json
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from cockpit.embedded import up
from cockpit.embedded.banner import banner
from cockpit.embedded.host import PROJECT_ROOT, EmbeddedError, lifeline, write_state


def run(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cockpit.embedded", *arguments],
        cwd=PROJECT_ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def test_a_port_in_use_is_named_with_the_way_out(bare_environment: dict[str, str]) -> None:
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        port = stranger.getsockname()[1]

        ended = run({**bare_environment, "COCKPIT_GATEWAY_PORT": str(port)}, "up")

    assert ended.returncode == 1
    assert f"Port {port} is in use by another program" in ended.stderr
    assert "COCKPIT_GATEWAY_PORT=" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_port_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COCKPIT_WEB_PORT", "80000")

    with pytest.raises(EmbeddedError, match="COCKPIT_WEB_PORT is '80000'"):
        up.ports()


def test_web_and_gateway_cannot_share_a_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COCKPIT_WEB_PORT", "8001")

    with pytest.raises(EmbeddedError, match="both 8001; each needs a port of its own"):
        up.ports()


def test_a_second_run_points_at_the_first(bare_environment: dict[str, str], folder: Path) -> None:
    with lifeline(folder / "data" / "up.lock"):
        write_state(folder / "data" / "up.json", {"pid": 4711})

        ended = run({**bare_environment, "COCKPIT_WEB_PORT": "8080"}, "up")

    assert ended.returncode == 1
    assert "already runs here (process 4711): http://localhost:8080/" in ended.stderr


def test_stop_without_a_run_is_content(bare_environment: dict[str, str], folder: Path) -> None:
    ended = run(bare_environment, "stop")

    assert ended.returncode == 0
    assert not (folder / "data").exists()


def test_reset_asks_first(bare_environment: dict[str, str], folder: Path) -> None:
    (folder / "data").mkdir()
    write_state(folder / "data" / "secrets.json", {})

    ended = run(bare_environment, "reset")

    assert ended.returncode == 1
    assert "FORCE=1" in ended.stderr
    assert (folder / "data").exists()


def test_reset_removes_everything(bare_environment: dict[str, str], folder: Path) -> None:
    (folder / "data").mkdir()
    write_state(folder / "data" / "secrets.json", {})

    ended = run(bare_environment, "reset", "--force")

    assert ended.returncode == 0
    assert not (folder / "data").exists()


@pytest.mark.parametrize("place", [Path("/"), Path.home(), PROJECT_ROOT, PROJECT_ROOT / "docs"])
def test_reset_spares_what_is_not_ours(place: Path) -> None:
    with pytest.raises(EmbeddedError, match="does not look like a data folder"):
        up.check_is_ours(place)


def test_the_banner_says_where_to_go_and_who_to_be(folder: Path) -> None:
    login = {"email": "ada@acme.example", "password": "secret-1"}
    member = {"email": "mia@acme.example", "password": "secret-2"}
    demo = {
        "cockpit_url": "http://localhost:8000/",
        "gateway_url": "http://localhost:8001/",
        "super_admin": {"email": "root@cockpit.example", "password": "secret-0"},
        "accounts": {
            "acme": {
                "url": "http://acme.localhost:8000/",
                "admin": login,
                "members": {"mia": member},
                "console_key": "ck_acme_1",
            }
        },
    }
    (folder / "demo.json").write_text(json.dumps(demo))

    text = banner(folder, seconds=12.3)

    assert "http://localhost:8000/" in text
    assert re.search(r"root@cockpit\.example +secret-0", text)
    assert "http://acme.localhost:8000/" in text
    assert re.search(r"ada@acme\.example +secret-1", text)
    assert re.search(r"mia@acme\.example +secret-2", text)
    assert "http://localhost:8001/v1" in text
    assert "ck_acme_1" in text


def test_the_banner_does_without_a_demo(folder: Path) -> None:
    assert "Cockpit is ready" in banner(folder, seconds=1)


def test_an_old_python_can_read_the_bootstrap() -> None:
    source = (PROJECT_ROOT / "bootstrap.py").read_text()

    ast.parse(source, feature_version=(3, 6))
