"""One order from the shop's till to the last thing that staff did about it: one story, told whole, with one beginning."""

from io import StringIO
from typing import Any

from django.core.management import call_command
from django.urls import reverse

from eventstore import runs
from eventstore.context import acting
from eventstore.delivery import Consumer, Retry, forget_consumer, lay_out, resolve
from eventstore.log import ANY, append, read_correlation, read_event
from eventstore.messages import Envelope
from eventstore.models import Effect, Event, ParkedKey
from eventstore.testing import deliver_everything
from orders.events import OrderPlaced
from tests import staff
from tests.clients import ApiCase
from tests.eventstore.examples import Noted, Raised

ORDER: dict[str, Any] = {"currency": "JPY", "customer_ref": "ada", "lines": [{"sku": "TEA", "quantity": 2, "unit_price": "450"}]}
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class OneStory(ApiCase):
    def setUp(self):
        super().setUp()
        self.broken = True
        notes = Consumer("test.notes", retry=Retry(attempts=1))
        counts = Consumer("test.counts", replay="allow")
        for consumer in (notes, counts):
            self.addCleanup(forget_consumer, consumer.name)

        @notes.on(OrderPlaced)
        def note(event: OrderPlaced, envelope: Envelope) -> None:
            if self.broken:
                raise LookupError("no such customer")
            append(f"note-{event.order_id}", [Noted(text="welcome")], expected=ANY)

        @counts.on(Noted)
        def count(event: Noted, envelope: Envelope) -> None:
            append("counter-1", [Raised()], expected=ANY)

        lay_out()

    def place(self, **headers: str) -> None:
        answer = self.api.send("/api/v1/orders", ORDER, **headers)
        self.assertEqual(answer.status_code, 201, answer.content)
        self.request_id, self.order = answer["X-Request-Id"], str(answer.json()["id"])

    def pay(self) -> Any:
        self.account = self.api.send("/api/v1/ledger/accounts", {"currency": "JPY"}).json()["id"]
        body = {"amount": "900", "currency": "JPY", "counterparty": "bank:main:JPY", "external_id": "p-1"}
        paid = self.api.send(f"/api/v1/ledger/accounts/{self.account}/credit", body)
        self.assertEqual(paid.status_code, 201, paid.content)
        return paid

    def story(self) -> dict[str, list[Envelope]]:
        told: dict[str, list[Envelope]] = {}
        for envelope in read_correlation(self.correlation):
            told.setdefault(envelope.name, []).append(envelope)
        return told

    def test_from_the_request_to_what_staff_did_it_is_one_tree(self):
        self.correlation = "story-of-ada"
        self.place(x_correlation_id=self.correlation, traceparent=TRACE, tracestate="till=7")
        deliver_everything()
        # Staff look at the dead letter, mend what was broken and try again; then somebody cancels the order.
        self.broken = False
        parked = ParkedKey.objects.get()
        self.client.force_login(staff.ben())
        retry = reverse("admin:eventstore_parkedkey_act", args=[parked.pk, "retry"])
        self.client.post(retry, {"reason": "she is in the book now"})
        deliver_everything()
        cancel = reverse("admin:orders_ordersummary_act", args=[self.order, "cancel"])
        self.client.post(cancel, {"reason": "changed her mind", "seen": "1"})

        story = self.story()
        (placed,), (asked,), (noted,), (counted,), (cancelled,) = (
            story[name]
            for name in ("orders.order_placed", "eventstore.retry_requested", "test.noted", "test.raised", "orders.order_cancelled")
        )
        because = {envelope.name: envelope.facts["causation"] for (envelope,) in story.values()}
        self.assertEqual(
            because,
            {
                placed.name: self.request_id,
                asked.name: str(placed.id),
                noted.name: str(placed.id),
                counted.name: str(noted.id),
                cancelled.name: str(placed.id),
            },
        )
        by = {envelope.name: envelope.actor for (envelope,) in story.values()}
        self.assertEqual(list(by.values()).count("staff:ben"), 2)
        self.assertEqual((by[placed.name], by[noted.name], by[counted.name]), ("key:shop", "consumer:test.notes", "consumer:test.counts"))
        self.assertEqual((placed.facts["command"], cancelled.facts["command"]), ("orders.place_order", "orders.cancel_order"))
        for follows in (noted, counted):
            # What belongs to the act of whoever made it happen, now or then, is not a fact of what followed.
            self.assertFalse({"reason", "idempotency_key", "command"} & set(follows.facts))
            self.assertEqual((follows.facts["trace"], follows.facts["tracestate"]), (TRACE, "till=7"))
        self.assertNotIn("trace", asked.facts, "the click of staff is not in the till's trace")

        page = self.client.get(reverse("admin:eventstore_event_change", args=[counted.id]))
        tree = page.context["tree"]
        self.assertEqual((tree.total, tree.hidden, len(tree.nodes)), (5, 0, 5))
        roots = [node for node in tree.nodes if node.x == min(node.x for node in tree.nodes)]
        self.assertEqual([root.event.id for root in roots], [placed.id])
        self.assertEqual(len(tree.lines), 4, "everything hangs from something")

    def test_an_order_that_is_paid_through_its_process_is_one_tree_in_one_trace(self):
        self.broken, self.correlation = False, "story-of-ada"
        self.pay()
        answer = self.api.send("/api/v1/orders", ORDER | {"pay_from": self.account}, x_correlation_id=self.correlation, traceparent=TRACE)
        self.assertEqual(answer.status_code, 201, answer.content)
        deliver_everything()
        self.client.force_login(staff.ben())
        cancel = reverse("admin:orders_ordersummary_act", args=[answer.json()["id"], "cancel"])
        self.client.post(cancel, {"reason": "changed her mind", "seen": "2"})
        deliver_everything()
        told = read_correlation(self.correlation)
        names = [envelope.name for envelope in told]
        for name in ("ledger.hold_placed", "orders.order_confirmed", "orders.order_cancelled", "ledger.hold_voided"):
            self.assertIn(name, names)
        (root, *others), ids = told, {str(envelope.id) for envelope in told}
        self.assertEqual((root.name, root.facts["causation"]), ("orders.order_placed", answer["X-Request-Id"]))
        self.assertEqual([envelope.name for envelope in others if envelope.facts["causation"] not in ids], [])
        tree = self.client.get(reverse("admin:eventstore_event_change", args=[root.id])).context["tree"]
        self.assertEqual((tree.total, tree.hidden, len(tree.lines)), (len(told), 0, len(told) - 1))
        # What followed from the till's request is in its trace; what followed from the click of staff is not.
        before = told[: names.index("orders.order_cancelled")]
        self.assertEqual({envelope.facts.get("trace") for envelope in before}, {TRACE})
        self.assertNotIn("trace", told[-1].facts)

    def test_a_redrive_in_the_background_belongs_to_the_story_and_the_run_has_one_of_its_own(self):
        self.correlation = "story-of-ada"
        self.place(x_correlation_id=self.correlation)
        deliver_everything()
        self.broken = False
        with acting(actor="user:ada", request="r-7"):
            run = runs.redrive([ParkedKey.objects.get().pk], reason="mended")
        runs.drive(run.pk)
        story = self.story()
        (placed,) = story["orders.order_placed"]
        self.assertEqual(story["eventstore.dead_letter_handled"][0].facts["causation"], str(placed.id))
        self.assertEqual(story["eventstore.dead_letter_handled"][0].actor, "user:ada")
        self.assertEqual(story["test.noted"][0].facts["causation"], str(placed.id))
        started, ended = read_correlation(str(run.pk))
        self.assertEqual((started.facts["causation"], ended.facts["causation"]), ("r-7", str(started.id)))

    def test_every_event_says_who_and_why_whatever_door_it_came_through(self):
        self.broken = False
        self.place()
        deliver_everything()
        self.pay()
        run = runs.rebuild_beside("orders.order_list", reason="to be sure")
        runs.drive(run.pk)
        call_command("rebuild", "orders.order_list", reason="to be sure", stdout=StringIO(), stderr=StringIO())
        self.assertGreater(Event.objects.count(), 5)
        requests = {event.facts["request"] for event in Event.objects.all() if "request" in event.facts}
        for event in Event.objects.all():
            with self.subTest(event.name, facts=event.facts):
                self.assertTrue(event.facts["actor"] and event.facts["correlation"])
                if (cause := event.facts.get("causation")) is None:
                    self.assertEqual(event.facts["actor"], "system", "nobody asked: a test called the function itself")
                else:
                    self.assertTrue(cause in requests or read_event(cause))

    def test_a_persons_word_on_an_effect_belongs_to_the_story_of_the_event_that_called(self):
        self.correlation = "story-of-ada"
        self.place(x_correlation_id=self.correlation)
        (placed,) = self.story()["orders.order_placed"]
        Effect.objects.create(key="mail-1", state=Effect.State.UNKNOWN, actor="consumer:mail", event_id=str(placed.id), note="")
        resolve("mail-1", happened=True, by="user:ada", note="she has it")
        self.assertEqual(self.story()["eventstore.effect_resolved"][0].facts["causation"], str(placed.id))

    def test_several_events_of_one_request_hang_from_it(self):
        self.broken = False
        events = read_correlation(self.pay()["X-Request-Id"])
        self.assertGreater(len(events), 1)
        self.client.force_login(staff.cleo())
        page = self.client.get(reverse("admin:eventstore_event_change", args=[events[0].id]))
        tree = page.context["tree"]
        self.assertEqual((tree.total, tree.hidden, len(tree.nodes)), (len(events), 0, len(events) + 1))
        self.assertEqual(len([node for node in tree.nodes if node.event.name == "request"]), 1)
        self.assertContains(page, "<title>request ")
