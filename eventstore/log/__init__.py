"""The log: units of work append events, readers read them by stream or by partition."""

from eventstore.log.announcements import events_committed
from eventstore.log.kinds import Kind, kinds, sample
from eventstore.log.positions import Position
from eventstore.log.reader import (
    current_position,
    read_correlation,
    read_event,
    read_everything,
    read_feed,
    read_newest,
    read_partition,
    read_stream,
    read_version,
    read_where,
)
from eventstore.log.streams import partition_of
from eventstore.log.units_of_work import ANY, NEW, append, hold, savepoint, unit_of_work

__all__ = [
    "ANY",
    "NEW",
    "Kind",
    "Position",
    "append",
    "current_position",
    "events_committed",
    "hold",
    "kinds",
    "partition_of",
    "read_correlation",
    "read_event",
    "read_everything",
    "read_feed",
    "read_newest",
    "read_partition",
    "read_stream",
    "read_version",
    "read_where",
    "sample",
    "savepoint",
    "unit_of_work",
]
