"""The AsyncAPI document: what the specification asks for, and every event that goes out."""

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
from django.test import SimpleTestCase

from eventstore.api.asyncapi import document
from eventstore.messages import all_publications

GOLDEN = Path(__file__).parents[2] / "golden"
OFFICIAL = Path(__file__).parents[2] / "asyncapi" / "3.1.0.json"


def refs_in(part: Any) -> list[str]:
    match part:
        case {"$ref": str(ref)}:
            return [ref]
        case dict():
            return [ref for inner in part.values() for ref in refs_in(inner)]
        case list():
            return [ref for inner in part for ref in refs_in(inner)]
    return []


class AsyncApi(SimpleTestCase):
    def setUp(self):
        self.told = document("shop.example:8000")

    def look_up(self, ref: str) -> Any:
        found: Any = self.told
        for step in ref.removeprefix("#/").split("/"):
            found = found[step]
        return found

    def test_it_is_what_the_specification_asks_for(self):
        official = jsonschema_rs.validator_for(json.loads(OFFICIAL.read_text()))
        self.assertEqual([f"{error.instance_path}: {error.message[:200]}" for error in official.iter_errors(self.told)], [])
        broken = self.told | {"channels": {"x": {"address": 1}}}
        self.assertFalse(official.is_valid(broken), "the official schema would notice")

    def test_every_ref_leads_somewhere_in_the_document(self):
        for ref in refs_in(self.told):
            with self.subTest(ref):
                self.look_up(ref)

    def test_every_event_that_goes_out_has_a_channel_with_its_versions_and_forms(self):
        for publication in all_publications():
            with self.subTest(publication.name):
                channel = self.told["channels"][publication.name.replace(".", "_")]
                self.assertEqual(channel["parameters"]["version"]["enum"], [str(version) for version in publication.versions])
                self.assertEqual(channel["parameters"]["form"]["enum"], list(publication.forms))
                self.assertEqual(len(channel["messages"]), len(publication.versions) * len(publication.forms))

    def test_what_was_recorded_fits_the_message_of_its_event(self):
        for publication in all_publications():
            name, version = publication.event, publication.versions[-1]
            payload = json.loads((GOLDEN / f"{name}.v{version}.json").read_text())
            for message in self.told["channels"][publication.name.replace(".", "_")]["messages"].values():
                schema = self.look_up(message["$ref"])["payload"] | {"components": self.told["components"]}
                with self.subTest(message["$ref"]):
                    # Whole: every field is tolerated, also by a notification.
                    jsonschema_rs.Draft7Validator(schema).validate(payload)

    def test_internal_events_do_not_go_out(self):
        self.assertNotIn("ledger_transaction_posted", self.told["channels"])
        self.assertIn("recorded", self.told["channels"])

    def test_what_stands_around_a_payload_is_told(self):
        envelope = self.look_up("#/components/schemas/Envelope")
        self.assertLessEqual({"id", "type", "source", "subject", "time", "correlationid", "position"}, set(envelope["required"]))
        self.assertLessEqual({"causationid", "replayid", "reversesid", "traceparent"}, set(envelope["properties"]))

    def test_anybody_may_read_it(self):
        answer = self.client.get("/api/asyncapi.json", headers={"host": "localhost"})
        self.assertEqual((answer.status_code, answer.json()["asyncapi"]), (200, "3.1.0"))
