"""From an acknowledged order to its row in the read table, counted in Celery hops: how long one task takes to begin."""

import time
from collections.abc import Callable
from statistics import median

import psycopg
import redis
from celery import current_app
from django.conf import settings

from config.benchmark import hop_tasks, shops, web_clients
from config.benchmark.measurements import Options, Row, compare
from eventstore.clock import new_id

#: Seconds between two samples: everybody is idle again. And until a sample counts as lost.
PAUSE, PATIENCE = 0.05, 20.0

#: The table says itself when a row is visible: the notice goes out after COMMIT. Asking over and over would cost both sides.
TELL = """
CREATE FUNCTION tell_of_order() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_notify('orders', NEW.order_id::text); RETURN NULL; END $$;
CREATE TRIGGER tell AFTER INSERT ON orders_ordersummary FOR EACH ROW EXECUTE FUNCTION tell_of_order();
LISTEN orders
"""


def measure(options: Options) -> list[Row]:
    worker = ["--include", hop_tasks.__name__]
    with (
        shops.ours("web", "worker", "beat", options=worker) as (shop, _),
        psycopg.connect(settings.DATABASE_URL, autocommit=True) as listening,
        redis.Redis.from_url(settings.REDIS_URL) as client,
    ):
        listening.execute(TELL)
        place = web_clients.prepare(shop)

        def until_visible() -> float:
            order_id = str(place())
            acknowledged = time.time()
            for notice in listening.notifies(timeout=PATIENCE):
                if notice.payload == order_id:
                    return time.time() - acknowledged
            raise RuntimeError(f"Order {order_id} is not in its read table after {PATIENCE:.0f} s.")

        def until_begun() -> float:
            key = f"hop:{new_id()}"
            sent = time.time()
            current_app.send_task(hop_tasks.NAME, args=[key], ignore_result=True)
            answer = client.blpop([key], timeout=PATIENCE)
            if not isinstance(answer, list | tuple):
                raise RuntimeError(f"The task did not begin within {PATIENCE:.0f} s.")
            return float(answer[1]) - sent

        def p50(sample: Callable[[], float]) -> float:
            until = time.monotonic() + options.seconds
            samples = [1000 * sample()]
            while time.monotonic() < until:
                time.sleep(PAUSE)
                samples.append(1000 * sample())
            return median(samples)

        for sample in (until_visible, until_begun):
            p50(sample)
        return [
            compare(
                "read_table",
                lambda: p50(until_visible),
                lambda: p50(until_begun),
                repeat=options.repeat,
                unit="ms, p50",
                peer="one Celery hop",
                wanted="<= 5",
            )
        ]
