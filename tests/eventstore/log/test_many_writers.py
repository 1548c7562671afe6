"""Eight writers at once, with rollbacks and slow transactions in between: the promises of the log, on real PostgreSQL."""

import random
import threading
import time
from collections import defaultdict

from django.db import connection, transaction
from django.test import TransactionTestCase, tag

from eventstore.errors import StreamMoved
from eventstore.log import append, current_position, read_partition, unit_of_work
from eventstore.models import Event
from tests.eventstore.examples import Raised

WRITERS, UNITS, STREAMS = 8, 60, 12


class GivenUp(Exception):
    """A writer changed its mind."""


@tag("slow")
class ManyWriters(TransactionTestCase):
    def setUp(self):
        self.done = threading.Event()
        self.seen: dict[int, list[tuple[int, str, int]]] = defaultdict(list)
        self.failures: list[BaseException] = []

    def guarded(self, work, *arguments):
        try:
            work(*arguments)
        except BaseException as error:
            self.failures.append(error)
        finally:
            connection.close()

    def write(self, seed):
        dice = random.Random(seed)
        for _ in range(UNITS):
            streams = dice.sample(range(STREAMS), dice.randint(1, 3))
            try:
                with unit_of_work():
                    # Rows first, in an order of their own, as every command does.
                    for number in sorted(streams):
                        with connection.cursor() as cursor:
                            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [number])
                    for number in streams:
                        version = Event.objects.filter(stream=f"counter-{number}").count()
                        append(f"counter-{number}", [Raised()] * dice.randint(1, 3), expected=version)
                    time.sleep(dice.random() * 0.004)
                    if dice.random() < 0.15:
                        raise GivenUp
            except (GivenUp, StreamMoved):
                continue

    def dawdle(self):
        """Open transactions for two seconds that hold an xid, and so every horizon, back."""
        while not self.done.is_set():
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SELECT pg_current_xact_id()")
                self.done.wait(2)

    def tail(self):
        """Read on from the last position, again and again, while the writers write."""
        after = dict.fromkeys(current_position().heads, 0)
        last_round = False
        while True:
            last_round = self.done.is_set()
            for partition in after:
                for envelope in read_partition(partition, after[partition], 500):
                    self.seen[partition].append((envelope.position, envelope.stream, envelope.version))
                    after[partition] = envelope.position
            if last_round:
                return

    def test_positions_are_dense_versions_have_no_gaps_and_a_tailing_reader_misses_nothing(self):
        writers = [threading.Thread(target=self.guarded, args=(self.write, seed)) for seed in range(WRITERS)]
        others = [threading.Thread(target=self.guarded, args=(work,)) for work in (self.tail, self.dawdle)]
        for thread in (*writers, *others):
            thread.start()
        for thread in writers:
            thread.join()
        self.done.set()
        for thread in others:
            thread.join()
        self.assertEqual(self.failures, [], "no deadlock, no lost version, no surprise")

        recorded = list(Event.objects.order_by("partition", "position").values_list("partition", "position", "stream", "version"))
        self.assertGreater(len(recorded), WRITERS * UNITS / 2)
        positions, versions = defaultdict(list), defaultdict(list)
        for partition, position, stream, version in recorded:
            positions[partition].append(position)
            versions[stream].append(version)
        for partition, found in positions.items():
            self.assertEqual(found, list(range(1, len(found) + 1)), f"positions of partition {partition}")
        for stream, found in versions.items():
            self.assertEqual(found, list(range(1, len(found) + 1)), f"versions of {stream}, in the order of positions")
        heads = {partition: head for partition, head in current_position().heads.items() if head}
        self.assertEqual(heads, {partition: len(found) for partition, found in positions.items()})
        tailed = sorted((partition, *entry) for partition, entries in self.seen.items() for entry in entries)
        self.assertEqual(tailed, sorted(recorded), "the reader saw every event, once")
        for entries in self.seen.values():
            self.assertEqual([position for position, *_ in entries], list(range(1, len(entries) + 1)))
