"""Messages: events, commands, the envelopes they travel in, how old versions are read, what goes outside. No Django here."""

from eventstore.messages.aggregates import Aggregate, aggregate_of, all_aggregates
from eventstore.messages.codec import decode_event, encode
from eventstore.messages.commands import Command, command, command_name, decode_command, dispatch, handles, registered_commands
from eventstore.messages.downcasting import downcasts, missing_downcasts
from eventstore.messages.envelopes import Envelope, pack, unpack
from eventstore.messages.events import (
    Compatibility,
    Event,
    Moment,
    Value,
    class_of,
    compatibility_of,
    event,
    money_fields,
    name_of,
    registered_events,
)
from eventstore.messages.publications import Form, Publication, all_publications, publication_of, publish, published
from eventstore.messages.reversals import Reversal, harmless, irreversible, reversal_of, reverses
from eventstore.messages.upcasting import missing_steps, upcast, upcasts

__all__ = [
    "Aggregate",
    "Command",
    "Compatibility",
    "Envelope",
    "Event",
    "Form",
    "Moment",
    "Publication",
    "Reversal",
    "Value",
    "aggregate_of",
    "all_aggregates",
    "all_publications",
    "class_of",
    "command",
    "command_name",
    "compatibility_of",
    "decode_command",
    "decode_event",
    "dispatch",
    "downcasts",
    "encode",
    "event",
    "handles",
    "harmless",
    "irreversible",
    "missing_downcasts",
    "missing_steps",
    "money_fields",
    "name_of",
    "pack",
    "publication_of",
    "publish",
    "published",
    "registered_commands",
    "registered_events",
    "reversal_of",
    "reverses",
    "unpack",
    "upcast",
    "upcasts",
]
