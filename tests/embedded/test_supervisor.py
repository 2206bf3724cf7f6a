"""The supervisor, with small programs in place of Cockpit's."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cockpit.embedded.host import PROJECT_ROOT

SUPERVISE = """
import os, sys
from pathlib import Path
from cockpit.embedded import supervisor as supervisor_module
from cockpit.embedded.supervisor import Log, Program, Supervisor, end_leftovers

folder = Path(sys.argv[1])
log = Log()
programs = [
    Program(name, (sys.executable, "-u", "-c", code))
    for name, code in zip(sys.argv[2::2], sys.argv[3::2])
]
end_leftovers(folder, log)
if "patient" in sys.argv[2]:
    supervisor_module.GRACE_SECONDS = 3600
programs += [Program("later", (sys.executable, "-c", "print('late')"), can_wait=True)]
supervisor = Supervisor(programs, folder=folder, environment=dict(os.environ), log=log)
supervisor.listen_to_signals()
if "child" in sys.argv[2]:
    supervisor.stop_with_parent()
if "once" in sys.argv[2]:
    print("exit code", supervisor.run_once(programs[0]), flush=True)
else:
    supervisor.run(watch=supervisor.start_all.set if "now" in sys.argv[2] else lambda: None)
"""

STEADY = "print('here', flush=True); import time; time.sleep(60)"
POLITE = (
    "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(print('bye')));"
    "print('here'); time.sleep(60)"
)
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('here');"
    "time.sleep(60)"
)
CRASHING = "print('oh no'); raise SystemExit(3)"
WITH_HELPER = (
    "import subprocess, sys, time;"
    "helper = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
    "print('helper', helper.pid, flush=True); time.sleep(60)"
)

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def supervise(folder: Path) -> Iterator[Start]:
    started: list[subprocess.Popen[str]] = []

    def start(*names_and_codes: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", SUPERVISE, str(folder), *names_and_codes],
            cwd=PROJECT_ROOT,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.terminate()
            process.send_signal(signal.SIGINT)
            process.wait(30)
        assert process.stdout is not None
        process.stdout.close()


def read_until(process: subprocess.Popen[str], pattern: str) -> re.Match[str]:
    assert process.stdout is not None
    seen = ""
    for line in process.stdout:
        seen += line
        if found := re.search(pattern, line):
            return found
    raise AssertionError(f"{pattern!r} never came; there was:\n{seen}")


def is_there(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_for_end(pid: int) -> None:
    deadline = time.monotonic() + 120
    while is_there(pid):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def group_of(folder: Path, name: str) -> int:
    return int(json.loads((folder / "programs" / "groups.json").read_text())[name])


def test_lines_carry_the_name_of_their_program(supervise: Start) -> None:
    run = supervise("web", STEADY, "worker", STEADY)

    read_until(run, r"^(web|worker) +\| here$")
    read_until(run, r"^(web|worker) +\| here$")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_all_programs_politely(supervise: Start, number: signal.Signals) -> None:
    run = supervise("web", POLITE, "worker", POLITE)
    read_until(run, "here")
    read_until(run, "here")

    run.send_signal(number)
    rest = run.communicate(timeout=120)[0]

    assert run.returncode == 0
    assert rest.count("bye") == 2
    assert "Traceback" not in rest


def test_a_second_signal_does_not_wait_for_the_stubborn(supervise: Start) -> None:
    run = supervise("patient", STUBBORN)
    read_until(run, "here")

    run.send_signal(signal.SIGINT)
    read_until(run, "Stopping")
    run.send_signal(signal.SIGINT)
    # Far less than what it would wait for once.
    rest = run.communicate(timeout=300)[0]

    assert run.returncode == 0
    assert "Killing what did not stop in time: patient." in rest


def test_a_program_that_dies_is_started_again(supervise: Start, folder: Path) -> None:
    run = supervise("web", STEADY)
    read_until(run, "here")

    os.kill(group_of(folder, "web"), signal.SIGKILL)

    read_until(run, r"web was killed by SIGKILL; starting it again in 1 s\.")
    read_until(run, "here")


def test_a_program_that_keeps_dying_is_started_less_and_less_often(supervise: Start) -> None:
    run = supervise("web", CRASHING)

    read_until(run, "oh no")
    read_until(run, r"web ended with exit code 3; starting it again in 1 s\.")
    read_until(run, r"web ended with exit code 3 \(2 times in a row\); starting it again in 2 s\.")


def test_helpers_of_a_dead_program_go_with_it(supervise: Start, folder: Path) -> None:
    run = supervise("web", WITH_HELPER)
    helper = int(read_until(run, r"helper (\d+)")[1])

    os.kill(group_of(folder, "web"), signal.SIGKILL)

    again = int(read_until(run, r"helper (\d+)")[1])
    assert again != helper
    assert not is_there(helper)


def test_what_a_killed_supervisor_leaves_is_ended_by_the_next(
    supervise: Start, folder: Path
) -> None:
    run = supervise("web", STEADY)
    read_until(run, "here")
    left = group_of(folder, "web")
    run.kill()
    run.wait()
    assert is_there(left)

    again = supervise("web", STEADY)

    read_until(again, "Ending web, which a run that was killed has left behind")
    wait_for_end(left)
    read_until(again, "here")


def test_a_program_that_can_wait_starts_when_told(supervise: Start) -> None:
    waiting, told = supervise("web", POLITE), supervise("now", POLITE)

    read_until(told, "late")
    read_until(waiting, "here")
    waiting.terminate()
    assert "late" not in waiting.communicate(timeout=300)[0]


def test_the_end_of_the_parent_stops_it(folder: Path) -> None:
    run = [sys.executable, "-c", SUPERVISE, str(folder), "child", POLITE]
    parent = subprocess.Popen(
        [sys.executable, "-c", "import subprocess, sys; subprocess.run(sys.argv[1:])", *run],
        cwd=PROJECT_ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    read_until(parent, "here")

    parent.kill()

    # The pipe ends with its last writer, which is the supervisor.
    assert "bye" in parent.communicate(timeout=300)[0]


def test_a_program_that_runs_once_passes_on_its_exit_code(supervise: Start) -> None:
    run = supervise("once", "raise SystemExit(4)")

    read_until(run, "exit code 4")
