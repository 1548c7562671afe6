"""What was published stands in the repository: a change that would break a reader fails here, before anybody deploys it."""

from django.test import SimpleTestCase

from eventstore.schemas import Published, compare, offers, read_shelves


class Shelves(SimpleTestCase):
    def test_the_events_of_the_code_are_what_was_published(self):
        shelves = read_shelves()
        found = compare(offers(shelves), {key: Published(schema=schema) for key, schema in shelves.items()})
        told = [f"{finding}: {'; '.join(problem.sentence for problem in finding.problems)} {finding.fix}" for finding in found]
        self.assertEqual(told, [], "what is new or only described anew is written by: manage.py publish_schemas --files")
