"""manage.py create_api_key: a key for a client, shown once."""

import json
from io import StringIO

from django.core.management import CommandError, call_command
from django.test import TestCase

from eventstore.clock import now
from eventstore.models import ApiKey
from tests.clients import ApiClient


class Creating(TestCase):
    def create(self, *arguments: str) -> str:
        out = StringIO()
        call_command("create_api_key", *arguments, stdout=out)
        return out.getvalue()

    def refused(self, *arguments: str) -> str:
        with self.assertRaises(CommandError) as told:
            self.create(*arguments)
        self.assertEqual(told.exception.returncode, 2)
        self.assertFalse(ApiKey.objects.exists())
        return str(told.exception)

    def test_machines_get_json_and_a_key_that_opens(self):
        told = json.loads(self.create("--name", "shop", "--scopes", "orders:read, events:read", "--json"))
        self.assertEqual((told["name"], told["scopes"]), ("shop", ["orders:read", "events:read"]))
        self.assertTrue(told["key"].startswith(told["prefix"] + "."))
        self.assertEqual(ApiClient(told["key"]).read("/api/v1/orders").status_code, 200)
        self.assertEqual(ApiClient(told["key"]).send("/api/v1/orders", {}).status_code, 403)

    def test_people_get_the_key_and_a_line_to_try_it(self):
        told = self.create("--name", "shop", "--scopes", "*")
        key = told.splitlines()[0]
        self.assertIn(f"Bearer {key}", told)
        self.assertEqual(ApiClient(key).read("/api/v1/events").status_code, 200)

    def test_a_key_may_expire(self):
        self.create("--name", "shop", "--scopes", "*", "--expires-days", "2")
        expiry = ApiKey.objects.get().expiry_date
        assert expiry is not None
        self.assertEqual((expiry - now()).days, 1)

    def test_the_database_does_not_know_the_key(self):
        key = json.loads(self.create("--name", "shop", "--scopes", "*", "--json"))["key"]
        self.assertNotIn(key.partition(".")[2], repr(ApiKey.objects.values().get()))

    def test_a_misspelt_scope_is_told_what_was_meant(self):
        self.assertIn("did you mean orders:write?", self.refused("--name", "shop", "--scopes", "order:write"))
        self.assertIn("known: ", self.refused("--name", "shop", "--scopes", "zzz"))
        self.assertIn("empty", self.refused("--name", "shop", "--scopes", " , "))

    def test_names_and_days_are_checked(self):
        self.refused("--name", "x" * 51, "--scopes", "*")
        self.refused("--name", "a\nb", "--scopes", "*")
        self.refused("--name", "shop", "--scopes", "*", "--expires-days", "0")
