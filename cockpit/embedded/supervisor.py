"""Keeps the processes of a run going: prefixed logs, restart after a death, one clean stop."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from cockpit.embedded.host import EmbeddedError, is_alive, lifeline, read_state, write_state

GRACE_SECONDS = 20
_LONGEST_PAUSE_SECONDS = 30
# A process that lived this long is not in a loop of crashes.
_STEADY_SECONDS = 60


@dataclass(frozen=True)
class Program:
    """A process that the supervisor runs; the colour is an ANSI number.

    One that can wait starts when somebody says so, to leave the processors to those that people
    are waiting for.
    """

    name: str
    command: Sequence[str]
    color: int = 37
    can_wait: bool = False


class Log:
    """Writes lines of several processes, each with its name in front."""

    def __init__(self, stream: TextIO | None = None, *, width: int = 8) -> None:
        self.stream = stream or sys.stdout
        self.width = width
        self.has_colors = self.stream.isatty() and not os.environ.get("NO_COLOR")
        self._turn = threading.Lock()

    def line(self, name: str, text: str, color: int = 37) -> None:
        """Write one line of a process."""
        prefix = f"{name:<{self.width}} |"
        if self.has_colors:
            prefix = f"\x1b[{color}m{prefix}\x1b[0m"
        self._write(f"{prefix} {text}\n")

    def say(self, text: str) -> None:
        """Write what the supervisor itself has to tell."""
        self.line("cockpit", f"\x1b[1m{text}\x1b[0m" if self.has_colors else text)

    def show(self, text: str) -> None:
        """Write a text as it is."""
        self._write(f"{text}\n")

    def _write(self, text: str) -> None:
        # The terminal may be gone; that must not keep us from stopping the processes.
        with self._turn, contextlib.suppress(OSError, ValueError):
            self.stream.write(text)
            self.stream.flush()


class Supervisor:
    """Runs programs until it is told to stop. Use it from the main thread, which gets signals."""

    def __init__(
        self, programs: Sequence[Program], *, folder: Path, environment: Mapping[str, str], log: Log
    ) -> None:
        self.programs = programs
        self.folder = folder
        self.environment = environment
        self.log = log
        self.stop_requests = 0
        self.start_all = threading.Event()
        self._stopping = threading.Event()

    def request_stop(self, *_: object) -> None:
        """Stop soon; asked twice, at once. A signal handler, too."""
        self.stop_requests += 1
        self._stopping.set()

    def listen_to_signals(self) -> None:
        """Let Ctrl-C, `kill` and the end of the terminal stop everything."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self.request_stop)

    def stop_with_parent(self) -> None:
        """Stop when the process that started us ends, even by `kill -9`."""
        parent = os.getppid()

        def wait() -> None:
            while os.getppid() == parent:
                time.sleep(0.5)
            self.request_stop()

        threading.Thread(target=wait, daemon=True).start()

    def is_stopping(self) -> bool:
        """Tell whether somebody asked to stop."""
        return self._stopping.is_set()

    def run_once(self, program: Program) -> int:
        """Run a program to its end and return its exit code; a request to stop ends it."""
        child = _Child(program, self)
        child.start()
        while child.is_running() and not self.is_stopping():
            self._stopping.wait(0.05)
        if child.is_running():
            self._end([child])
        return child.finish()

    def run(self, watch: Callable[[], None] = lambda: None) -> None:
        """Keep all programs running until asked to stop; `watch` is called each second."""
        children = [_Child(program, self) for program in self.programs]
        next_watch = 0.0
        while not self.is_stopping():
            for child in children:
                if self.start_all.is_set() or not child.program.can_wait:
                    child.keep_running()
            if time.monotonic() > next_watch:
                next_watch = time.monotonic() + 1
                try:
                    watch()
                except EmbeddedError as error:
                    self.log.say(str(error))
                    next_watch = time.monotonic() + 10
            self._stopping.wait(0.1)
        self._end(children)

    def _end(self, children: Sequence["_Child"]) -> None:
        running = [child for child in children if child.is_running()]
        self.log.say("Stopping. Press Ctrl-C again to stop at once.")
        for child in running:
            child.signal(signal.SIGTERM)
        deadline = time.monotonic() + GRACE_SECONDS
        while any(child.is_running() for child in running):
            if time.monotonic() > deadline or self.stop_requests > 1:
                names = ", ".join(child.program.name for child in running if child.is_running())
                self.log.say(f"Killing what did not stop in time: {names}.")
                break
            time.sleep(0.05)
        for child in running:
            child.finish()


class _Child:
    """One program's process, and what happens when it ends."""

    def __init__(self, program: Program, supervisor: Supervisor) -> None:
        self.program = program
        self.supervisor = supervisor
        self.process: subprocess.Popen[str] | None = None
        self.reader: threading.Thread | None = None
        self.began = 0.0
        self.failures = 0
        self.next_start = 0.0

    def keep_running(self) -> None:
        if self.process is None:
            if time.monotonic() >= self.next_start:
                self.start()
        elif not self.is_running():
            self._plan_restart()

    def start(self) -> None:
        self.began = time.monotonic()
        try:
            with lifeline(lifeline_of(self.supervisor.folder, self.program.name)) as descriptor:
                self.process = subprocess.Popen(
                    self.program.command,
                    env=self.supervisor.environment,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    errors="replace",
                    pass_fds=(descriptor,),
                    # Its own group: Ctrl-C reaches only us, and we can end its helpers with it.
                    start_new_session=True,
                )
        except (OSError, EmbeddedError) as error:
            self.supervisor.log.say(f"{self.program.name} does not start: {error}")
            self._pause()
            return
        _remember(self.supervisor.folder, self.program.name, self.process.pid)
        self.reader = threading.Thread(target=self._copy_output, args=(self.process,), daemon=True)
        self.reader.start()

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def signal(self, number: signal.Signals) -> None:
        if self.process is not None:
            self.process.send_signal(number)

    def finish(self) -> int:
        """End what is left of the process and its helpers; return its exit code."""
        if self.process is None:
            return 1
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        code = self.process.wait()
        if self.reader is not None:
            # Helpers that left the group could hold the pipe open.
            self.reader.join(timeout=2)
        self.process = None
        return code

    def _plan_restart(self) -> None:
        how = _how_it_ended(self.finish())
        self.failures = 0 if time.monotonic() - self.began > _STEADY_SECONDS else self.failures
        pause_seconds = self._pause()
        often = f" ({self.failures} times in a row)" if self.failures > 1 else ""
        self.supervisor.log.say(
            f"{self.program.name} {how}{often}; starting it again in {pause_seconds} s."
        )

    def _pause(self) -> int:
        """Set the next start: soon after one failure, later and later after several."""
        self.failures += 1
        pause_seconds = min(2 ** (self.failures - 1), _LONGEST_PAUSE_SECONDS)
        self.next_start = time.monotonic() + pause_seconds
        return int(pause_seconds)

    def _copy_output(self, process: subprocess.Popen[str]) -> None:
        with contextlib.suppress(ValueError, OSError):
            for line in process.stdout or ():
                if line.strip():
                    self.supervisor.log.line(self.program.name, line.rstrip(), self.program.color)


def _how_it_ended(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    with contextlib.suppress(ValueError):
        return f"was killed by {signal.Signals(-code).name}"
    return f"was killed by signal {-code}"


# -- what a killed supervisor leaves behind -------------------------------------------------------


def lifeline_of(folder: Path, name: str) -> Path:
    """Return the lock that a program's processes hold while they live."""
    return folder / "programs" / f"{name}.alive"


def _remember(folder: Path, name: str, group: int) -> None:
    path = folder / "programs" / "groups.json"
    write_state(path, {**read_state(path), name: group})


def end_leftovers(folder: Path, log: Log) -> None:
    """End the programs of a supervisor that was killed. Only for who holds its lock."""
    for name, group in read_state(folder / "programs" / "groups.json").items():
        lock = lifeline_of(folder, name)
        # The lock tells that the number still means our process and not a later one.
        if not is_alive(lock):
            continue
        log.say(f"Ending {name}, which a run that was killed has left behind.")
        for number, patience_seconds in ((signal.SIGTERM, 5), (signal.SIGKILL, 5)):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(group, number)
            deadline = time.monotonic() + patience_seconds
            while is_alive(lock) and time.monotonic() < deadline:
                time.sleep(0.05)


def forget_leftovers(folder: Path) -> None:
    """Remove the notes about programs; they have all ended."""
    shutil.rmtree(folder / "programs", ignore_errors=True)
