"""Placing an order over HTTP, eight clients: ours with events, idempotency key and all, next to a plain DRF view that inserts it."""

from functools import partial

from config.benchmark import shops, web_clients
from config.benchmark.crews import Crew
from config.benchmark.measurements import Options, Row, compare


def measure(options: Options) -> list[Row]:
    """Without workers: the request's own work. Then with all processes of `manage.py up` on the same cores, for information."""
    with shops.plain() as plain, shops.ours("web") as (ours, start):
        jobs = {shop.path: partial(web_clients.prepare, shop) for shop in (ours, plain)}
        # One process is enough for clients, and takes less from the servers.
        with Crew(jobs, processes=1, threads=8) as crew:

            def row(name: str, wanted: str = "") -> Row:
                for warm_up in jobs:
                    crew.rate(warm_up, options.seconds)
                return compare(
                    name,
                    partial(crew.rate, ours.path, options.seconds),
                    partial(crew.rate, plain.path, options.seconds),
                    repeat=options.repeat,
                    unit="requests/s",
                    peer="a plain DRF view that inserts it",
                    wanted=wanted,
                )

            rows = [row("place_order", ">= 1.0")]
            start("worker", "beat")
            return [*rows, row("place_order_delivering")]
