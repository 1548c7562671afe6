"""Logs: one JSON line for each thing worth knowing, with the ids that lead from a request to all that followed.

The ids are those that events carry (eventstore.context) and, in a worker, those of its task (config/task_logs.py).
Lines go to stderr: stdout belongs to what a command was asked for.
"""

import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Any

import structlog
from structlog.typing import EventDict, WrappedLogger

from eventstore.context import current_facts
from eventstore.scrubbing import scrub
from eventstore.tracing import trace_of

#: The facts that a line shares with the events of the same call.
IDS = ("request", "correlation", "causation", "actor")
LONGEST_TRACEBACK = 8000

#: Loggers that repeat what our own lines say, or say it once a task.
QUIET = {
    "celery.app.trace": "WARNING",
    "celery.worker.strategy": "WARNING",
    "celery.beat": "WARNING",
    "django.request": "ERROR",
    "django.server": "ERROR",
}


def logging_settings(style: str, level: str) -> dict[str, Any]:
    """settings.LOGGING. `style` is "json", "console" or "auto": the readable one when stderr is a terminal."""
    levels = {"django": level} | QUIET
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"lines": {"()": "config.logs.formatter", "style": style}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "lines"}},
        "root": {"handlers": ["stderr"], "level": level},
        # No handlers: those that Django gives its loggers would say everything twice.
        "loggers": {name: {"handlers": [], "level": least, "propagate": True} for name, least in levels.items()},
    }


def formatter(style: str) -> structlog.stdlib.ProcessorFormatter:
    """Formats the records of every logger, ours and foreign ones."""
    last: list[Any] = [structlog.processors.JSONRenderer()]
    if style == "console" or (style == "auto" and sys.stderr.isatty()):
        # Values are shown as Python writes them: a path with control characters must not steer a terminal.
        console = structlog.dev.ConsoleRenderer(
            timestamp_key="at",
            colors=sys.stderr.isatty(),
            pad_event_to=0,
            repr_native_str=True,
            sort_keys=False,
            exception_formatter=structlog.dev.plain_traceback,
        )
        last = [shorten, console]
    bound = structlog.contextvars.merge_contextvars
    return structlog.stdlib.ProcessorFormatter(processors=[begin_line, add_extras, bound, add_ids, add_traceback, *last])


def begin_line(logger: WrappedLogger, method: str, line: EventDict) -> EventDict:
    """When, how bad, what, who says it."""
    record: logging.LogRecord = line["_record"]
    at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    begun = {"at": at, "level": record.levelname.lower(), "event": line["event"], "logger": record.name, "_record": record}
    return begun | ({"exc_info": line["exc_info"]} if "exc_info" in line else {})


def add_extras(logger: WrappedLogger, method: str, line: EventDict) -> EventDict:
    """What was given as extra={…}; plain values only: frameworks hang requests, sockets and task arguments on their records."""
    record: logging.LogRecord = line.pop("_record")
    for name, value in record.__dict__.items():
        if name not in STANDARD and isinstance(value, str | int | float):
            line[name] = value
    return line


def add_ids(logger: WrappedLogger, method: str, line: EventDict) -> EventDict:
    """On whose behalf this happens."""
    facts = current_facts()
    for name in IDS:
        if name in facts:
            line.setdefault(name, facts[name])
    if trace := trace_of(facts):
        line["trace_id"], line["span_id"] = trace.trace_id, trace.span_id
    return line


def add_traceback(logger: WrappedLogger, method: str, line: EventDict) -> EventDict:
    """An exception as text, without the values that it quotes."""
    _, error, _ = line.pop("exc_info", None) or (None, None, None)
    if error is not None:
        line["exception"] = scrub("".join(traceback.format_exception(error)))[-LONGEST_TRACEBACK:]
    return line


def shorten(logger: WrappedLogger, method: str, line: EventDict) -> EventDict:
    """As much as fits a terminal: the rest is in the JSON."""
    line["at"] = line["at"][11:23]
    return {name: value for name, value in line.items() if name not in ("logger", "task", "task_id", "woken_by_correlation")}


#: What every record has; all else was given as extra.
STANDARD = {*logging.makeLogRecord({}).__dict__, "message", "asctime", "taskName"}
