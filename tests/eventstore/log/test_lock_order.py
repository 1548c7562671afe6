"""Whoever asks a stream for its version while events of other streams are noted waits for nobody in a circle."""

import threading
import time

from django.db import connection
from django.test import TransactionTestCase

from eventstore.log import ANY, NEW, append, partition_of, read_stream, unit_of_work
from tests.eventstore.examples import Raised


class LockOrder(TransactionTestCase):
    def setUp(self):
        self.failures = []
        self.low, self.also_low = self.two_streams_of(lambda partition: partition < 8)
        self.high, self.also_high = self.two_streams_of(lambda partition: partition > 8)

    def two_streams_of(self, fits):
        first = next(f"lock-{number}" for number in range(1000) if fits(partition_of(f"lock-{number}")))
        same = (f"lock-{number}" for number in range(1000) if partition_of(f"lock-{number}") == partition_of(first))
        return first, next(stream for stream in same if stream != first)

    def write_both(self):
        try:
            with unit_of_work():
                append(self.also_low, [Raised()], expected=NEW)
                append(self.also_high, [Raised()], expected=NEW)
        except BaseException as error:
            self.failures.append(error)
        finally:
            connection.close()

    def test_a_note_at_the_end_of_an_act_and_a_writer_of_the_same_partitions(self):
        other = threading.Thread(target=self.write_both)
        with unit_of_work():
            append(self.low, [Raised()], expected=NEW)
            append(self.high, [Raised()], expected=ANY)
            other.start()
            time.sleep(0.3)
        other.join()
        self.assertEqual(self.failures, [])
        self.assertEqual([len(read_stream(stream)) for stream in (self.low, self.high, self.also_low, self.also_high)], [1, 1, 1, 1])
