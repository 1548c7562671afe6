"""Sagas in the console: who is in trouble first, each step with what it took, remembered and sent, and acts bound to what was shown."""

from datetime import timedelta
from unittest import mock

from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from eventstore import sagas
from eventstore.context import acting
from eventstore.events import OPERATIONS
from eventstore.log import read_stream
from eventstore.models import Event, SagaCommand, SagaDeadline, SagaInstance
from eventstore.sagas import histories
from eventstore.testing import deliver_everything
from tests import staff
from tests.eventstore.sagas.test_engine import Trips
from tests.eventstore.sagas.trips import SeatReserved, Seats, TripCancelled, book, sold_out, tell

LIST = reverse("admin:eventstore_sagainstance_changelist")


def broken(wanted):
    raise LookupError("the line is dead")


class Screen(Trips):
    def setUp(self):
        super().setUp()
        self.client.force_login(staff.ben())

    def url(self, key="a"):
        return reverse("admin:eventstore_sagainstance_change", args=[self.row(key).pk])

    def page(self, key="a"):
        return self.client.get(self.url(key))

    def live(self, key="a", mark=""):
        return self.client.get(reverse("admin:eventstore_sagainstance_live", args=[self.row(key).pk]) + f"?mark={mark}")

    def act(self, name, key="a", **sent):
        url = reverse("admin:eventstore_sagainstance_act", args=[self.row(key).pk, name])
        return self.client.post(url, {"reason": "because"} | sent, follow=True)

    def stuck(self, key="a", attempts=sagas.TROUBLED):
        """A saga whose command fails again and again."""
        Seats.rule = staticmethod(broken)
        book(key)
        deliver_everything()
        for _ in range(attempts - 1):
            SagaCommand.objects.update(due_at=F("due_at") - timedelta(hours=2))
            sagas.carry_out_due()
        return SagaCommand.objects.get(saga=self.row(key))

    def queries(self, url):
        with CaptureQueriesContext(connection) as asked:
            self.client.get(url)
        return len(asked)

    def told(self):
        return [(e.event.what, e.event.reason, e.actor) for e in read_stream(OPERATIONS) if e.name == "eventstore.saga_handled"]


class Lists(Screen):
    def keys(self, query=""):
        return [row.key for row in self.client.get(LIST + query).context["cl"].result_list]

    def several(self):
        for key in ("over", "waits", "back", "stuck"):
            Seats.rule = staticmethod(broken if key != "over" else lambda wanted: None)
            book(key)
            deliver_everything()
        SagaInstance.objects.filter(key="back").update(status="compensating")
        SagaInstance.objects.filter(key="stuck").update(trouble="test.reserve_seat failed 5 times")

    def test_those_that_need_somebody_come_first(self):
        self.several()
        self.assertEqual(self.keys(), ["stuck", "back", "waits", "over"])
        self.assertEqual(self.keys("?status=trouble"), ["stuck"])
        self.assertEqual(self.keys("?status=open"), ["stuck", "back", "waits"])
        self.assertEqual(self.keys("?status=finished&saga=test.trip"), ["over"])
        self.assertEqual(self.keys("?saga=orders.fulfilment"), [])
        answer = self.client.get(LIST)
        for text in ("in trouble", "confirmed", "test.reserve_seat", "seat", "in 5 min", self.url("stuck")):
            self.assertContains(answer, text)

    def test_one_is_found_by_what_it_is_about_and_by_its_id(self):
        self.several()
        self.assertEqual(self.keys("?q=waits"), ["waits"])
        self.assertEqual(self.keys(f"?q={self.row('over').pk}"), ["over"])
        self.assertEqual(self.keys("?q=nobody"), [])
        offers = self.client.get(reverse("admin:jump_offers") + "?q=stuck")
        self.assertContains(offers, self.url("stuck"))

    def test_pages_follow_the_same_order_in_both_directions(self):
        self.several()
        everything = self.keys()
        rows = {row.key: sagas.place_of(row) for row in SagaInstance.objects.all()}
        for at, key in enumerate(everything):
            place = rows[key].replace("+", "%2B")
            self.assertEqual(self.keys(f"?older={place}"), everything[at + 1 :])
            self.assertEqual(self.keys(f"?newer={place}"), everything[:at])
        for nonsense in ("x", "1 2 3", "%00", "1%202026-01-01%20x"):
            self.assertEqual(self.client.get(LIST + f"?older={nonsense}", follow=True).status_code, 200)

    def test_a_badge_and_the_first_page_tell_of_trouble(self):
        self.several()
        self.assertContains(self.client.get(reverse("admin:live_badges")), "1 in trouble")
        self.assertContains(self.client.get(reverse("admin:index")), self.url("stuck"))

    def test_queries_do_not_grow_with_the_sagas(self):
        book("first")
        deliver_everything()
        few = self.queries(LIST)
        for key in "abcdefgh":
            book(key)
        deliver_everything()
        self.assertEqual(self.queries(LIST), few)


class Histories(Screen):
    def test_each_step_tells_what_came_in_what_changed_and_what_went_out(self):
        with acting(correlation="story-1"):
            book("a")
        deliver_everything()
        answer = self.page()
        booked, reserved = read_stream("trip-a")[0], read_stream("seat-a")[0]
        for event in (booked, reserved):
            self.assertContains(answer, reverse("admin:eventstore_event_change", args=[event.id]))
        first, second = answer.context["steps"]
        self.assertEqual([change.path for change in second["told"].changes], ["reserved"])
        (sent,) = first["commands"]
        self.assertEqual([event.id for event in sent["command"].events], [reserved.id])
        self.assertEqual([deadline.state for deadline in first["deadlines"]], ["cancelled"])
        for text in ("test.reserve_seat", "It is over: <b>confirmed</b>", "2 steps, 1 command, 1 event", "?q=story-1"):
            self.assertContains(answer, text)
        self.assertFalse(answer.context["is_live"], "it is over")

    def test_what_it_was_told_about_itself_stands_with_the_step_that_took_it(self):
        Seats.rule = staticmethod(sold_out)
        book("a")
        deliver_everything()
        answer = self.page()
        self.assertContains(answer, "test.reserve_seat was refused: Every seat is taken.")
        self.assertEqual([step["told"].number for step in answer.context["steps"]], [1, 2])
        self.assertContains(answer, '<span class="pill warn">refused</span>')

    def test_a_deadline_that_passed_and_a_late_event_are_marked(self):
        Seats.rule = staticmethod(broken)
        book("a")
        deliver_everything()
        SagaDeadline.objects.update(due_at=F("due_at") - timedelta(hours=1))
        sagas.fire_due()
        deliver_everything()
        tell("seat-a", SeatReserved(trip="a"))
        deliver_everything()
        answer = self.page()
        self.assertContains(answer, "The deadline seat passed.")
        self.assertEqual([step["told"].late for step in answer.context["steps"]], [False, False, True])
        self.assertContains(answer, '<span class="pill warn">late</span>')
        self.assertTrue(answer.context["is_live"], "its commands still wait")

    def test_acts_of_staff_stand_between_the_steps(self):
        self.act(f"settle-{self.stuck().pk}")
        tell("trip-a", TripCancelled(trip="a"))
        deliver_everything()
        answer = self.page()
        self.assertEqual([step["told"].number for step in answer.context["steps"]], [1, None, 2])
        self.assertContains(answer, "test.reserve_seat was settled by hand: because")
        self.assertContains(answer, "staff:ben")

    def test_a_long_story_shows_its_end_and_says_so(self):
        self.stuck()
        with mock.patch.object(histories, "SHOWN", 2):
            for number in range(4):
                sagas.compensate(self.row().pk, f"please {number}")
                deliver_everything()
            answer = self.page()
        self.assertContains(answer, "7 earlier events of this saga")
        (step,) = answer.context["steps"]
        self.assertEqual([(c.path, c.before, c.after) for c in step["told"].changes], [("why", "please 2", "please 3")])

    def test_the_page_lives_while_something_may_come(self):
        self.stuck(attempts=1)
        mark = self.page().context["mark"]
        self.assertEqual(self.live(mark=mark).status_code, 204, "nothing happened: whoever reads keeps reading")
        SagaCommand.objects.update(attempts=2, note="ValueError: still")
        answer = self.live(mark=mark)
        self.assertContains(answer, "ValueError: still")
        self.assertNotContains(answer, "<html")

    def test_queries_do_not_grow_with_the_steps(self):
        self.stuck()
        few = self.queries(self.url())
        for number in range(6):
            sagas.compensate(self.row().pk, f"please {number}")
        deliver_everything()
        self.assertEqual(self.queries(self.url()), few)


class Acts(Screen):
    def test_a_command_is_retried(self):
        command = self.stuck()
        self.assertContains(self.page(), "failed 5 times, the last time with LookupError: the line is dead")
        Seats.rule = staticmethod(lambda wanted: None)
        self.assertContains(self.act(f"retry-{command.pk}"), "test.reserve_seat is due now")
        deliver_everything()
        self.assertEqual((self.row().outcome, self.row().trouble), ("confirmed", ""))
        self.assertEqual(self.told(), [("retried", "because", "staff:ben")])

    def test_a_command_is_settled(self):
        command = self.stuck()
        self.assertContains(self.act(f"settle-{command.pk}"), "counts as done; it is not carried out")
        self.assertEqual((SagaCommand.objects.get().state, self.row().trouble), ("done", ""))
        self.assertContains(self.act(f"settle-{command.pk}"), "Somebody may have done it already")

    def test_it_undoes_itself_and_says_beforehand_how(self):
        self.stuck()
        self.assertContains(self.page(), "it would send: test.release_seat.")
        self.assertContains(self.act("compensate", seen=self.row().version), "was asked to undo what it did")
        deliver_everything()
        self.assertEqual((self.row().status, self.row().state["why"]), ("compensating", "because"))

    def test_it_is_closed(self):
        self.stuck()
        self.assertContains(self.page(), "1 waiting command is never carried out, 1 deadline is cancelled")
        self.assertContains(self.act("close"), "is closed: nobody waits for it any more")
        self.assertEqual((self.row().outcome, SagaCommand.objects.get().state), ("closed by hand", "abandoned"))
        self.assertContains(self.act("close"), "this is not possible any more")

    def test_what_is_acted_on_is_what_was_shown(self):
        self.stuck()
        seen = self.row().version
        sagas.compensate(self.row().pk, "somebody else")
        for name in ("compensate", "close"):
            self.assertContains(self.act(name, seen=seen), "it changed meanwhile")
        self.assertEqual(self.row().status, "running")

    def test_a_refusal_that_came_after_the_end_is_put_away(self):
        book("a")
        deliver_everything()
        Seats.rule = staticmethod(sold_out)
        tell("seat-a", SeatReserved(trip="a"))
        deliver_everything()
        self.assertContains(self.page(), "test.release_seat was refused and nobody reacts")
        self.act("close", seen=self.row().version)
        self.assertEqual((self.row().trouble, self.row().outcome), ("", "confirmed"))
        self.assertEqual(self.told(), [("trouble settled", "because", "staff:ben")])
        self.assertContains(self.act("close"), "this is not possible any more")

    def test_an_act_has_a_reason(self):
        command = self.stuck()
        self.assertContains(self.act(f"settle-{command.pk}", reason=" "), "give a reason")
        self.assertEqual(SagaCommand.objects.get().state, "waiting")

    def test_rights_are_respected(self):
        command = self.stuck()
        self.client.force_login(staff.cleo())
        self.assertNotContains(self.page(), 'data-open="act-')
        for name in ("close", "compensate", f"retry-{command.pk}"):
            self.assertEqual(self.act(name).status_code, 403)
        self.client.force_login(staff.dan())
        for url in (LIST, self.url(), reverse("admin:eventstore_sagainstance_live", args=[self.row().pk])):
            self.assertEqual(self.client.get(url).status_code, 403)
        self.assertEqual(Event.objects.filter(name="eventstore.saga_handled").count(), 0)
