"""A unit of work that only appends is one statement without BEGIN and COMMIT: it must keep every promise of a transaction."""

from django.db import connection
from django.test import TransactionTestCase

from eventstore.errors import BadSetting, StreamMoved
from eventstore.log import NEW, append, current_position, partition_of, read_stream, unit_of_work
from eventstore.models import ConsumerState, Partition
from tests.eventstore.examples import Raised

ONE, OTHER = "counter-1", "counter-2"


class LoneAppends(TransactionTestCase):
    def test_it_is_recorded_when_the_block_ends(self):
        with unit_of_work() as work:
            append(ONE, [Raised(), Raised()], expected=NEW)
        self.assertEqual(work.position.heads, {partition_of(ONE): 2})
        connection.close()
        self.assertEqual([envelope.version for envelope in read_stream(ONE)], [1, 2])

    def test_a_refused_one_moves_nothing(self):
        with self.assertRaises(StreamMoved), unit_of_work():
            append(ONE, [Raised()], expected=7)
        self.assertEqual(set(current_position().heads.values()), {0})
        with unit_of_work():
            append(ONE, [Raised()], expected=NEW)
        with self.assertRaises(StreamMoved), unit_of_work():
            append(ONE, [Raised()], expected=NEW)
        self.assertEqual(current_position().heads[partition_of(ONE)], 1)

    def test_events_in_two_partitions_are_all_or_nothing(self):
        self.assertNotEqual(partition_of(ONE), partition_of(OTHER))
        for first, second in ((ONE, OTHER), (OTHER, ONE)):
            with self.assertRaises(StreamMoved), unit_of_work():
                append(first, [Raised()], expected=NEW)
                append(second, [Raised()], expected=7)
        self.assertEqual(set(current_position().heads.values()), {0})

    def test_rows_written_before_it_go_when_it_is_refused(self):
        with self.assertRaises(StreamMoved), unit_of_work():
            ConsumerState.objects.create(name="somebody")
            append(ONE, [Raised()], expected=7)
        self.assertFalse(ConsumerState.objects.filter(name="somebody").exists())

    def test_the_next_transaction_is_one_again(self):
        with unit_of_work():
            append(ONE, [Raised()], expected=NEW)
        with self.assertRaises(ZeroDivisionError), unit_of_work():
            ConsumerState.objects.create(name="somebody")
            raise ZeroDivisionError
        self.assertFalse(ConsumerState.objects.filter(name="somebody").exists())
        self.assertTrue(connection.get_autocommit())

    def test_a_stream_goes_on_from_its_version_in_several_steps(self):
        with unit_of_work():
            append(ONE, [Raised()], expected=NEW)
        with unit_of_work():
            append(ONE, [], expected=1)
            append(ONE, [Raised()], expected=1)
            append(ONE, [Raised()], expected=2)
        self.assertEqual([envelope.version for envelope in read_stream(ONE)], [1, 2, 3])

    def test_a_partition_that_the_database_does_not_have(self):
        Partition.objects.filter(id=partition_of(ONE)).delete()
        with self.assertRaisesMessage(BadSetting, "run manage.py migrate after raising PARTITIONS"), unit_of_work():
            append(ONE, [Raised()], expected=NEW)
