"""The Celery app and the beat timetable. Celery carries hints only: any task may be lost, doubled or late."""

import os

from celery import Celery
from celery.signals import task_postrun, task_prerun, worker_ready
from django.db import close_old_connections
from kombu.transport.redis import QoS

from config import task_logs  # noqa: F401 - its receivers put ids into messages and lines

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("daybook")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

# A hint that was taken and not done is not put back when the connection ends: it expires, and the sweep finds its work.
# Celery 5.7 would try that on a connection it has closed already, and the whole worker would end with an AttributeError.
QoS.restore_at_shutdown = False

# Celery would close the pool of database connections before and after every task: 8 ms of a task that works for one.
# A connection that broke meanwhile is given back broken, and the pool replaces it.
app.conf.update({"CELERY_DB_REUSE_MAX": 2**31})


@task_prerun.connect
@task_postrun.connect
def give_connections_back(**_: object) -> None:
    """As Django does before and after a request."""
    close_old_connections()


#: What happens because time passed: seconds between two runs. Each run repairs whatever lost hints left behind.
TIMETABLE = {
    "eventstore.sweep": 1.0,
    "eventstore.due": 1.0,
    "ledger.expire_holds": 1.0,
    "eventstore.trim": 60.0,
    "eventstore.prune": 3600.0,
}

app.conf.beat_schedule = {
    name: {"task": name, "schedule": every, "options": {"expires": max(every, 5.0)}} for name, every in TIMETABLE.items()
}


@worker_ready.connect
def say_ready(**_: object) -> None:
    """`manage.py up` starts beat when it reads this line."""
    print("The worker is ready.", flush=True)
