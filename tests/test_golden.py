"""Every event version that was ever shipped still reads: tests/golden holds one recorded payload of each, as bytes.

A new version of an event brings a new file; the old ones stay as they are, for the log is full of them.
"""

import re
from pathlib import Path

import jsonschema_rs
import msgspec
from django.test import SimpleTestCase

from eventstore.messages import decode_event, encode, name_of, registered_events
from eventstore.schemas import read_shelves

GOLDEN = Path(__file__).parent / "golden"
_file_name = re.compile(r"(?P<name>.+)\.v(?P<version>\d+)\.json")


def shipped():
    """The newest version of each event of our own apps; tests declare events too."""
    for name, cls in registered_events().items():
        if not cls.__module__.startswith("tests."):
            yield name, name_of(cls)[1]


def recorded():
    """Name, version and bytes of each golden file."""
    for path in sorted(GOLDEN.glob("*.json")):
        found = _file_name.fullmatch(path.name)
        assert found, f"{path.name} must be called app.what_happened.v1.json"
        yield found["name"], int(found["version"]), path.read_bytes()


class Golden(SimpleTestCase):
    def test_every_version_of_every_event_has_a_recorded_payload(self):
        there = {(name, version) for name, version, _ in recorded()}
        wanted = {(name, version) for name, newest in shipped() for version in range(1, newest + 1)}
        missing = [f"tests/golden/{name}.v{version}.json" for name, version in sorted(wanted - there)]
        self.assertEqual(missing, [], "write the payload that the log would hold into these files")

    def test_every_version_that_was_ever_published_has_a_recorded_payload_that_fits_its_schema(self):
        there = {(name, version): payload for name, version, payload in recorded()}
        for key, schema in read_shelves().items():
            if key.form == "full" and key.name in registered_events():
                with self.subTest(name=key.name, version=key.version):
                    self.assertIn((key.name, key.version), there, "the log may hold it: write the payload that it would hold")
                    jsonschema_rs.validate(schema, msgspec.json.decode(there[key.name, key.version]), validate_formats=True)

    def test_every_recorded_payload_still_reads(self):
        for name, version, payload in recorded():
            with self.subTest(name=name, version=version):
                decode_event(name, version, payload)

    def test_nothing_is_lost_from_a_payload_of_the_newest_version(self):
        newest = dict(shipped())
        for name, version, payload in recorded():
            if newest.get(name) == version:
                with self.subTest(name):
                    again = msgspec.json.decode(encode(decode_event(name, version, payload)))
                    # A field that came later, with a default, is not in an older payload: it is told, and nothing else changes.
                    self.assertEqual(again, again | msgspec.json.decode(payload))
