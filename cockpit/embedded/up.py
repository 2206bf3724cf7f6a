"""`make run`, `make stop` and `make reset`: the whole Cockpit on one machine."""

import contextlib
import http.client
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from cockpit.embedded.banner import banner
from cockpit.embedded.host import (
    PROJECT_ROOT,
    EmbeddedError,
    can_bind,
    is_alive,
    lifeline,
    read_state,
    wait_until,
    write_state,
)
from cockpit.embedded.servers import KINDS, Servers, data_folder
from cockpit.embedded.supervisor import (
    GRACE_SECONDS,
    Log,
    Program,
    Supervisor,
    end_leftovers,
    forget_leftovers,
)

PREPARATION = "prepare"
_PATIENCE_SECONDS = 120


def up(*, with_parent: bool = False) -> int:
    """Start everything and keep it running until Ctrl-C; returns the exit code.

    With the parent, it also stops when the process that started it ends, however that ends.
    """
    began = time.monotonic()
    folder = data_folder()
    log = Log()
    with _only_one(folder):
        end_leftovers(folder, log)
        for variable, port in ports().items():
            _check_port(variable, port)
        servers = Servers(folder, announce=log.say)
        supervisor = Supervisor(programs(), folder=folder, environment=_environment(), log=log)
        supervisor.listen_to_signals()
        if with_parent:
            supervisor.stop_with_parent()
        try:
            _keep_servers_running(servers)
            code = _prepare(supervisor)
            if not code and not supervisor.is_stopping():
                log.say("Starting web and gateway; they load for some seconds ...")
                _announce_when_ready(supervisor, folder, began)
                supervisor.run(watch=lambda: _keep_servers_running(servers))
        finally:
            forget_leftovers(folder)
            _stop_servers(servers, log)
    return 0 if supervisor.is_stopping() else code


def stop(*, even_if_used: bool = False) -> int:
    """Stop a run in another terminal, and all embedded servers."""
    folder = data_folder()
    log = Log()
    if is_alive(folder / "up.lock"):
        pid = read_state(folder / "up.json").get("pid", 0)
        log.say(f"Stopping the run of process {pid} ...")
        try:
            os.kill(pid, signal.SIGTERM)
        except PermissionError:
            raise EmbeddedError(
                f"The run belongs to another user (process {pid}); stop it as that user."
            ) from None
        wait_until(
            lambda: not is_alive(folder / "up.lock"),
            GRACE_SECONDS + 60,
            f"process {pid} has not stopped; `kill -9 {pid}`, then `make stop` again",
        )
    end_leftovers(folder, log)
    code = 0
    for kind in KINDS:
        if not Servers(folder, kind).stop(even_if_used=even_if_used):
            log.say(
                f"Postgres and Valkey of the {kind} data go on: another process uses them. "
                "`make stop FORCE=1` stops them all the same."
            )
            code = 1
    if not code:
        log.say("Everything is stopped.")
    return code


def reset(*, is_confirmed: bool = False) -> int:
    """Remove all data of this installation, after asking."""
    folder = data_folder()
    if not folder.exists():
        sys.stdout.write(f"There is nothing to remove: {folder} does not exist.\n")
        return 0
    check_is_ours(folder)
    if not is_confirmed:
        if not sys.stdin.isatty():
            raise EmbeddedError(f"This removes {folder} with all data. Say so with FORCE=1.")
        sys.stdout.write(f"This removes {folder}: all accounts, ledgers and keys. Type yes: ")
        sys.stdout.flush()
        if sys.stdin.readline().strip().lower() != "yes":
            sys.stdout.write("Nothing was removed.\n")
            return 1
    stop(even_if_used=True)
    for kind in KINDS:
        Servers(folder, kind).destroy()
    shutil.rmtree(folder)
    sys.stdout.write(f"Removed {folder}. The next `make run` starts from nothing.\n")
    return 0


def check_is_ours(folder: Path) -> None:
    """Refuse to remove a folder that was not made for our data, whatever COCKPIT_DATA says."""
    holds_more = any(place.is_relative_to(folder) for place in (PROJECT_ROOT, Path.home()))
    has_traces = any((folder / name).exists() for name in ("secrets.json", "users.lock", "up.lock"))
    if holds_more or not has_traces:
        raise EmbeddedError(
            f"{folder} does not look like a data folder of Cockpit; nothing removed."
        )


# -- what runs ------------------------------------------------------------------------------------


def ports() -> dict[str, int]:
    """Return the variables of the ports and their values."""
    found = {}
    for variable, default in (("COCKPIT_WEB_PORT", "8000"), ("COCKPIT_GATEWAY_PORT", "8001")):
        given = os.environ.get(variable) or default
        if not given.isdecimal() or not 0 < int(given) < 65_536:
            raise EmbeddedError(f"{variable} is {given!r}; use a number from 1 to 65535.")
        found[variable] = int(given)
    if len(set(found.values())) == 1:
        # Both would start: the servers share ports on purpose, among processes of their own.
        raise EmbeddedError(
            f"{' and '.join(found)} are both {int(given)}; each needs a port of its own."
        )
    return found


def programs() -> list[Program]:
    """Return the four processes of Cockpit."""
    web_port, gateway_port = (str(port) for port in ports().values())
    granian = (sys.executable, "-m", "granian", "--host", _bind_host(), "--workers", "1")
    celery = (sys.executable, "-m", "celery", "--quiet", "-A", "cockpit.celery")
    return [
        Program(
            "web",
            (*granian, "--interface", "wsgi", "--port", web_port,
             "--blocking-threads", _web_threads(), "cockpit.wsgi:application"),
            color=36,
        ),
        Program(
            "gateway",
            (*granian, "--interface", "asgi", "--port", gateway_port, "cockpit.asgi_gateway:app"),
            color=32,
        ),
        Program(
            "worker",
            # Alone on this machine, it need not look for other workers.
            (*celery, "worker", "--loglevel", "INFO", "--concurrency", "2",
             "--without-mingle", "--without-gossip"),
            color=33,
            can_wait=True,
        ),
        # At INFO it would write a line for each thing that it sends; the worker does that too.
        Program(
            "beat",
            (*celery, "beat", "--loglevel", "WARNING", "--pidfile="),
            color=35,
            can_wait=True,
        ),
    ]  # fmt: skip


def _web_threads() -> str:
    # Eight wait for the database side by side; granian advises against more than this on few cores.
    return str(min(8, 2 * (os.cpu_count() or 1) + 1))


def _bind_host() -> str:
    # Everything on one machine, with passwords on the screen: not for the network unless asked.
    return os.environ.get("COCKPIT_BIND") or "127.0.0.1"


def _environment() -> dict[str, str]:
    unwanted = {"MAKEFLAGS", "MAKELEVEL", "MFLAGS"}
    return {
        "COCKPIT_DEMO": "1",
        "PYTHONUNBUFFERED": "1",
        # Celery's advice about root is for servers; here, whoever runs it owns the machine.
        "PYTHONWARNINGS": "ignore:You're running the worker with superuser privileges",
        **{name: value for name, value in os.environ.items() if name not in unwanted},
    }


@contextlib.contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    lock = folder / "up.lock"
    if is_alive(lock):
        pid = read_state(folder / "up.json").get("pid", "?")
        raise EmbeddedError(
            f"Cockpit already runs here (process {pid}): http://localhost:"
            f"{ports()['COCKPIT_WEB_PORT']}/. `make stop` stops it."
        )
    with lifeline(lock):
        write_state(folder / "up.json", {"pid": os.getpid()})
        yield


def _check_port(variable: str, port: int) -> None:
    if not can_bind(port, _bind_host()):
        raise EmbeddedError(
            f"Port {port} is in use by another program. Stop that program, or choose another port: "
            f"`{variable}={port + 80} make run`."
        )


def _prepare(supervisor: Supervisor) -> int:
    program = Program(PREPARATION, (sys.executable, "manage.py", "prepare"), color=34)
    supervisor.log.say("Preparing database, demo data and static files ...")
    code = supervisor.run_once(program)
    if code and not supervisor.is_stopping():
        supervisor.log.say("The preparation failed; its last lines above say why.")
    return code


def _keep_servers_running(servers: Servers) -> None:
    """Start the embedded servers; a second later, bring back what has died."""
    servers.postgres_url()
    servers.redis_url()


def _announce_when_ready(supervisor: Supervisor, folder: Path, began: float) -> None:
    def wait() -> None:
        while not all(_answers(port) for port in ports().values()):
            if supervisor.is_stopping():
                return
            if time.monotonic() - began > _PATIENCE_SECONDS:
                # Something is wrong, and the jobs need not be as well.
                supervisor.start_all.set()
            time.sleep(0.2)
        supervisor.log.show(banner(folder, seconds=time.monotonic() - began))
        supervisor.start_all.set()

    threading.Thread(target=wait, daemon=True).start()


def _answers(port: int) -> bool:
    """Tell whether a server answers requests; to accept connections it need not be ready."""
    host = "127.0.0.1" if _bind_host() in {"0.0.0.0", "::"} else _bind_host()  # noqa: S104
    connection = http.client.HTTPConnection(host, port, timeout=10)
    try:
        connection.request("GET", "/healthz", headers={"Host": "localhost"})
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _stop_servers(servers: Servers, log: Log) -> None:
    if servers.stop():
        log.say("Stopped. Data stays in " + str(servers.folder))
    else:
        log.say(
            "Stopped, but for Postgres and Valkey, which another process uses. "
            "`make stop FORCE=1` stops them as well."
        )
