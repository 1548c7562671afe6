"""manage.py relay: publish the log to the streams without Celery; or let streams begin anew after a restore."""

import time
from typing import Any

import msgspec
from django.core.management.base import CommandError, CommandParser

from eventstore import health
from eventstore.delivery import relay_partition
from eventstore.delivery.epochs import ghosts, raise_epoch
from eventstore.delivery.relay import check_stream
from eventstore.errors import TransportDown
from eventstore.management import Door
from eventstore.management.doors import until_stopped
from eventstore.messages import pack

PAUSE_SECONDS = 0.1  #: between two looks at the log when nothing waits
CHECK_SECONDS = 1.0  #: between two looks whether the streams lost anything


class Command(Door):
    help = "Publish what waits in the log to the streams, until Ctrl-C. Workers may relay at the same time: nothing goes out twice."
    example = "relay --once"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--once", action="store_true", help="Publish what waits now, then end.")
        parser.add_argument(
            "--new-epoch",
            metavar="PARTITION|all",
            help="After the log was restored to an older point: print what the streams have and the log lost, as JSON lines, "
            "then let the streams begin anew. Nothing is published where the relay stopped until this is done.",
        )
        parser.add_argument("--reason", help="Why; needed with --new-epoch and kept in the log.")

    def handle(self, *args: Any, once: bool, new_epoch: str | None, reason: str | None, **options: Any) -> None:
        if new_epoch is not None:
            self._begin_anew(new_epoch, reason or "", as_json=options["json"])
        elif once:
            self._publish_once(as_json=options["json"])
        else:
            self._publish_on()

    def _publish_once(self, *, as_json: bool) -> None:
        partitions = [lane.partition for lane in health.lanes()]
        repairs = sum(check_stream(partition) for partition in partitions)
        events = sum(relay_partition(partition) for partition in partitions)
        stopped = health.stopped_relays()
        if as_json:
            self.tell({"events": events, "repairs": repairs, "stopped": {lane.partition: lane.stopped for lane in stopped}})
        else:
            self.stdout.write(f"{events} events were published; {repairs} streams had lost some.")
        if stopped:
            self.found("".join(f"Partition {lane.partition} is stopped: {lane.stopped}. " for lane in stopped) + "See manage.py doctor.")

    def _publish_on(self) -> None:
        checked = 0.0
        with until_stopped() as stop:
            while not stop.is_set():
                try:
                    if time.monotonic() - checked > CHECK_SECONDS:
                        checked = time.monotonic()
                        for lane in health.lanes():
                            check_stream(lane.partition)
                    waiting = [lane.partition for lane in health.lanes() if lane.waiting and not lane.stopped]
                    events = sum(relay_partition(partition) for partition in waiting)
                except TransportDown as down:
                    self.stderr.write(str(down))
                    stop.wait(CHECK_SECONDS)
                    continue
                if events:
                    self.stdout.write(f"{events} events were published.")
                else:
                    stop.wait(PAUSE_SECONDS)

    def _begin_anew(self, which: str, reason: str, *, as_json: bool) -> None:
        known = [lane.partition for lane in health.lanes()]
        if which != "all" and which not in map(str, known):
            raise CommandError(f"--new-epoch is a partition from 0 to {len(known) - 1}, or all; not {which}.", returncode=self.USAGE)
        if not reason.strip():
            raise CommandError("--new-epoch needs --reason: it is kept in the log.", returncode=self.USAGE)
        for partition in known if which == "all" else [int(which)]:
            lost = 0
            for ghost in ghosts(partition):
                lost += 1
                self.tell({"ghost": msgspec.json.decode(pack(ghost))})
            epoch = raise_epoch(partition, reason, lost)
            if as_json:
                self.tell({"partition": partition, "epoch": epoch, "ghosts": lost})
            else:
                self.stderr.write(f"Partition {partition} is at epoch {epoch}; its stream held {lost} events that the log lost.")
