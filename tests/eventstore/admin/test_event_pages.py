"""One event and the story of its stream: what it says, what led to it, what became of it."""

from uuid import UUID

from django.test import TestCase
from django.urls import reverse

from eventstore.clock import new_id
from eventstore.context import acting
from eventstore.delivery import pause
from eventstore.events import OPERATIONS
from eventstore.log import NEW, append, unit_of_work
from eventstore.models import Event, ParkedKey
from eventstore.testing import deliver_everything
from tests import staff
from tests.eventstore.delivery.recording import Recording, record
from tests.eventstore.examples import Noted, Raised

STREAM = "counter-1"


def page_of(event):
    return reverse("admin:eventstore_event_change", args=[event.pk])


class EventPage(TestCase):
    def setUp(self):
        self.client.force_login(staff.ada())

    def shown(self, stream, version):
        return self.client.get(page_of(Event.objects.get(stream=stream, version=version)))

    def test_it_shows_the_payload_and_the_facts(self):
        with acting(actor="key:shop", reason="<b>why</b>", idempotency_key="k-1"), unit_of_work():
            append(STREAM, [Raised(by=3, note="顧客 </script>")], expected=NEW)
        answer = self.shown(STREAM, 1)
        self.assertContains(answer, "顧客 &lt;/script&gt;")
        for text in ("key:shop", "&lt;b&gt;why&lt;/b&gt;", "k-1", "schema version 1", "Raised", "A counter went up."):
            self.assertContains(answer, text)
        self.assertContains(answer, '<script id="whole" type="application/json">')
        self.assertNotContains(answer, "</script>顧客")

    def test_it_leads_to_its_neighbours_in_the_stream(self):
        record(STREAM, 3)
        answer = self.shown(STREAM, 2)
        for version in (1, 3):
            self.assertContains(answer, page_of(Event.objects.get(stream=STREAM, version=version)))
        self.assertNotContains(self.shown(STREAM, 3), 'rel="next"')
        self.assertNotContains(self.shown(STREAM, 1), 'rel="prev"')

    def test_it_draws_what_led_to_what(self):
        record(STREAM)
        cause = Event.objects.get(stream=STREAM)
        with acting(correlation=cause.facts["correlation"], causation=str(cause.pk)), unit_of_work():
            append("counter-2", [Noted(text="x")], expected=NEW)
        answer = self.shown("counter-2", 1)
        self.assertEqual([node.event.stream for node in answer.context["tree"].nodes], ["counter-2", STREAM])
        self.assertEqual(len(answer.context["tree"].lines), 1)
        self.assertContains(answer, page_of(cause))

    def test_an_event_without_a_story_is_drawn_alone(self):
        with acting(correlation=""), unit_of_work():
            append(STREAM, [Raised()], expected=NEW)
        self.assertEqual(len(self.shown(STREAM, 1).context["tree"].nodes), 1)

    def test_it_says_what_became_of_it_for_every_consumer(self):
        told = Recording(self)
        record(STREAM, 3)
        state = lambda version: [(d.state, d.note) for d in self.shown(STREAM, version).context["deliveries"]]  # noqa: E731
        self.assertEqual(state(1), [("waiting", "")])
        pause("test.recording", "a look")
        self.assertEqual(state(1), [("waiting", "the consumer is paused")])
        told.consumer.handlers.clear()
        self.assertEqual(state(1), [], "nobody handles it")

    def test_a_parked_event_and_those_behind_it_say_so(self):
        told = Recording(self)

        def fail(envelope):
            if envelope.version == 2:
                raise ValueError("no")

        told.rule = fail
        record(STREAM, 3)
        deliver_everything()
        parked = ParkedKey.objects.get()
        states = {version: self.shown(STREAM, version).context["deliveries"][0].state for version in (1, 2, 3)}
        self.assertEqual(states, {1: "done", 2: "retrying", 3: "behind"})
        self.assertContains(self.shown(STREAM, 3), reverse("admin:eventstore_parkedkey_change", args=[parked.pk]))
        self.assertContains(self.shown(STREAM, 2), 'class="bad current"')

    def test_an_event_that_todays_code_cannot_read_is_shown_with_the_reason(self):
        record(STREAM)
        row = Event.objects.get(stream=STREAM)
        Event.objects.create(
            id=new_id(), partition=row.partition, position=99, stream=STREAM, version=2, name="test.forgotten", schema_version=3,
            data={"a": 1}, facts={}, occurred_at=row.occurred_at,
        )  # fmt: skip
        self.assertContains(self.shown(STREAM, 2), "No event class is registered for test.forgotten version 3")
        story = self.client.get(reverse("admin:eventstore_stream", args=[STREAM]))
        self.assertContains(story, "The state cannot be followed to the end")

    def test_an_unknown_event_leads_back_to_the_list(self):
        for unknown in (UUID(int=5), "nonsense", "%00"):
            with self.subTest(unknown):
                answer = self.client.get(f"/admin/eventstore/event/{unknown}/change/", follow=True)
                self.assertContains(answer, "There is no event")


class StreamPage(TestCase):
    def setUp(self):
        self.client.force_login(staff.ada())

    def story(self, stream=STREAM, query=""):
        answer = self.client.get(reverse("admin:eventstore_stream", args=[stream]) + query)
        return answer.context["history"], answer

    def test_it_tells_every_version_with_the_state_after_it_and_what_changed(self):
        with acting(actor="staff:aiko", reason="asked on the phone"), unit_of_work():
            append(STREAM, [Raised(by=3), Noted(text="x"), Raised(by=4)], expected=NEW)
        history, answer = self.story()
        self.assertEqual([chapter.state for chapter in history.chapters], [{"total": 3}, {"total": 3}, {"total": 7}])
        self.assertEqual(
            [[(c.path, c.before, c.after) for c in chapter.changes] for chapter in history.chapters],
            [[("total", 0, 3)], [], [("total", 3, 7)]],
        )
        for text in ("staff:aiko", "asked on the phone", "The state stayed as it was"):
            self.assertContains(answer, text)

    def test_a_long_stream_opens_at_its_end_and_knows_the_state_before(self):
        record(STREAM, 1)
        with unit_of_work():
            append(STREAM, [Raised()] * 119, expected=1)
        history, _ = self.story()
        self.assertEqual((history.first, history.last, history.before, history.after), (101, 120, 51, None))
        self.assertEqual(history.chapters[0].changes[0].before, 100)
        history, _ = self.story(query="?from=51")
        self.assertEqual((history.first, history.last, history.before, history.after), (51, 100, 1, 101))

    def test_a_stream_that_nobody_owns_is_told_without_states(self):
        record("nobody-1")
        history, answer = self.story("nobody-1")
        self.assertIsNone(history.chapters[0].state)
        self.assertContains(answer, "No aggregate of the running code owns this stream")

    def test_what_staff_did_is_a_stream_too(self):
        with acting(actor="staff:ada"):
            told = Recording(self)
            pause(told.consumer.name, "too loud")
        _, answer = self.story(OPERATIONS)
        for text in ("eventstore.consumer_paused", "staff:ada", "too loud"):
            self.assertContains(answer, text)

    def test_hostile_addresses_get_an_answer(self):
        record(STREAM)
        for query, status in (("?from=9", 200), ("?from=-1", 200), ("?from=" + "9" * 40, 200), ("?from=x%00", 200), ("?from=٣", 200)):
            with self.subTest(query):
                self.assertEqual(self.story(query=query)[1].status_code, status)
        for stream in ("never-1", "a%00b", "%F0%9F%92%A9", "..", "x" * 500):
            with self.subTest(stream):
                self.assertEqual(self.client.get(f"/admin/eventstore/event/stream/{stream}/").status_code, 404)
