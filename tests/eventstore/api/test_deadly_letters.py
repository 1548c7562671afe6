"""A handler that takes the web process down: the attempt was counted before, and the same request can be sent again."""

import os
import signal
import warnings
from unittest.mock import patch

from django.db import connections
from django.test import TransactionTestCase

from eventstore.delivery import drain, transport
from eventstore.delivery.parking import claim_due
from eventstore.log import partition_of, read_stream
from eventstore.models import Correction, ParkedKey
from tests.clients import ApiClient, make_key
from tests.eventstore.delivery.recording import Recording, execute, record

STREAM = "counter-29"


class Deadly(TransactionTestCase):
    def setUp(self):
        transport().flush()
        self.addCleanup(transport().flush)
        self.api = ApiClient(make_key(scopes=("ops:read", "ops:write")))
        self.told = Recording(self)
        self.told.rule = lambda envelope: 1 / 0 if envelope.version == 2 else None
        record(STREAM, 3)
        drain(self.told.consumer, partition_of(STREAM))
        self.letter = f"/api/v1/dead-letters/{ParkedKey.objects.get().pk}"

    def send(self, verb, key, **body):
        return self.api.send(f"{self.letter}/{verb}", {"reason": "because"} | body, key=key)

    def send_to_its_death(self, verb, key, **body):
        """The same from a web process that dies of it."""
        connections.close_all()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of forks; the child opens what it needs itself
            child = os.fork()
        if child == 0:
            try:
                self.told.rule = lambda envelope: os.kill(os.getpid(), signal.SIGKILL)
                self.send(verb, key, **body)
            finally:
                os._exit(0)
        self.assertEqual(os.waitpid(child, 0)[1], signal.SIGKILL)

    def wishes(self):
        return [(told.event.what, told.actor) for told in read_stream("operations")]

    def test_the_attempt_is_counted_and_the_wish_is_history(self):
        self.send_to_its_death("retry", "first")
        parked = ParkedKey.objects.get()
        self.assertEqual((parked.state, parked.attempts, self.told.seen), ("retrying", 2, [(STREAM, 1)]))
        self.assertEqual(self.wishes(), [("retried", "key:shop")])
        self.send_to_its_death("retry", "second")
        self.assertEqual(ParkedKey.objects.get().attempts, 3)
        execute("UPDATE eventstore_parkedkey SET next_attempt_at = now() - interval '1 s'")
        self.assertIsNone(claim_due(), "nobody tries by itself what took the process down as often as it may fail")
        self.assertEqual(ParkedKey.objects.get().state, "dead")

    def test_the_same_request_again_is_answered_once_it_comes_through(self):
        self.send_to_its_death("retry", "once")
        self.told.rule = lambda envelope: None
        answer, again = self.send("retry", "once"), self.send("retry", "once")
        self.assertEqual((answer.status_code, answer.json()["became"]), (200, "processed"), answer.content)
        self.assertEqual(
            (again.content, again["Idempotency-Replayed"], again["Event-Position"]), (answer.content, "true", answer["Event-Position"])
        )
        self.assertEqual(self.told.seen, [(STREAM, 1), (STREAM, 2), (STREAM, 3)])
        self.assertEqual(len(self.wishes()), 2, "asked for twice, and told twice")

    def test_a_correction_outlives_the_process_that_tried_it(self):
        self.send_to_its_death("edit", "once", data={"by": 12})
        self.assertEqual((Correction.objects.get().outcome, ParkedKey.objects.get().attempts), ("pending", 2))
        self.told.rule = lambda envelope: None
        answer = self.send("edit", "once", data={"by": 12})
        self.assertEqual((answer.json()["became"], answer.json()["correction"]["outcome"]), ("processed", "processed"))
        self.assertEqual(self.send("edit", "once", data={"by": 12}).content, answer.content)

    def test_a_skip_is_whole_or_not_at_all(self):
        """Its followers are tried with it: if they take the process down, the failed event was not skipped either."""
        self.send_to_its_death("skip", "once")
        parked = ParkedKey.objects.get()
        self.assertEqual((parked.state, parked.failures.get().skipped, self.wishes()), ("retrying", False, []))
        self.told.rule = lambda envelope: None
        self.assertEqual(self.send("skip", "once").json()["became"], "skipped")
        self.assertEqual(self.told.seen, [(STREAM, 1), (STREAM, 3)])

    def test_what_is_refused_counts_nothing(self):
        self.assertEqual(self.send("edit", "wrong", data={"by": "many"}).status_code, 422)
        self.assertEqual(self.send("retry", "other", event_id=str(ParkedKey.objects.get().pk)).status_code, 409)
        self.assertEqual((ParkedKey.objects.get().attempts, self.wishes(), Correction.objects.count()), (1, [], 0))

    def test_an_answer_that_cannot_be_kept_takes_the_effects_back_and_not_the_count(self):
        self.told.rule = lambda envelope: None
        self.api.raise_request_exception = False
        with patch("eventstore.api.doors.keep", side_effect=ConnectionError):
            self.assertEqual(self.send("retry", "once").status_code, 500)
        self.assertEqual((ParkedKey.objects.get().attempts, self.told.seen), (2, [(STREAM, 1)]))
        self.assertEqual(self.send("retry", "once").json()["became"], "processed")
