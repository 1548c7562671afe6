"""Delivery: the relay publishes the log, consumers take it once each and in order, what fails is parked and retried."""

from eventstore.delivery.checkpoints import lay_out, reached
from eventstore.delivery.consumers import (
    Consumer,
    all_consumers,
    consumer_named,
    declared_consumer,
    find_by,
    forget_consumer,
    interested_in,
)
from eventstore.delivery.effects import EffectDenied, EffectUnknown, NotDone, effect, resolve
from eventstore.delivery.operations import NotWaiting, pause, resume, retry_now
from eventstore.delivery.parking import claim, retry, retry_due
from eventstore.delivery.relay import relay_partition, sweep
from eventstore.delivery.retries import Retry
from eventstore.delivery.runner import drain, handle_upto, take_step
from eventstore.delivery.transports import transport
from eventstore.delivery.trimming import trim

__all__ = [
    "Consumer",
    "EffectDenied",
    "EffectUnknown",
    "NotDone",
    "NotWaiting",
    "Retry",
    "all_consumers",
    "claim",
    "consumer_named",
    "declared_consumer",
    "drain",
    "effect",
    "find_by",
    "forget_consumer",
    "handle_upto",
    "interested_in",
    "lay_out",
    "pause",
    "reached",
    "relay_partition",
    "resolve",
    "resume",
    "retry",
    "retry_due",
    "retry_now",
    "sweep",
    "take_step",
    "transport",
    "trim",
]
