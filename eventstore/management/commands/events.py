"""manage.py events: what happened, newest last."""

import threading
from collections.abc import Iterator
from typing import Any

from django.core.management.base import CommandParser

from eventstore.errors import UnknownName
from eventstore.log import current_position, read_feed, read_newest, read_stream
from eventstore.management import Door
from eventstore.management.doors import until_stopped
from eventstore.messages import Envelope, pack, registered_events

PAUSE_SECONDS = 0.5  #: between two looks of --follow when nothing came
PAGE = 500


class Command(Door):
    help = "Show the newest events of the log, or of a stream or a name; --follow goes on as they come."
    example = "events --name orders.order_placed --follow"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--stream", default="", help="Only this stream, such as order-0192….")
        parser.add_argument("--name", default="", help="Only events of this name.")
        parser.add_argument("--limit", type=int, default=20, help="So many of what there is (20).")
        parser.add_argument("--follow", action="store_true", help="Then wait for more, until Ctrl-C.")

    def handle(self, *args: Any, stream: str, name: str, limit: int, follow: bool, **options: Any) -> None:
        if name and name not in registered_events() and not read_newest(1, name):
            raise UnknownName(kind="event", name=name, known=registered_events())
        here = current_position()
        for envelope in newest(stream, name, max(limit, 0)):
            self._print(envelope, as_json=options["json"])
        if follow:
            with until_stopped() as stop:
                for envelope in following(here, stream, name, stop):
                    self._print(envelope, as_json=options["json"])

    def _print(self, envelope: Envelope, *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(pack(envelope).decode())
        else:
            where, what = f"{envelope.partition}-{envelope.position}", f"{envelope.stream} v{envelope.version}"
            who = envelope.actor or "-"
            self.stdout.write(f"{envelope.recorded_at:%Y-%m-%d %H:%M:%S.%f}  {where:<9} {envelope.name:<28} {what}  {who}")
        self.stdout.flush()


def newest(stream: str, name: str, limit: int) -> list[Envelope]:
    """The last of what there is, oldest first."""
    if not stream:
        return read_newest(limit, name) if limit else []
    found = [envelope for envelope in read_stream(stream) if name in ("", envelope.name)]
    return found[-limit:] if limit else []


def following(after: Any, stream: str, name: str, stop: threading.Event) -> Iterator[Envelope]:
    """What comes after a position, until somebody stops it."""
    while not stop.is_set():
        page, reached = read_feed(after, PAGE, [name] if name else [])
        yield from (envelope for envelope in page if stream in ("", envelope.stream))
        if reached == after:
            stop.wait(PAUSE_SECONDS)
        after = reached
