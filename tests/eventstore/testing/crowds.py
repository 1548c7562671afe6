"""What the fault kit's tests play with: counters that are raised while workers die, and the seeds they are played with."""

import random
from collections import Counter
from datetime import timedelta

from eventstore.log import read_everything
from eventstore.models import SagaInstance
from eventstore.testing import Breach, assert_folded, collect, deliver_everything, let_time_pass, produce
from tests.eventstore.examples import Raised
from tests.eventstore.sagas.trips import SeatReserved, TripBooked, book

SEEDS = range(8)


def raise_counters(dice: random.Random) -> None:
    """One to four events in one of a few streams."""
    produce(f"counter-{dice.randint(1, 3)}", *(Raised(by=dice.randint(1, 9)) for _ in range(dice.randint(1, 4))))


def storm(broken, *consumers, rounds: int = 8) -> None:
    """Events come while the workers of these consumers are in trouble; afterwards everything is delivered in peace."""
    dice = random.Random(broken.seed)
    broken.consumers = consumers
    with broken:
        for _ in range(rounds):
            broken.survive(lambda: raise_counters(dice))
            broken.survive(lambda: raise_counters(dice))
            broken.deliver(6)
    finish()


def finish() -> None:
    """Deliver in peace, what died too often and was parked for it as well."""
    deliver_everything()
    let_time_pass(timedelta(hours=2), deadlines=False)
    deliver_everything()


def crowd(*projections):
    """A scenario: a collector, and perhaps projections, must have everything once and in order in the end."""

    def scenario(broken):
        with collect(Raised, name="testing.crowd") as collected:
            storm(broken, collected.consumer, *projections)
            collected.then_once_in_order()
            for projection in projections:
                assert_folded(projection)

    return scenario


def travel(broken, saga, trips: int = 6) -> None:
    """A scenario: each trip reserves one seat and is confirmed, whatever happens to those who work on it."""
    broken.consumers = [saga]
    with broken:
        for number in range(trips):
            broken.survive(lambda number=number: book(f"{broken.seed}-{number}"))
            broken.deliver(6)
    finish()
    booked = {envelope.event.trip for envelope in read_everything(500) if isinstance(envelope.event, TripBooked)}
    reserved = Counter(envelope.event.trip for envelope in read_everything(500) if isinstance(envelope.event, SeatReserved))
    ended = set(SagaInstance.objects.filter(outcome="confirmed").values_list("key", flat=True))
    if reserved != Counter(booked) or ended != booked:
        raise Breach(f"{len(booked)} trips, {reserved} seats, {len(ended)} ends")
