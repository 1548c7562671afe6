"""Calls to the outside: at most one, or honestly unknown, wherever the process dies."""

import threading
from contextlib import nullcontext
from unittest import mock

from django.db import connection, transaction
from django.test import TransactionTestCase

from eventstore.context import acting
from eventstore.delivery import EffectDenied, EffectUnknown, NotDone, effect, effects, resolve
from eventstore.errors import Refused
from eventstore.log import read_stream
from eventstore.models import Effect


class Killed(BaseException):
    """Stands for kill -9."""


class Effects(TransactionTestCase):
    def setUp(self):
        self.calls = 0

    def charge(self):
        self.calls += 1
        return {"charge": f"ch_{self.calls}"}

    def state(self, key="charge:1"):
        return Effect.objects.get(pk=key).state

    def test_the_second_time_gets_the_receipt_of_the_first(self):
        self.assertEqual(effect("charge:1", self.charge), {"charge": "ch_1"})
        self.assertEqual(effect("charge:1", self.charge), {"charge": "ch_1"})
        self.assertEqual(self.calls, 1)

    def test_a_step_that_is_taken_back_does_not_take_back_the_receipt(self):
        with self.assertRaises(ZeroDivisionError), transaction.atomic():
            effect("charge:1", self.charge)
            1 / 0  # noqa: B018
        self.assertEqual(effect("charge:1", self.charge), {"charge": "ch_1"})
        self.assertEqual(self.calls, 1)

    def test_killed_at_every_point_there_is_never_a_second_call(self):
        def killed_in_the_call():
            self.charge()
            raise Killed

        real_begin, real_write = effects._begin, effects._write

        def killed_before_begin(*arguments):
            raise Killed

        def killed_after_begin(*arguments):
            real_begin(*arguments)
            raise Killed

        def killed_before_done(*arguments):
            raise Killed

        def killed_after_done(*arguments):
            real_write(*arguments)
            raise Killed

        points = {
            "before begun": (mock.patch.object(effects, "_begin", killed_before_begin), self.charge, 0, "called now"),
            "after begun": (mock.patch.object(effects, "_begin", killed_after_begin), self.charge, 0, "unknown"),
            "in the call": (nullcontext(), killed_in_the_call, 1, "unknown"),
            "before done": (mock.patch.object(effects, "_write", killed_before_done), self.charge, 1, "unknown"),
            "after done": (mock.patch.object(effects, "_write", killed_after_done), self.charge, 1, "receipt"),
        }
        for point, (patch, call, calls, afterwards) in points.items():
            with self.subTest(point):
                self.calls, key = 0, f"charge:{point}"
                with patch, self.assertRaises(Killed):
                    effect(key, call)
                self.assertEqual(self.calls, calls)
                if afterwards == "unknown":
                    for _ in range(2):
                        with self.assertRaisesMessage(EffectUnknown, f"Nobody knows whether {key} happened"):
                            effect(key, self.charge)
                    self.assertEqual((self.calls, self.state(key)), (calls, "unknown"))
                else:
                    effect(key, self.charge)
                    self.assertEqual(self.calls, 1)

    def test_an_inquiry_resolves_what_is_unknown(self):
        for key, found, calls in (("happened", {"charge": "ch_9"}, 0), ("did not", None, 1)):
            with self.subTest(key):
                self.calls = 0
                Effect.objects.create(key=key, state="begun")
                receipt = effect(key, self.charge, inquire=lambda found=found: found)
                self.assertEqual(self.calls, calls)
                self.assertEqual(receipt, found or {"charge": "ch_1"})
                self.assertEqual(self.state(key), "done")

    def test_a_person_resolves_what_is_unknown(self):
        Effect.objects.create(key="a", state="unknown")
        Effect.objects.create(key="b", state="unknown")
        resolve("a", happened=True, receipt={"charge": "seen"}, by="user:ada", note="on the provider's page")
        resolve("b", happened=False, by="user:ada", note="not on the provider's page")
        self.assertEqual(effect("a", self.charge), {"charge": "seen"})
        self.assertEqual(effect("b", self.charge), {"charge": "ch_1"})
        with self.assertRaisesMessage(Refused, "a is done: there is no unknown effect to resolve."):
            resolve("a", happened=False, by="user:ada", note="again")
        told = [envelope.event for envelope in read_stream("operations")]
        self.assertEqual([(event.key, event.happened) for event in told], [("a", True), ("b", False)])

    def test_a_call_that_certainly_did_nothing_may_be_made_again(self):
        def refused():
            raise NotDone("card declined")

        with self.assertRaises(NotDone):
            effect("charge:1", refused)
        self.assertEqual(self.state(), "not_done")
        self.assertEqual(effect("charge:1", self.charge), {"charge": "ch_1"})

    def test_a_call_that_broke_off_is_unknown(self):
        def cut_off():
            raise TimeoutError

        with self.assertRaisesMessage(EffectUnknown, "TimeoutError during the call"):
            effect("charge:1", cut_off)
        self.assertEqual(self.state(), "unknown")

    def test_two_at_once_make_one_call(self):
        entered, go_on = threading.Event(), threading.Event()
        outcomes = []

        def slow():
            entered.set()
            go_on.wait(5)
            return self.charge()

        def first():
            outcomes.append(effect("charge:1", slow))
            connection.close()

        thread = threading.Thread(target=first)
        thread.start()
        entered.wait(5)
        with self.assertRaises(EffectUnknown):
            effect("charge:1", self.charge)
        go_on.set()
        thread.join()
        self.assertEqual((self.calls, outcomes), (1, [{"charge": "ch_1"}]))

    def test_a_second_delivery_gets_receipts_or_is_refused(self):
        effect("charge:1", self.charge)
        with acting(replay="r1", effects="receipt"):
            self.assertEqual(effect("charge:1", self.charge), {"charge": "ch_1"})
            with self.assertRaisesMessage(EffectDenied, "charge:2 was not called"):
                effect("charge:2", self.charge)
        with acting(replay="r1", effects="deny"), self.assertRaises(EffectDenied):
            effect("charge:1", self.charge)
        with acting(replay="r1", effects="run"):
            for _ in range(2):
                self.assertEqual(effect("charge:1", self.charge), {"charge": "ch_2"})
        self.assertEqual(self.calls, 2)
