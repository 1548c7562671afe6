"""Both transports keep the contract; the real one also survives losing everything."""

from uuid import uuid4

from django.conf import settings
from django.test import SimpleTestCase

from eventstore.delivery.memory_streams import MemoryStreams
from eventstore.delivery.redis_streams import RedisStreams
from eventstore.errors import TransportDown
from eventstore.testing import TransportContract
from eventstore.testing.transports import batch


class Memory(TransportContract, SimpleTestCase):
    def make(self):
        return MemoryStreams()


class Redis(TransportContract, SimpleTestCase):
    def make(self):
        # A prefix of its own: other tests use the same server at the same time.
        return RedisStreams(settings.REDIS_URL, f"test-{uuid4()}")

    def test_after_losing_a_stream_the_top_is_nought_and_a_hole_is_refused(self):
        self.publish(1, 3)
        self.transport.client.delete(self.transport.key(3))
        self.assertEqual(self.transport.top(3).position, 0)
        self.assertEqual(self.publish(4, 5).verdict, "hole")

    def test_a_stream_trimmed_to_nothing_remembers_its_top(self):
        self.publish(1, 3)
        self.transport.client.xtrim(self.transport.key(3), maxlen=0, approximate=False)
        self.assertEqual((self.transport.top(3).position, self.transport.top(3).event_id), (3, None))
        self.assertEqual(self.publish(4, 5).verdict, "ok")
        self.assertEqual(self.positions(), [4, 5])

    def test_the_server_tells_what_it_is(self):
        told = self.transport.facts()
        self.assertIn(told["server"], ("redis", "valkey"))
        self.assertGreaterEqual(int(told["version"].split(".")[0]), 7)
        self.assertEqual(told["maxmemory_policy"], "noeviction")

    def test_without_redis_it_says_so(self):
        away = RedisStreams("unix:///nonexistent/redis.sock", "test")
        for call in (
            lambda: away.publish(3, 1, batch(1, 2), previous=None, seed=False),
            lambda: away.read(3, 1, 0, 10),
            lambda: away.top(3),
            lambda: away.raise_flags(["a"]),
        ):
            with self.assertRaisesMessage(TransportDown, "did not answer"):
                call()
