"""Wait for a run at a terminal: watch the worker that drives it, or drive it in this process when there is none."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import UUID

from celery import current_app
from django.core.management.base import CommandError
from kombu.exceptions import OperationalError
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from eventstore import health
from eventstore.conf import conf
from eventstore.management.doors import Door, until_stopped
from eventstore.models import Run
from eventstore.runs import drive, progress_of

LINE_SECONDS = 5.0  #: between two lines of progress where there is no terminal
SLICE_SECONDS = 1.0  #: so long in the run, then a look whether somebody stops us
LOOK_SECONDS = 0.5  #: between two looks at a run that a worker drives
GLANCE_SECONDS = 2.0  #: a worker that is busy with runs answers nobody, but then something moves
PATIENCE_SECONDS = 15.0  #: a worker that moves nothing for so long is helped

Tell = Callable[[int, int], None]


def wait_for(run_id: UUID, door: Door, *, quiet: bool = False) -> Run:
    """Wait until a run runs no more, and return it. Raises CommandError when somebody stops the waiting; the run goes on."""
    run = Run.objects.get(pk=run_id)
    driven, helping = somebody_drives(), False
    moved, handled = time.monotonic(), progress_of(run).handled
    glance = GLANCE_SECONDS if conf().WAKE else 0.0
    with until_stopped() as stop, telling(door, run.consumer, quiet=quiet) as tell:
        while run.state == Run.State.RUNNING:
            if stop.is_set():
                raise CommandError(stopped(run, driven), returncode=Door.FAILED)
            helping = helping or time.monotonic() - moved >= (PATIENCE_SECONDS if driven else glance)
            if not helping:
                stop.wait(LOOK_SECONDS)
            elif not drive(run_id, SLICE_SECONDS):
                stop.wait(0.05)  # somebody else is at every lane that is left
            run.refresh_from_db()
            progress = progress_of(run)
            if progress.handled != handled:
                moved, handled = time.monotonic(), progress.handled
                driven = driven or not helping
            tell(progress.handled, progress.total)
    return run


def stopped(run: Run, driven: bool) -> str:
    where = "goes on: a worker drives it" if driven else "rests until a worker takes the queue runs, or somebody waits for it again"
    return f"Nobody waits any more; the run {where}. manage.py replay show|wait|pause|cancel {run.pk}"


def somebody_drives() -> bool:
    """Whether a worker takes the queue of runs. Where nobody answers, nobody drives."""
    if not conf().WAKE or health.transport_trouble():
        return False
    try:
        answers = current_app.control.inspect(timeout=1.0).active_queues() or {}
    except (OperationalError, OSError):
        return False
    return any(queue["name"] == "runs" for queues in answers.values() for queue in queues)


@contextmanager
def telling(door: Door, what: str, *, quiet: bool = False) -> Iterator[Tell]:
    """Show progress on stderr: a bar on a terminal, otherwise a line now and then."""
    if not quiet and sys.stderr.isatty():
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("events"), TimeRemainingColumn())
        with Progress(*columns, transient=True) as bar:
            task = bar.add_task(what)
            yield lambda done, total: bar.update(task, completed=done, total=total)
        return
    told = time.monotonic()

    def line(done: int, total: int) -> None:
        nonlocal told
        if time.monotonic() - told > LINE_SECONDS:
            told = time.monotonic()
            door.stderr.write(f"{what}: {done} of {total} events ({100 * done // max(total, 1)} %)", door.style.NOTICE)

    yield line
