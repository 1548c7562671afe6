"""manage.py publish_schemas: from the code into the registry, or a reason why not."""

from django.test import TransactionTestCase

from eventstore.log import read_stream
from eventstore.messages import Event, event, publish
from eventstore.models import PublishedSchema
from tests.eventstore.management.calling import Called
from tests.eventstore.schemas.declaring import another_release, forget

NAME = "orders.order_cancelled"


class PublishSchemas(TransactionTestCase):
    def release(self, version: int, *fields: str, **published: object) -> None:
        forget(NAME)
        cls = type("OrderCancelled", (Event,), {"__annotations__": dict.fromkeys(fields, str), "__module__": "orders.events"})
        event(NAME, version=version)(cls)
        publish(cls, **published)  # type: ignore[arg-type]

    def setUp(self):
        self.enterContext(another_release())

    def test_a_new_database_has_published_nothing_and_check_changes_nothing(self):
        called = Called("publish_schemas", "--check")
        self.assertEqual(called.code, 3)
        self.assertIn("orders.order_placed version 1 is not published yet.", called.out)
        self.assertIn("schemas need a look", called.complaint)
        self.assertEqual(PublishedSchema.objects.count(), 0)
        self.assertEqual(read_stream("operations"), [])

    def test_publishing_is_an_event_and_the_second_time_nothing_is_left(self):
        called = Called("publish_schemas", "--reason", "release 1")
        self.assertEqual(called.code, 0)
        rows = PublishedSchema.objects.all()
        self.assertEqual(called.out, f"{len(rows)} published.\n")
        placed = PublishedSchema.objects.get(name="orders.order_placed", version=1, form="full")
        self.assertEqual((placed.status, placed.compatibility), ("published", "forward"))
        self.assertTrue(placed.published_by.startswith("shell:"))
        self.assertEqual(PublishedSchema.objects.get(name="ledger.transaction_posted").status, "internal")
        (told,) = read_stream("operations")
        self.assertEqual((told.event.reason, len(told.event.schemas)), ("release 1", len(rows)))  # type: ignore[attr-defined]
        self.assertEqual(Called("publish_schemas", "--check").out, "Everything is published as the code has it.\n")
        self.assertEqual(Called("publish_schemas").code, 0)
        self.assertEqual(len(read_stream("operations")), 1)

    def test_a_change_that_would_break_readers_is_told_in_words_and_nothing_is_published(self):
        Called("publish_schemas")
        self.release(2, "order_id")
        called = Called("publish_schemas")
        self.assertEqual(called.code, 3)
        self.assertIn("field reason was removed: whoever reads version 1 still asks for it  (#/properties/reason)", called.out)
        self.assertIn("@downcasts('orders.order_cancelled', version=2)", called.out)
        self.assertFalse(PublishedSchema.objects.filter(name=NAME, version=2).exists())

    def test_machines_read_the_same(self):
        Called("publish_schemas")
        self.release(1, "order_id", "reason", "by")
        called = Called("publish_schemas", "--check", "--json")
        self.assertEqual(called.code, 3)
        kinds = {(each["name"], each["version"], each["form"]): each["kind"] for each in called.json["findings"]}
        self.assertEqual(kinds, {(NAME, 1, "full"): "changed", (NAME, 1, "notification"): "gone"})

    def test_what_the_code_has_no_more_is_retired_when_somebody_says_so(self):
        Called("publish_schemas")
        forget(NAME)
        self.assertEqual(Called("publish_schemas").code, 3)
        self.assertEqual(Called("publish_schemas", "--retire", "--reason", "nobody reads it").code, 0)
        self.assertEqual(set(PublishedSchema.objects.filter(name=NAME).values_list("status", flat=True)), {"retired"})
        self.assertEqual(read_stream("operations")[-1].event.schemas[0].what, "retired")  # type: ignore[attr-defined]
        self.assertEqual(Called("publish_schemas", "--check").code, 0)

    def test_the_files_beside_the_code_are_what_the_code_says(self):
        self.assertEqual(Called("publish_schemas", "--files", "--check").code, 0)
        self.assertEqual(Called("publish_schemas", "--files", "--retire").code, 2)
