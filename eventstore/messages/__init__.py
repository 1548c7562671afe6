"""Messages: events, commands, the envelopes they travel in, and how old versions are read. No Django here."""

from eventstore.messages.aggregates import Aggregate, aggregate_of, all_aggregates
from eventstore.messages.codec import decode_event, encode
from eventstore.messages.commands import Command, command, command_name, decode_command, dispatch, handles, registered_commands
from eventstore.messages.envelopes import Envelope, pack, unpack
from eventstore.messages.events import Event, Value, class_of, event, money_fields, name_of, registered_events
from eventstore.messages.reversals import Reversal, irreversible, reversal_of, reverses
from eventstore.messages.upcasting import missing_steps, upcasts

__all__ = [
    "Aggregate",
    "Command",
    "Envelope",
    "Event",
    "Reversal",
    "Value",
    "aggregate_of",
    "all_aggregates",
    "class_of",
    "command",
    "command_name",
    "decode_command",
    "decode_event",
    "dispatch",
    "encode",
    "event",
    "handles",
    "irreversible",
    "missing_steps",
    "money_fields",
    "name_of",
    "pack",
    "registered_commands",
    "registered_events",
    "reversal_of",
    "reverses",
    "unpack",
    "upcasts",
]
