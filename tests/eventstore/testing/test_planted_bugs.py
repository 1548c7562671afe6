"""Bugs planted one by one, as people really write them; the fault kit must find each of them within a few seeds."""

from contextlib import contextmanager
from unittest import mock

from django.db import transaction
from django.test import TestCase, TransactionTestCase

from eventstore.delivery import Consumer, checkpoints, effect, forget_consumer, lay_out, parking, relay, runner
from eventstore.delivery.transports import Published
from eventstore.faults import step
from eventstore.log import unit_of_work
from eventstore.messages import decode_command, dispatch, name_of
from eventstore.models import ParkedKey, SagaCommand
from eventstore.projections import Projection
from eventstore.sagas import dispatching
from eventstore.statements import tell
from eventstore.testing import Found, Receiver, assert_folded, collect, hunt
from tests.eventstore.delivery.recording import execute
from tests.eventstore.examples import Raised
from tests.eventstore.projections.test_projections import Total, declare
from tests.eventstore.sagas import trips
from tests.eventstore.testing.crowds import SEEDS, crowd, storm, travel


class Planted(TestCase):
    """In the engine, by patching, and in consumers, by writing them as one should not."""

    def assertFound(self, scenario, sentence="", **rates):
        with self.assertRaises(Found) as caught:
            hunt(scenario, SEEDS, **rates)
        self.assertIn(sentence, str(caught.exception))

    @contextmanager
    def plant(self, module, name, bug):
        with mock.patch.object(module, name, bug):
            yield

    def test_a_checkpoint_in_a_transaction_of_its_own_after_the_effects(self):
        def effects_first(consumer, partition, turn, batch):
            with unit_of_work():
                consumer.handle([envelope for envelope in batch.events if envelope.name in consumer.handlers])
            step("handlers.done")
            with transaction.atomic():
                return checkpoints.move(consumer, partition, turn.position, batch)

        with self.plant(runner, "_handle_together", effects_first):
            self.assertFound(crowd(), "took effect more than once")

    def test_a_checkpoint_that_moves_first_at_most_once(self):
        def checkpoint_first(consumer, partition, turn, batch):
            with transaction.atomic():
                if not checkpoints.move(consumer, partition, turn.position, batch):
                    return False
            step("checkpoint.moved")
            with unit_of_work():
                consumer.handle([envelope for envelope in batch.events if envelope.name in consumer.handlers])
            return True

        with self.plant(runner, "_handle_together", checkpoint_first):
            self.assertFound(crowd(), "never took effect")

    def test_a_checkpoint_that_moves_without_comparing(self):
        def move_anyway(consumer, partition, old, batch):
            return bool(
                tell(
                    "UPDATE eventstore_checkpoint SET position = %s, attempts = 0 WHERE consumer = %s AND partition = %s",
                    [batch.upto, consumer.name, partition],
                )
            )

        with self.plant(checkpoints, "move", move_anyway):
            self.assertFound(crowd(), "took effect more than once")

    def test_whatever_the_stream_holds_is_taken_for_the_next_events(self):
        with self.plant(runner, "_contiguous", lambda entries, after: list(entries)):
            self.assertFound(crowd())

    def test_a_consumer_that_trusts_the_broker_never_reads_the_log(self):
        def only_the_stream(partition, after, limit):
            return []

        def stream_is_all(lane, batch, previous):  # and the relay, which would notice what is gone, does not look either
            runner.transport().publish(lane.partition, lane.epoch, batch, previous=None, seed=True)
            step("relay.published")
            relay._move(lane, batch[-1].position)
            return Published("ok", len(batch), runner.transport().top(lane.partition))

        with self.plant(runner, "read_partition", only_the_stream), self.plant(relay, "_publish", stream_is_all):
            self.assertFound(crowd(), "never took effect")

    def test_a_failed_key_does_not_hold_back_its_later_events(self):
        with self.plant(parking, "blocked_keys", lambda consumer, partition: frozenset()):
            self.assertFound(crowd(), crash=0, hiccup=0.2)

    def test_a_retry_that_jumps_the_queue(self):
        def newest_first(parked, until, limit):
            return real(parked, until, limit)[::-1]

        real = parking.waiting_events
        with self.plant(parking, "waiting_events", newest_first):
            self.assertFound(crowd(), "out of order", hiccup=0.2)

    def test_a_retry_that_forgets_who_lined_up_behind(self):
        real = parking.waiting_events
        with self.plant(parking, "waiting_events", lambda parked, until, limit: real(parked, until, limit)[:1]):
            self.assertFound(crowd(), "never took effect", hiccup=0.2)

    def test_a_retry_that_runs_ahead_of_the_checkpoint(self):
        def no_end(consumer, partition):
            real(consumer, partition)
            return 10**9

        real = checkpoints.hold
        with self.plant(checkpoints, "hold", no_end):
            self.assertFound(crowd(), "took effect more than once", hiccup=0.2)

    def test_a_parked_event_that_is_let_go_when_its_attempts_are_over(self):
        def give_up(parked, consumer, error):
            parking.end(parked, ParkedKey.State.RESOLVED)

        with self.plant(parking, "_decide_what_next", give_up):
            self.assertFound(crowd(), "never took effect", hiccup=0.2)

    def test_a_consumer_that_remembers_in_memory_what_it_has_handled(self):
        def scenario(broken):
            handled = set()
            with collect(Raised, name="testing.crowd") as collected:
                take = collected.consumer.handlers[name_of(Raised)[0]]

                def once(event, envelope):
                    if envelope.id not in handled:
                        handled.add(envelope.id)  # remembered here, though the effect may be taken back
                        take(event, envelope)

                collected.consumer.handlers[name_of(Raised)[0]] = once
                storm(broken, collected.consumer)
                collected.then_once_in_order()

        self.assertFound(scenario, "never took effect")

    def test_a_sagas_command_that_is_marked_done_in_a_transaction_of_its_own(self):
        def carry_out(pk):
            sent = SagaCommand.objects.get(pk=pk)
            dispatch(decode_command(sent.name, sent.data))
            step("command.carried_out")
            return bool(SagaCommand.objects.filter(pk=pk).update(state="done"))

        saga = trips.declare(self)
        with self.plant(dispatching, "_carry_out", carry_out):
            self.assertFound(lambda broken: travel(broken, saga), "seats", crash=0.1)

    def test_a_projection_with_a_running_total_in_a_global(self):
        totals = declare(self)
        running = {}

        def add(row, event, envelope):
            running[row.stream] = row.total = running.get(row.stream, 0) + event.by
            return row

        totals.handlers[name_of(Raised)[0]] = add

        def scenario(broken):
            running.clear()
            storm(broken, totals)
            counted = dict(Total.objects.values_list("stream", "total"))
            told = dict(execute("SELECT stream, sum((data ->> 'by')::int) FROM eventstore_event GROUP BY stream"))
            self.assertEqual(counted, told)

        self.assertFound(scenario)

    def test_a_projection_that_adds_where_the_checkpoint_does_not_stop_what_comes_twice(self):
        totals = declare(self)

        def effects_first(consumer, partition, turn, batch):
            with unit_of_work():
                consumer.handle([envelope for envelope in batch.events if envelope.name in consumer.handlers])
            step("handlers.done")
            with transaction.atomic():
                return checkpoints.move(consumer, partition, turn.position, batch)

        def scenario(broken):
            storm(broken, totals)
            assert_folded(totals)

        with self.plant(runner, "_handle_together", effects_first):
            self.assertFound(scenario, "test.totals is not the fold of the log")

    def test_a_projection_with_dice(self):
        dicey = Projection("test.dicey", rows=Total, key=lambda event, envelope: envelope.stream)
        self.addCleanup(forget_consumer, "test.dicey")
        declare(self)

        @dicey.on(Raised)
        def add(row, event, envelope):
            row.total += event.by + (id(object()) % 3 if event.by == 9 else 0)
            return row

        def scenario(broken):
            storm(broken, dicey)
            assert_folded(dicey)

        lay_out()
        self.assertFound(scenario, "test.dicey is not the fold of the log", crash=0, broker=0)


class Outside(TransactionTestCase):
    """Calls to others: the ledger of effects is written beside the transaction, so these have no transaction around them."""

    def scenario(self, call):
        def play(broken):
            bank = Receiver()
            name = f"testing.payer-{broken.seed}"
            payer = Consumer(name, start="now")
            payer.on(Raised)(lambda event, envelope: call(bank, str(envelope.id)))
            try:
                lay_out()
                storm(broken, payer, rounds=4)
                bank.then_at_most_once()
            finally:
                forget_consumer(name)
            self.assertTrue(bank.calls)

        return play

    def test_a_call_without_the_ledger_of_effects(self):
        with self.assertRaisesMessage(Found, "The outside was called more than once for "):
            hunt(self.scenario(lambda bank, key: bank.take(key)), range(8))

    def test_with_the_ledger_nobody_is_called_twice(self):
        happened = hunt(self.scenario(lambda bank, key: effect(f"pay:{key}", lambda: bank.take(key))), range(8))
        self.assertLessEqual({"a crash at effect.begun", "a crash at effect.called", "a crash at effect.noted"}, happened.keys())
