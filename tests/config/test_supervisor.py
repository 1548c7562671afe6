"""Several programs as one, told with tiny ones."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

from django.test import SimpleTestCase

from config.local import pids
from config.local.errors import CannotRun
from config.local.places import CHECKOUT
from config.local.supervisor import Program, Supervisor, pause_before_restart

FOREVER = "import time; print('up', flush=True); time.sleep(600)"
POLITE = f"import signal, sys; signal.signal(15, lambda *_: (print('bye', flush=True), sys.exit())); {FOREVER}"
DEAF = f"import signal; signal.signal(15, signal.SIG_IGN); {FOREVER}"
PARENT_OF_DEAF = f"import subprocess, sys; print(subprocess.Popen([sys.executable, '-S', '-c', {DEAF!r}], stdout=-3).pid); {FOREVER}"


def program(name: str, script: str = FOREVER, **options: object) -> Program:
    return Program(name, [sys.executable, "-S", "-c", script], is_ready=lambda it: "up\n" in it.said, **options)  # type: ignore[arg-type]


class Quiet(Supervisor):
    """Keeps what it would have printed."""

    def __init__(self) -> None:
        super().__init__(CHECKOUT, os.environ)
        self.lines: list[str] = []

    def say(self, sentence: str, name: str = "daybook") -> None:
        self.lines.append(f"{name}: {sentence}")


def pid_of(program: Program) -> int:
    assert program.process is not None
    return program.process.pid


class Supervising(SimpleTestCase):
    def test_programs_start_in_order_and_stop_in_reverse(self):
        with Quiet() as shop:
            shop.start(program("first", POLITE))
            shop.start(program("second", POLITE))
        self.assertEqual(shop.lines, ["first: up", "second: up", "second: bye", "first: bye"])

    def test_one_that_ends_before_it_is_ready_is_told_with_its_last_words(self):
        with Quiet() as shop, self.assertRaisesMessage(CannotRun, "web ended with exit code 3 before it was ready"):
            shop.start(program("web", "import sys; print('no such module'); sys.exit(3)"))
        self.assertEqual(shop.lines, ["web: no such module"])

    def test_one_that_never_gets_ready_is_not_waited_for_for_ever(self):
        with Quiet() as shop, self.assertRaisesMessage(CannotRun, "web was not ready within 0 s"):
            shop.start(program("web", "import time; time.sleep(600)", patience=0.2))

    def test_a_task_that_fails_stops_the_opening(self):
        with Quiet() as shop, self.assertRaisesMessage(CannotRun, "database failed with exit code 1"):
            shop.run(program("database", "raise SystemExit(1)"))

    def test_what_dies_is_started_again(self):
        with Quiet() as shop:
            web = program("web")
            shop.start(web)
            first = pid_of(web)
            os.kill(first, signal.SIGKILL)

            def look() -> None:
                if web.code is None and pid_of(web) != first and shop.lines.count("web: up") == 2:
                    shop._stopping.set()

            shop.watch(also=look)
        self.assertIn("daybook: web ended with exit code -9; it is started again in 0.5 s.", shop.lines)

    def test_nothing_that_a_program_started_outlives_it(self):
        with Quiet() as shop:
            shop.start(program("web", PARENT_OF_DEAF))
        child = int(shop.lines[0].removeprefix("web: "))
        self.assertTrue(pids.end(child, Path(sys.executable), signal.SIGCONT, seconds=5))

    @unittest.skipUnless(sys.platform == "linux", "only Linux tells a child that its parent is gone")
    def test_kill_9_for_the_supervisor_ends_its_programs(self):
        with tempfile.TemporaryDirectory() as folder:
            marks = Path(folder, "pid")
            child = f"import os; open({str(marks)!r}, 'w').write(str(os.getpid())); {FOREVER}"
            script = (
                "import os, sys; from pathlib import Path; from config.local.supervisor import Program, Supervisor; "
                f"shop = Supervisor(Path({str(CHECKOUT)!r}), os.environ); "
                f"shop.start(Program('web', [sys.executable, '-S', '-c', {child!r}], is_ready=lambda it: bool(it.said))); shop.watch()"
            )
            supervisor = subprocess.Popen([sys.executable, "-c", script], cwd=CHECKOUT, stdout=subprocess.DEVNULL)
            until = time.monotonic() + 10
            while not marks.exists() or not marks.read_text():
                self.assertLess(time.monotonic(), until)
                time.sleep(0.01)
            supervisor.kill()
            supervisor.wait()
            self.assertTrue(pids.end(int(marks.read_text()), marks, signal.SIGCONT, seconds=5))

    def test_a_signal_ends_the_watch(self):
        with Quiet() as shop:
            shop.start(program("web"))
            threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGTERM)).start()
            shop.watch()
            self.assertEqual(shop.signals, 1)

    def test_the_pause_before_a_restart_grows_up_to_half_a_minute(self):
        self.assertEqual([pause_before_restart(crashes) for crashes in (1, 2, 3, 9, 999)], [0.5, 1, 2, 30, 30])
