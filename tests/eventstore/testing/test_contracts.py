"""Contracts between writers and readers of events: our own hold, and a broken one is told."""

from django.test import TestCase

from eventstore.delivery import Consumer, all_consumers, effect, forget_consumer
from eventstore.errors import Refused, UnknownName
from eventstore.messages import Event, name_of
from eventstore.models import Effect
from eventstore.testing import ContractBroken, assert_offered, assert_reads
from eventstore.testing.contracts import schemas_of
from eventstore.testing.payloads import payloads_of
from orders.events import OrderPlaced
from orders.models import OrderSummary
from orders.projections import order_list, timeline
from tests.eventstore.examples import Raised
from tests.test_golden import GOLDEN


class OurOwn(TestCase):
    def test_every_consumer_reads_a_recorded_payload_of_every_version_of_its_events(self):
        for consumer in all_consumers():
            if not consumer.name.startswith("test"):
                with self.subTest(consumer.name):
                    self.assertEqual(assert_reads(consumer, golden=GOLDEN, examples=0), len(schemas_of(consumer)))
        self.assertFalse(OrderSummary.objects.exists(), "everything was taken back")

    def test_the_timeline_reads_whatever_keeps_to_the_schemas(self):
        self.assertGreater(assert_reads(timeline, fields={OrderPlaced: ("order_id", "total", "lines.unit_price", "charges")}), 30)


class Broken(TestCase):
    def consumer(self, handler, *events):
        consumer = Consumer("testing.reader")
        self.addCleanup(forget_consumer, "testing.reader")
        consumer.on(*(events or (Raised,)))(handler)
        return consumer

    def test_a_handler_that_relies_on_more_than_is_promised(self):
        reader = self.consumer(lambda event, envelope: 10 // len(event.note))
        with self.assertRaisesMessage(ContractBroken, "test.raised version 1: ZeroDivisionError") as caught:
            assert_reads(reader)
        self.assertIn("payload {", str(caught.exception))

    def test_a_field_that_the_next_schema_drops(self):
        schemas = schemas_of(order_list)
        ((key, placed),) = [(key, schema) for key, schema in schemas.items() if key[0] == name_of(OrderPlaced)[0]]
        fields = {name: part for name, part in placed["properties"].items() if name != "customer_ref"}
        required = [name for name in placed["required"] if name != "customer_ref"]
        dropped = {key: {**placed, "properties": fields, "required": required}}
        with self.assertRaisesMessage(ContractBroken, "orders.order_placed version 1 does not promise customer_ref"):
            assert_reads(order_list, fields={OrderPlaced: ("order_id", "customer_ref")}, schemas=dropped)
        with self.assertRaisesMessage(ContractBroken, "Object missing required field `customer_ref`"):
            assert_reads(order_list, schemas=dropped)

    def test_effects_are_refused_and_count_as_read(self):
        reader = self.consumer(lambda event, envelope: effect("mail:1", lambda: {"sent": True}))
        self.assertEqual(assert_reads(reader, examples=3), 3)
        self.assertFalse(Effect.objects.exists())

    def test_an_error_that_is_none_of_the_contract(self):
        def refuse(event: Event, envelope: object) -> None:
            raise Refused("Not today.")

        with self.assertRaisesMessage(ContractBroken, "Refused: Not today."):
            assert_reads(self.consumer(refuse))
        forget_consumer("testing.reader")
        assert_reads(self.consumer(refuse), may_raise=(Refused,))

    def test_a_schema_of_an_event_that_it_does_not_take(self):
        with self.assertRaisesMessage(UnknownName, "There is no event of orders.order_list named orders.order_placd. Did you mean"):
            assert_reads(order_list, schemas={("orders.order_placd", 1): {"type": "object"}})


class Outside(TestCase):
    def test_what_a_reader_outside_relies_on(self):
        assert_offered("orders.order_placed", "order_id", "total", "lines.sku", version=1)
        assert_offered("orders.order_placed", "order_id", "total", form="notification")

    def test_what_is_not_promised_is_told(self):
        with self.assertRaisesMessage(
            ContractBroken, "orders.order_placed version 1 (notification) does not promise lines, which a reader"
        ):
            assert_offered("orders.order_placed", "order_id", "lines", form="notification")
        with self.assertRaisesMessage(ContractBroken, "does not promise lines.colour"):
            assert_offered("orders.order_placed", "lines.colour")
        with self.assertRaisesMessage(ContractBroken, "orders.order_placed version 7 is not published as full. Published: "):
            assert_offered("orders.order_placed", version=7)


class Payloads(TestCase):
    def test_they_keep_to_the_schema_and_are_the_same_every_time(self):
        import jsonschema_rs

        for (name, version), schema in schemas_of(order_list).items():
            with self.subTest(name=name, version=version):
                made = payloads_of(schema, 10)
                self.assertEqual(made, payloads_of(schema, 10))
                for payload in made:
                    self.assertTrue(jsonschema_rs.is_valid(schema, payload), payload)
        self.assertTrue(any("of_a_newer_writer" in payload for payload in made))
