"""manage.py consume NAME: run one consumer without Celery."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from eventstore import health
from eventstore.delivery import consumer_named, drain, reached
from eventstore.log import current_position
from eventstore.management import Door
from eventstore.management.doors import until_stopped

PAUSE_SECONDS = 0.1  #: between two looks when nothing waits
STEP_SECONDS = 1.0  #: so long in one partition, then the next


class Command(Door):
    help = (
        "Let a consumer take what waits for it, until Ctrl-C. Workers may do so at the same time: each event takes effect once. "
        "Keys that are due for a retry are left to the workers."
    )
    example = "consume orders.order_list --once"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("name", help="The consumer or projection.")
        parser.add_argument("--partition", type=int, help="Only this partition.")
        parser.add_argument("--once", action="store_true", help="Take what waits now, then end.")

    def handle(self, *args: Any, name: str, partition: int | None, once: bool, **options: Any) -> None:
        consumer = consumer_named(name)
        known = sorted(current_position().heads)
        if partition is not None and partition not in known:
            raise CommandError(f"--partition is a number from 0 to {len(known) - 1}; not {partition}.", returncode=self.USAGE)
        lanes = known if partition is None else [partition]
        events = 0
        with until_stopped() as stop:
            while not stop.is_set():
                heads, at = current_position().heads, reached(name).heads
                behind = [lane for lane in lanes if at.get(lane, 0) < heads[lane]]
                moved = 0
                for lane in behind:
                    if not stop.is_set():
                        moved += drain(consumer, lane, seconds=STEP_SECONDS)
                events += moved
                if once and not moved:
                    break
                if not moved:
                    stop.wait(PAUSE_SECONDS)
        standing = next(one for one in health.consumers() if one.name == name)
        told = {"name": name, "events": events, "lag_events": standing.lag_events, "state": standing.state, "dead": standing.dead}
        if options["json"]:
            self.tell(told)
        else:
            self.stdout.write(f"{name} took {events} events; {standing.lag_events} wait. It is {standing.state}.")
        if standing.dead:
            self.found(f"{standing.dead} keys wait for a person: see manage.py dead_letters list --consumer {name}.")
