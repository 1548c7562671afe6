"""Several programs as one: started in order, each when the one before it is ready; restarted when they die; stopped in reverse."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Self

from config.local.errors import CannotRun

LEASH = Path(__file__).with_name("leash.py")
COLOURS = ("36", "32", "35", "33", "34")

#: Seconds: between two looks at the children, for a program to stop by itself, and of work after which a crash is forgiven.
LOOK, GRACE, STEADY = 0.3, 15.0, 60.0


class Stopped(Exception):
    """Somebody pressed Ctrl-C or sent SIGTERM."""


@dataclass
class Program:
    """One child and what became of it."""

    name: str
    command: list[str]
    is_ready: Callable[["Program"], bool] = lambda program: True
    patience: float = 60.0  #: seconds until it has to be ready
    descriptors: tuple[int, ...] = ()
    process: subprocess.Popen[str] | None = None
    crashes: int = 0
    started: float = 0.0
    due: float = 0.0  #: when it may be started again
    said: deque[str] = field(default_factory=lambda: deque(maxlen=200))
    echo: threading.Thread | None = None

    @property
    def code(self) -> int | None:
        """The exit code; None while it runs."""
        return self.process.poll() if self.process else None


class Supervisor:
    """Starts programs, watches them, and leaves none behind."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.environment = dict(environment)
        self.programs: list[Program] = []
        self.signals = 0
        self._stopping = threading.Event()
        self._width = 8
        self._colourful = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        self._printing = threading.Lock()

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._on_signal) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def run(self, program: Program) -> None:
        """Run a program to its end."""
        self._launch(program)
        while program.code is None:
            self._pause(0.02)
        self._hear_out(program)
        if program.code != 0:
            raise CannotRun(f"{program.name} failed with exit code {program.code}; its last words are above.")
        self.programs.remove(program)

    def start(self, program: Program) -> None:
        """Start a program; return when it is ready."""
        self._launch(program)
        until = time.monotonic() + program.patience
        while not program.is_ready(program):
            if program.code is not None:
                self._hear_out(program)
                raise CannotRun(f"{program.name} ended with exit code {program.code} before it was ready; its last words are above.")
            if time.monotonic() > until:
                raise CannotRun(f"{program.name} was not ready within {program.patience:.0f} s; its last words are above.")
            self._pause(0.05)

    def watch(self, also: Callable[[], None] = lambda: None) -> None:
        """Restart what dies, until somebody asks to stop. `also` is called at every look."""
        with suppress(Stopped):
            while True:
                for program in self.programs:
                    self._revive(program)
                self._bury_adopted()
                also()
                self._pause(LOOK)

    def stop(self) -> None:
        """Stop all, the last one started first: a polite signal, then, after a while or at a second Ctrl-C, kill -9."""
        for program in reversed(self.programs):
            process = program.process
            if process is None:
                continue
            process.terminate()
            until = time.monotonic() + GRACE
            while process.poll() is None and time.monotonic() < until and self.signals < 2:
                time.sleep(0.02)
            self._end_group(process)
            process.wait()
            self._hear_out(program)
        self.programs.clear()
        self._bury_adopted()

    def say(self, sentence: str, name: str = "daybook") -> None:
        """One line on the terminal, with the name of who says it."""
        head = f"{name:<{self._width}} |"
        if self._colourful:
            names = [program.name for program in self.programs]
            colour = COLOURS[1 + names.index(name)] if name in names else COLOURS[0]
            head = f"\x1b[{colour}m{head}\x1b[0m"
        with self._printing:
            print(head, sentence, flush=True)

    def show(self, lines: list[str]) -> None:
        """Several lines in one piece and bare, to be copied from."""
        with self._printing:
            print(*lines, sep="\n", flush=True)

    def _launch(self, program: Program) -> None:
        # From the main thread only: the kernel's leash is tied to the thread that made the child.
        program.process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(LEASH), str(os.getpid()), *program.command],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            pass_fds=program.descriptors,
            # A group of its own: Ctrl-C reaches us alone, and we stop the others in order.
            start_new_session=True,
        )
        program.started = time.monotonic()
        program.due = 0.0
        if program not in self.programs:
            self.programs.append(program)
        program.echo = threading.Thread(target=self._echo, args=(program, program.process), daemon=True)
        program.echo.start()

    def _echo(self, program: Program, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        with process.stdout as lines:
            for line in lines:
                program.said.append(line)
                self.say(line.rstrip(), program.name)

    def _hear_out(self, program: Program) -> None:
        """Let its last words be printed."""
        if program.echo:
            program.echo.join(timeout=1)

    def _revive(self, program: Program) -> None:
        if program.code is None:
            return
        now = time.monotonic()
        if not program.due:
            program.crashes = 1 if now - program.started > STEADY else program.crashes + 1
            wait = pause_before_restart(program.crashes)
            self.say(f"{program.name} ended with exit code {program.code}; it is started again in {wait:g} s.")
            program.due = now + wait
        elif now >= program.due:
            assert program.process is not None
            self._end_group(program.process)
            self._launch(program)

    def _end_group(self, process: "subprocess.Popen[str]") -> None:
        """Nothing that a program started may outlive it, or work beside its successor."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)

    def _bury_adopted(self) -> None:
        """Wait for orphans that became ours; leave our own children to their Popen."""
        own = {program.process.pid for program in self.programs if program.process}
        with suppress(ChildProcessError, AttributeError):  # no children; no waitid (macOS)
            while (dead := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) and dead.si_pid not in own:
                os.waitpid(dead.si_pid, 0)

    def _pause(self, seconds: float) -> None:
        if self._stopping.wait(seconds):
            raise Stopped

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.signals += 1
        self._stopping.set()


def pause_before_restart(crashes: int) -> float:
    """Seconds to wait before a program is started again: half a second, doubled each time, never more than half a minute."""
    return min(30.0, 0.5 * 2.0 ** min(crashes - 1, 10))
