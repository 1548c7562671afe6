"""Several processes drive one run: its partitions are shared, its rate is one rate, its lanes are folded once."""

import os
import time
import warnings
from collections import Counter, defaultdict
from unittest.mock import patch
from uuid import UUID

from django.db import connections
from django.test import TestCase, TransactionTestCase, tag
from msgspec.structs import replace

from eventstore import tasks
from eventstore.conf import conf
from eventstore.delivery import lay_out, transport, wakeups
from eventstore.errors import TransportDown
from eventstore.runs import Selection, drive, preview, progress_of, rebuild_beside, replay
from eventstore.testing import deliver_everything
from orders.handlers import handle
from tests.eventstore.delivery.recording import Recording, execute, record
from tests.orders.examples import place

STREAMS, EVENTS = 12, 4


@tag("slow")
class TwoProcesses(TransactionTestCase):
    def setUp(self):
        lay_out()
        transport().flush()
        self.addCleanup(transport().flush)
        self.told = Recording(self, replay="allow")
        for number in range(STREAMS):
            record(f"counter-{number}", EVENTS)
        deliver_everything()
        execute("DROP TABLE test_effect")
        columns = "n serial, stream text, version int, pid int DEFAULT pg_backend_pid(), at timestamptz DEFAULT now()"
        execute(f"CREATE TABLE test_effect ({columns})")
        self.told.rule = lambda envelope: time.sleep(0.01)

    def drive_in(self, processes: int, run_id: UUID) -> None:
        """As workers of the queue `runs` would, each with the next seat."""
        connections.close_all()
        children = []
        for seat in range(processes):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of forks; the child opens what it needs itself
                child = os.fork()
            if child == 0:
                try:
                    drive(run_id, 20, seat=seat)
                    connections.close_all()
                finally:
                    os._exit(0)
            children.append(child)
        for child in children:
            os.waitpid(child, 0)

    def test_both_make_steps_of_one_run_and_every_event_takes_effect_once_in_order(self):
        run = replay("test.recording", Selection(), reason="the receiver lost them", effects="run")
        self.drive_in(2, run.id)
        run.refresh_from_db()
        self.assertEqual((run.state, progress_of(run).handled), ("completed", STREAMS * EVENTS))
        seen = defaultdict(list)
        for stream, version in self.told.seen:
            seen[stream].append(version)
        self.assertEqual(dict(seen), {f"counter-{number}": [1, 2, 3, 4] for number in range(STREAMS)})
        shares = Counter(pid for (pid,) in execute("SELECT pid FROM test_effect"))
        self.assertEqual(len(shares), 2)
        self.assertGreaterEqual(min(shares.values()), STREAMS * EVENTS // 4, "both did a fair part")

    def test_shadow_tables_are_the_same_as_the_live_ones(self):
        for number in range(20):
            handle(replace(place, order_id=UUID(int=number)))
        deliver_everything()
        run = rebuild_beside("orders.order_list", reason="checked")
        self.drive_in(2, run.id)
        run.refresh_from_db()
        self.assertEqual((run.state, preview(run.id).total), ("ready", 0))

    def test_they_share_one_rate(self):
        run = replay("test.recording", Selection(), reason="the receiver is slow", effects="run", rate=24)
        begun = time.monotonic()
        self.drive_in(2, run.id)
        self.assertEqual(progress_of(run).handled, STREAMS * EVENTS)
        # 48 events at 24 a second: the first steps begin at once, and the last ones not before the rest had its time.
        self.assertGreater(time.monotonic() - begun, 0.9)
        ((most,),) = execute(
            """SELECT max(number) FROM (SELECT count(*) OVER (ORDER BY at RANGE BETWEEN CURRENT ROW AND '0.9 s' FOLLOWING) AS number
               FROM test_effect) AS windows"""
        )
        self.assertLessEqual(most, 36)


class Seats(TestCase):
    def setUp(self):
        transport().flush()
        self.addCleanup(transport().flush)
        self.sent: list[tuple[str, list]] = []
        self.enterContext(patch.object(wakeups, "_send", self.send))
        self.enterContext(patch.object(wakeups, "conf", lambda: replace(conf(), WAKE=True, RUN_DRIVERS=2)))
        self.told = Recording(self, replay="allow")
        for number in range(4):
            record(f"counter-{number}", 3)
        deliver_everything()
        self.sent.clear()

    def send(self, task, arguments, queue=None):
        if queue == "runs":
            self.sent.append((queue, arguments))

    def start(self, **options):
        with self.captureOnCommitCallbacks(execute=True):
            return replay("test.recording", Selection(), reason="lost", effects="deny", **options)

    def test_a_run_has_a_hint_for_each_who_may_drive_it_and_no_more(self):
        run = self.start()
        wakeups.wake_run(run.id)
        self.assertEqual(self.sent, [("runs", [str(run.id), 0]), ("runs", [str(run.id), 1])])

    def test_who_has_more_to_do_wakes_its_own_seat_again(self):
        run = self.start()
        self.sent.clear()
        drive(run.id, 0.0001, seat=1)
        self.assertEqual(self.sent, [("runs", [str(run.id), 1])])

    def test_a_hint_that_was_lost_costs_nothing_but_time(self):
        with patch.object(type(transport()), "raise_flags", side_effect=TransportDown(reason="away")):
            run = self.start()
        self.assertEqual(self.sent, [])
        tasks.runs.wake_all()
        for _, (run_id, seat) in self.sent:
            tasks.run(run_id, seat)
        run.refresh_from_db()
        self.assertEqual(run.state, "completed")

    def test_a_projection_in_one_lane_is_driven_from_one_seat(self):
        self.told.consumer.lanes = "one"
        run = self.start()
        self.assertEqual(drive(run.id, seat=1), 0)
        self.assertEqual(drive(run.id, seat=0), 12)

    def test_what_another_process_is_at_is_left_to_it(self):
        run = self.start()
        execute("UPDATE eventstore_checkpoint SET attempts = 1, begun_at = clock_timestamp() WHERE consumer = %s", [run.lane])
        self.assertEqual(drive(run.id), 0)
        execute("UPDATE eventstore_checkpoint SET begun_at = begun_at - interval '2 s' WHERE consumer = %s", [run.lane])
        self.assertEqual(drive(run.id), 12, "it has died; somebody goes on")
