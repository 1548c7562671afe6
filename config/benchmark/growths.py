"""Growth: what an append, the read of one stream and a consumer's step cost beside a large log, next to a small one."""

import random
from functools import partial

import psycopg
from django.conf import settings

from config.benchmark import appends, histories
from config.benchmark.crews import Act, Crew, Prepare
from config.benchmark.examples import order_placed
from config.benchmark.measurements import Options, Row, compare
from eventstore.delivery import consumer_named, drain, relay_partition
from eventstore.log import NEW, append, read_stream, unit_of_work
from orders.domain import orders

SMALL = 10_000

#: Every consumer has seen everything, as on a day like any other.
CAUGHT_UP = """
UPDATE eventstore_relaycheckpoint c SET position = p.head FROM eventstore_partition p WHERE p.id = c.partition;
UPDATE eventstore_checkpoint c SET position = p.head FROM eventstore_partition p WHERE p.id = c.partition
"""


def measure(options: Options) -> list[Row]:
    small, large = (prepare_log(name, size) for name, size in (("small", SMALL), ("large", max(options.log_size, SMALL))))
    with small as beside_small, large as beside_large:
        rows = []
        for job in ("append", "read", "step"):
            # One writer waits for the disk alone, and the disk has moods: twice the turns, each half as long.
            def cost(crew: Crew, job: str = job) -> float:
                return 1e6 / crew.rate(job, options.seconds / 2)

            for crew in (beside_small, beside_large):
                cost(crew)
            rows.append(
                compare(
                    f"growth_{job}",
                    partial(cost, beside_large),
                    partial(cost, beside_small),
                    repeat=2 * options.repeat,
                    unit="µs",
                    peer=f"the same beside {SMALL:,} events",
                    wanted="<= 1.2",
                )
            )
        return rows


def prepare_log(name: str, events: int) -> Crew:
    """A database with so many events, a Valkey database of its own, and one worker for them."""
    with psycopg.connect(settings.DATABASE_URL, autocommit=True) as connection:
        ours = connection.info.dbname
    with psycopg.connect(settings.DATABASE_URL.replace(f"/{ours}?", "/postgres?"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {ours}_{name} TEMPLATE daybook")
    url = settings.DATABASE_URL.replace(f"/{ours}?", f"/{ours}_{name}?")
    with psycopg.connect(url) as connection:
        whole = histories.fill(connection, events)
        connection.execute(CAUGHT_UP)
    jobs: dict[str, Prepare] = {"append": appends.prepare, "read": partial(prepare_read, whole), "step": prepare_step}
    redis_url = settings.REDIS_URL.replace("db=0", f"db={1 + (name == 'large')}")
    return Crew(jobs, processes=1, threads=1, environment={"DATABASE_URL": url, "REDIS_URL": redis_url})


def prepare_read(events: int) -> Act:
    """Reads the whole stream of any order."""

    def act() -> None:
        found = read_stream(orders.stream(histories.order_id(random.randrange(events // 2))))
        if len(found) != 2:
            raise RuntimeError(f"A stream has {len(found)} events instead of 2.")

    return act


def prepare_step() -> Act:
    """Takes one event all the way: appended, published, in the order list."""
    order_list = consumer_named("orders.order_list")

    def act() -> None:
        event = order_placed()
        with unit_of_work() as work:
            append(orders.stream(event.order_id), [event], expected=NEW)
        for partition in work.position.heads if work.position else ():
            relay_partition(partition)
            if not drain(order_list, partition):
                raise RuntimeError("The order list took nothing.")

    return act
