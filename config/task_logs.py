"""Celery messages carry the ids of whoever sent them; all that a task logs carries those ids and the task's own.

A hint is coalesced: it names whoever was first to need it. What a consumer does for an event is told with that event's
own correlation and id.
"""

from typing import Any

from celery import Task
from celery.signals import before_task_publish, setup_logging, task_postrun, task_prerun
from structlog.contextvars import bind_contextvars, get_contextvars, unbind_contextvars

from eventstore.context import current_facts

#: In a message's headers: the request and correlation in force where it was sent.
HEADERS = {"woken_by_request": "request", "woken_by_correlation": "correlation"}


@setup_logging.connect
def keep_our_logging(**_: Any) -> None:
    """A receiver is all it takes: Celery then leaves logging as settings.LOGGING made it."""


@before_task_publish.connect
def carry_ids(headers: dict[str, Any], **_: Any) -> None:
    ids = {header: current_facts().get(fact) or get_contextvars().get(header) for header, fact in HEADERS.items()}
    headers.update((header, value) for header, value in ids.items() if value)


@task_prerun.connect
def bind_ids(task_id: str, task: Task, **_: Any) -> None:
    ids = {header: getattr(task.request, header, None) for header in HEADERS}
    bind_contextvars(task=task.name, task_id=task_id, **{header: value for header, value in ids.items() if value})


@task_postrun.connect
def unbind_ids(**_: Any) -> None:
    unbind_contextvars("task", "task_id", *HEADERS)
