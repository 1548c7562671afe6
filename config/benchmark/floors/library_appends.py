"""A peer of append: the eventsourcing library (John Bywater and others) on the same PostgreSQL.

Fair: an application with its PostgreSQL module and its defaults, as its tutorial shows; one aggregate with one event of the
same content a save; as many pooled connections as there are threads. It promises the same: a gapless order of all events.
"""

from functools import cache
from threading import Lock
from typing import Any

from django.conf import settings
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate
from psycopg.conninfo import conninfo_to_dict

from config.benchmark.crews import Act
from config.benchmark.examples import plain_order
from eventstore.clock import new_id

_one_at_a_time = Lock()


class PlacedOrder(Aggregate):
    """An order with the content of ours; its base class keeps what __init__ is given as the first event."""

    def __init__(self, order: dict[str, Any]) -> None:
        self.order = order


@cache
def application(create_table: str = "no") -> "Application[Any]":
    """One for the process, shared by its threads."""
    facts = conninfo_to_dict(settings.DATABASE_URL)
    return Application(
        env={
            "PERSISTENCE_MODULE": "eventsourcing.postgres",
            "POSTGRES_DBNAME": str(facts["dbname"]),
            "POSTGRES_HOST": str(facts["host"]),
            "POSTGRES_PORT": str(facts["port"]),
            "POSTGRES_USER": str(facts["user"]),
            "POSTGRES_PASSWORD": str(facts.get("password", "")),
            "POSTGRES_POOL_SIZE": "4",
            "CREATE_TABLE": create_table,
        }
    )


def make_tables() -> None:
    """Once, before several processes try to."""
    application(create_table="yes").close()


def prepare() -> Act:
    with _one_at_a_time:
        app = application()

    def act() -> None:
        app.save(PlacedOrder(plain_order(new_id())))

    return act
