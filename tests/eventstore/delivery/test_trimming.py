"""Streams stay short, whoever is behind, and nobody misses an event."""

from unittest import mock

import msgspec
from django.test import TestCase

from eventstore.conf import conf
from eventstore.delivery import drain, pause, relay_partition, resume, transport, trim
from eventstore.log import partition_of
from tests.eventstore.delivery.recording import Recording, record

LANE = partition_of("counter-1")


class Trimming(TestCase):
    def test_a_paused_consumer_neither_makes_redis_grow_nor_loses_anything(self):
        transport().flush()
        told = Recording(self)
        pause("test.recording", "lunch")
        record("counter-1", 10)
        relay_partition(LANE)
        short = msgspec.structs.replace(conf(), KEEP_IN_STREAM=4)
        with mock.patch("eventstore.delivery.trimming.conf", return_value=short):
            self.assertGreater(trim(), 0)
        self.assertLess(len(transport().read(LANE, 1, 0, 100)), 10)
        resume("test.recording", "fed")
        drain(told.consumer, LANE)
        self.assertEqual([version for _, version in told.seen], list(range(1, 11)))
