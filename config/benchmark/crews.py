"""A crew: threads in processes of their own that do one thing as often as they can while a slice of time lasts."""

import multiprocessing
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Self

Act = Callable[[], object]
Prepare = Callable[[], Act]  #: called once in every thread, which then has its own connection; picklable

#: Acts before a thread's first slice: connections are open and statements prepared when the time begins to count.
WARM_UP = 8


class Crew:
    """`with Crew({"ours": prepare, "raw": prepare_raw}) as crew: crew.rate("ours", seconds)`.

    Two processes with four threads each, as gunicorn runs under `up`: eight at work on whatever cores there are.
    """

    def __init__(self, jobs: Mapping[str, Prepare], *, processes: int = 2, threads: int = 4) -> None:
        self._jobs, self._processes, self._threads = dict(jobs), processes, threads
        self._lines: list[Connection[Any, Any]] = []
        self._closing = ExitStack()

    def __enter__(self) -> Self:
        # Not forked: a child must not inherit connections or locks.
        context = multiprocessing.get_context("spawn")
        for _ in range(self._processes):
            line, far_end = context.Pipe()
            process = context.Process(target=work, args=(far_end, self._threads), daemon=True)
            process.start()
            far_end.close()
            line.send(self._jobs)
            self._lines.append(line)
            self._closing.callback(process.join)
            self._closing.callback(line.close)  # runs first, and ends the process
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._closing.close()

    def rate(self, job: str, seconds: float) -> float:
        """How often a second all of them together did it."""
        for line in self._lines:
            line.send((job, seconds))
        answers = [line.recv() for line in self._lines]
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        return float(sum(answers))


def work(line: "Connection[Any, Any]", threads: int) -> None:
    """One process of a crew: does what it is told until the line is closed."""
    import django

    django.setup()
    jobs: Mapping[str, Prepare] = line.recv()  # only now: the modules they stand in may import models
    together = threading.Barrier(threads)
    own = threading.local()

    def slice_of(job: str, seconds: float) -> float:
        acts = own.__dict__.setdefault("acts", {})
        if job not in acts:
            acts[job] = jobs[job]()
            for _ in range(WARM_UP):
                acts[job]()
        act = acts[job]
        together.wait()
        begun = time.perf_counter()
        until = begun + seconds
        done = 0
        while (now := time.perf_counter()) < until:
            act()
            done += 1
        return done / (now - begun)

    with ThreadPoolExecutor(threads) as pool:
        while True:
            try:
                job, seconds = line.recv()
            except EOFError:
                return
            try:
                line.send(sum(pool.map(slice_of, [job] * threads, [seconds] * threads)))
            except Exception as error:
                together.abort()
                line.send(RuntimeError(f"{job}: {type(error).__name__}: {error}"))
                return
