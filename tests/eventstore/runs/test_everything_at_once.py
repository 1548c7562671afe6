"""Random events, failures, killed processes and acts of staff, in any order: nothing lost, nothing twice, every stream in order."""

from contextlib import suppress
from datetime import timedelta

from django.db import connection
from django.db.models import F
from django.test import TransactionTestCase, tag
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from eventstore.delivery import consumer_named, drain, lay_out, pause, relay_partition, repairs, resume, transport
from eventstore.delivery.parking import retry_due
from eventstore.errors import Refused
from eventstore.log import append, partition_of, read_stream, unit_of_work
from eventstore.models import Checkpoint, ConsumerState, Event, ParkedKey, Run
from eventstore.projections import reset
from eventstore.runs import Selection, catch_up, drive, rebuild_beside, replay, roll_back, swap
from tests.eventstore.delivery.recording import Recording, execute
from tests.eventstore.examples import Raised
from tests.eventstore.projections.test_projections import Total, declare

STREAMS = ["counter-1", "counter-29", "counter-2"]  # the first two share a partition
LANES = sorted({partition_of(stream) for stream in STREAMS})
streams = st.sampled_from(STREAMS)
WHY = "because the test said so"


class Killed(BaseException):
    """Stands for kill -9."""


class Cleanups:
    """Stands for a test case: a machine has none of its own."""

    def __init__(self):
        self.calls = []

    def addCleanup(self, call, *arguments):
        self.calls.append((call, arguments))

    def run(self):
        for call, arguments in reversed(self.calls):
            call(*arguments)


class Shop(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.cleanups = Cleanups()
        transport().flush()
        self.told = Recording(self.cleanups, replay="allow")
        self.told.rule = self.handle
        self.projection = declare(self.cleanups)
        self.broken: set[str] = set()
        self.deadly: str | None = None
        self.skipped: set[tuple[str, int]] = set()
        self.swapped: Run | None = None
        lay_out()

    def teardown(self):
        try:
            self.heal_and_compare()
        finally:
            self.cleanups.run()
            tables = ["event", "parkedkey", "failedevent", "run", "runitem", "consumerstate", "checkpoint", "relaycheckpoint", "partition"]
            execute("TRUNCATE " + ", ".join(f"eventstore_{table}" for table in tables) + ", tests_total CASCADE")
            lay_out()

    def handle(self, envelope):
        if envelope.stream == self.deadly:
            self.deadly = None
            raise Killed
        if envelope.stream in self.broken:
            raise ValueError("broken")

    # What happens

    @rule(stream=streams, by=st.integers(1, 9))
    def record(self, stream, by):
        with unit_of_work():
            append(stream, [Raised(by=by)], expected=len(read_stream(stream)))

    @rule(stream=streams)
    def breaks(self, stream):
        self.broken.add(stream)

    @rule(stream=streams)
    def is_mended(self, stream):
        self.broken.discard(stream)

    @rule(stream=streams)
    def kills_its_process(self, stream):
        self.deadly = stream

    @rule()
    def redis_is_emptied(self):
        transport().flush()

    @rule()
    def everybody_works(self):
        try:
            for lane in LANES:
                relay_partition(lane)
                for consumer in (self.told.consumer, self.projection):
                    drain(consumer, lane)
        except Killed:
            Checkpoint.objects.update(begun_at=F("begun_at") - timedelta(seconds=2))

    @rule()
    def time_passes(self):
        ParkedKey.objects.filter(state="retrying").update(next_attempt_at=F("parked_at") - timedelta(hours=1))
        with suppress(Killed):
            retry_due()

    # What staff do

    def some_key(self):
        return ParkedKey.objects.filter(consumer="test.recording", state__in=ParkedKey.WAITING).order_by("parked_at").first()

    @precondition(lambda self: self.some_key())
    @rule()
    def staff_retry(self):
        with suppress(Killed):
            repairs.retry([self.some_key().pk], WHY)

    @precondition(lambda self: self.some_key())
    @rule()
    def staff_skip(self):
        key = self.some_key()
        event = repairs.failed_event(key)
        try:
            (acted,) = repairs.skip([key.pk], WHY)
        except Killed:
            acted = None  # it was skipped; what followed died
        if acted is None or acted.became == "skipped":
            self.skipped.add((event.stream, event.version))

    @precondition(lambda self: self.some_key())
    @rule()
    def staff_discard_and_restore(self):
        key = self.some_key()
        repairs.discard([key.pk], WHY)
        self.everybody_works()
        repairs.restore([key.pk], WHY)

    @rule()
    def staff_pause_and_resume(self):
        pause("test.recording", WHY)
        self.everybody_works()
        resume("test.recording", WHY)

    @rule()
    def staff_rebuild_in_place(self):
        reset(self.projection)

    @rule(meanwhile=streams)
    def staff_rebuild_beside_and_swap(self, meanwhile):
        run = rebuild_beside("test.totals", reason=WHY)
        drive(run.id)
        self.record(meanwhile, 3)
        catch_up(run.id)
        drive(run.id)
        swap(run.id, WHY, anything=True)
        self.swapped = run

    @precondition(lambda self: self.swapped)
    @rule()
    def staff_roll_back(self):
        roll_back(self.swapped.id, WHY)
        self.swapped = None

    @precondition(lambda self: not self.broken and not self.deadly and Event.objects.filter(name="test.raised").exists())
    @rule()
    def staff_replay(self):
        before = self.told.seen
        run = replay("test.recording", Selection(names=("test.raised",)), reason=WHY, effects="run")
        drive(run.id)
        again = self.told.seen[len(before) :]
        self.assertSequence(again, run.total)
        execute("DELETE FROM test_effect WHERE n IN (SELECT n FROM test_effect ORDER BY n DESC LIMIT %s)", [len(again)])

    def assertSequence(self, again, total):
        assert len(again) == total, f"{total} counted, {len(again)} delivered again"
        for stream in STREAMS:
            versions = [version for found, version in again if found == stream]
            assert versions == list(range(1, len(versions) + 1)), f"{stream} again: {versions}"

    # What must be true at every moment

    @invariant()
    def every_stream_is_in_order_and_nothing_came_twice(self):
        for stream in STREAMS:
            versions = [version for found, version in self.told.seen if found == stream]
            assert versions == sorted(set(versions)), f"{stream}: {versions}"

    @invariant()
    def nothing_is_missing_before_what_was_applied(self):
        for stream in STREAMS:
            versions = {version for found, version in self.told.seen if found == stream}
            gaps = set(range(1, max(versions, default=0) + 1)) - versions
            assert {(stream, version) for version in gaps} <= self.skipped, f"{stream} lacks {gaps}"

    def heal_and_compare(self):
        """After everything is mended: applied + skipped = all, and the table is an independent fold of the log."""
        self.broken.clear()
        self.deadly = None
        for key in ParkedKey.objects.filter(state="discarded"):
            repairs.restore([key.pk], WHY)
        for _ in range(4):
            self.everybody_works()
            repairs.retry(list(ParkedKey.objects.filter(state__in=ParkedKey.WAITING).values_list("pk", flat=True)), WHY)
        recorded = {(stream, n) for stream in STREAMS for n in range(1, len(read_stream(stream)) + 1)}
        assert set(self.told.seen) | self.skipped == recorded
        assert not set(self.told.seen) & self.skipped
        expected: dict[str, int] = {}
        for event in Event.objects.filter(name="test.raised"):
            expected[event.stream] = expected.get(event.stream, 0) + event.data["by"]
        assert dict(Total.objects.values_list("stream", "total")) == expected
        assert consumer_named("test.totals") is self.projection
        assert not ConsumerState.objects.filter(state="paused").exclude(name__startswith="run:").exists()


@tag("slow")
class EverythingAtOnce(TransactionTestCase):
    def test_nothing_is_lost_doubled_or_out_of_order(self):
        self.addCleanup(execute, "DROP TABLE IF EXISTS tests_total")
        run_state_machine_as_test(Shop, settings=settings(max_examples=15, stateful_step_count=25, deadline=None))
        connection.close()

    def test_an_act_that_is_not_possible_is_refused_in_words(self):
        with self.assertRaisesMessage(Refused, "There is no run"):
            swap(Run(consumer="nobody").id, WHY)
