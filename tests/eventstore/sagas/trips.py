"""A tiny process for tests of sagas: a trip is booked, its seat is reserved, then it is confirmed; or its seat is given back."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from eventstore.delivery import forget_consumer, lay_out
from eventstore.errors import Refused
from eventstore.log import ANY, append, unit_of_work
from eventstore.messages import Command, Envelope, Event, Value, command, event, handles
from eventstore.sagas import CommandRefused, CompensationRequested, DeadlinePassed, Saga, Step


@event("test.trip_booked")
class TripBooked(Event):
    """Somebody wants to travel."""

    trip: str


@event("test.seat_reserved")
class SeatReserved(Event):
    """A seat is kept."""

    trip: str


@event("test.seat_released")
class SeatReleased(Event):
    """A seat is free again."""

    trip: str


@event("test.trip_cancelled")
class TripCancelled(Event):
    """Nobody travels."""

    trip: str


@command("test.reserve_seat")
class ReserveSeat(Command):
    """Keep a seat."""

    trip: str


@command("test.release_seat")
class ReleaseSeat(Command):
    """Give a seat back."""

    trip: str


class Seats:
    """Who carries the commands out, and how it goes today."""

    rule: Callable[[Command], None] = staticmethod(lambda wanted: None)


@handles(ReserveSeat, ReleaseSeat)
@unit_of_work()
def handle(wanted: ReserveSeat | ReleaseSeat) -> None:
    Seats.rule(wanted)
    happened = SeatReserved(trip=wanted.trip) if isinstance(wanted, ReserveSeat) else SeatReleased(trip=wanted.trip)
    append(f"seat-{wanted.trip}", [happened], expected=ANY)


class Trip(Value):
    reserved: bool = False
    why: str = ""


def sold_out(wanted: Command) -> None:
    raise Refused("Every seat is taken.", code="sold_out")


def book(trip: str, **options: Any) -> None:
    with unit_of_work():
        append(f"trip-{trip}", [TripBooked(trip=trip)], expected=ANY, **options)


def tell(stream: str, *events: Event) -> None:
    with unit_of_work():
        append(stream, list(events), expected=ANY)


def declare(test: Any, name: str = "test.trip") -> Saga:
    """The saga, until the test ends."""
    trip = Saga(name, state=Trip, key=lambda event, envelope: event.trip)
    test.addCleanup(forget_consumer, name)
    test.addCleanup(setattr, Seats, "rule", staticmethod(lambda wanted: None))

    @trip.starts_on(TripBooked)
    def ask_for_a_seat(state: Trip, event: TripBooked, envelope: Envelope) -> Step:
        return Step(state=state, commands=(ReserveSeat(trip=event.trip),), deadlines={"seat": timedelta(minutes=5)})

    @trip.on(SeatReserved)
    def confirm(state: Trip, event: SeatReserved, envelope: Envelope) -> Step:
        if state.why:  # on the way back: its release is sent already
            return Step(state=state, finished="undone")
        return Step(state=Trip(reserved=True), finished="confirmed")

    @trip.on(TripCancelled)
    def cancel(state: Trip, event: TripCancelled, envelope: Envelope) -> Step:
        return Step(state=state, finished="cancelled")

    @trip.on_refused(ReserveSeat)
    def give_up(state: Trip, event: CommandRefused, envelope: Envelope) -> Step:
        return Step(state=Trip(why=event.code), finished="refused")

    @trip.on_deadline("seat")
    def stop_waiting(state: Trip, event: DeadlinePassed, envelope: Envelope) -> Step:
        return Step(state=Trip(why="waited"), commands=(ReleaseSeat(trip=event.key),), finished="waited too long")

    @trip.on_compensate
    def undo(state: Trip, event: CompensationRequested, envelope: Envelope) -> Step:
        return Step(state=Trip(why=event.reason), commands=(ReleaseSeat(trip=event.key),), compensating=True)

    @trip.late(SeatReserved)
    def give_it_back(state: Trip, event: SeatReserved, envelope: Envelope) -> Step:
        return Step(state=state, commands=(ReleaseSeat(trip=event.trip),))

    trip.ignores_late(TripBooked, TripCancelled)
    lay_out()
    return trip
