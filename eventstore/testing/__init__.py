"""For tests of apps built on the event store. docs/testing.md tells it by intent; every example there is a test."""

from eventstore.testing.collectors import Collector, collect
from eventstore.testing.contracts import ContractBroken, assert_offered, assert_reads
from eventstore.testing.deliveries import deliver_everything
from eventstore.testing.faults import Crash, Faults, Hiccup
from eventstore.testing.hunts import Found, hunt
from eventstore.testing.invariants import Breach, assert_folded, assert_once_in_order
from eventstore.testing.passing_time import let_time_pass
from eventstore.testing.producers import produce
from eventstore.testing.projection_stories import ProjectionStory
from eventstore.testing.purity import assert_pure
from eventstore.testing.receivers import Receiver
from eventstore.testing.recordings import recorded
from eventstore.testing.saga_stories import SagaStory
from eventstore.testing.stories import Story
from eventstore.testing.transports import TransportContract
from eventstore.testing.waiting import TookTooLong, eventually
from eventstore.testing.whereabouts import where_it_hangs

__all__ = [
    "Breach",
    "Collector",
    "ContractBroken",
    "Crash",
    "Faults",
    "Found",
    "Hiccup",
    "ProjectionStory",
    "Receiver",
    "SagaStory",
    "Story",
    "TookTooLong",
    "TransportContract",
    "assert_folded",
    "assert_offered",
    "assert_once_in_order",
    "assert_pure",
    "assert_reads",
    "collect",
    "deliver_everything",
    "eventually",
    "hunt",
    "let_time_pass",
    "produce",
    "recorded",
    "where_it_hangs",
]
