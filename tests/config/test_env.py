"""What the environment may say, and what it is told when it says something else."""

import os
from unittest import mock

from django.core.exceptions import ImproperlyConfigured
from django.test import SimpleTestCase

from config import env


def environment(**variables: str) -> "mock._patch_dict":
    return mock.patch.dict(os.environ, variables)


class Words(SimpleTestCase):
    def test_a_flag_understands_the_usual_words_and_names_them_when_it_does_not(self):
        for said, meant in (("1", True), ("Yes", True), ("off", False), ("", True)):
            with self.subTest(said=said), environment(A_FLAG=said):
                self.assertIs(env.flag("A_FLAG", default=True), meant)
        with environment(A_FLAG="perhaps"), self.assertRaisesMessage(ImproperlyConfigured, 'A_FLAG is "perhaps"; use one of 1, true'):
            env.flag("A_FLAG")

    def test_a_number_that_is_none_is_named(self):
        with environment(A_NUMBER="16"):
            self.assertEqual(env.integer("A_NUMBER", 1), 16)
        with environment(A_NUMBER="many"), self.assertRaisesMessage(ImproperlyConfigured, 'A_NUMBER is "many"'):
            env.integer("A_NUMBER", 1)

    def test_a_list_is_separated_by_commas(self):
        with environment(HOSTS=" a.example, b.example ,"):
            self.assertEqual(env.words("HOSTS"), ["a.example", "b.example"])
        self.assertEqual(env.words("NOT_SET", ("localhost",)), ["localhost"])

    def test_a_missing_secret_says_what_to_set(self):
        with self.assertRaisesMessage(ImproperlyConfigured, "NOT_SET is not set. Set it to a long random text"):
            env.secret("NOT_SET")


class Databases(SimpleTestCase):
    def test_a_server_far_away(self):
        self.assertEqual(
            env.database("postgres://ada:p%40ss@db.example:5433/shop?sslmode=require"),
            {
                "ENGINE": "django.db.backends.postgresql",
                "HOST": "db.example",
                "PORT": "5433",
                "USER": "ada",
                "PASSWORD": "p@ss",
                "NAME": "shop",
                "OPTIONS": {"sslmode": "require"},
            },
        )

    def test_a_socket_becomes_the_host_so_that_dbshell_finds_it(self):
        found = env.database("postgresql://daybook@/daybook?host=%2Ftmp%2Fa%20b&port=5432")
        self.assertEqual((found["HOST"], found["PORT"], found["OPTIONS"]), ("/tmp/a b", "5432", {}))

    def test_what_cannot_be_read_is_told_without_its_password(self):
        for url in ("mysql://ada:hush@db/shop", "postgresql://ada:hush@db/shop?no_such_option=1"):
            with self.subTest(url=url), self.assertRaises(ImproperlyConfigured) as refusal:
                env.database(url)
            self.assertNotIn("hush", str(refusal.exception))


class Redis(SimpleTestCase):
    def test_valkey_is_spelled_redis_for_the_clients(self):
        self.assertEqual(env.redis("valkey://cache:6379/1"), "redis://cache:6379/1")
        self.assertEqual(env.redis("valkeys://cache:6379/1"), "rediss://cache:6379/1")

    def test_a_socket_has_one_spelling_for_redis_and_one_for_celery(self):
        self.assertEqual(env.redis("redis+socket:///run/a.sock?db=2"), "unix:///run/a.sock?db=2")
        self.assertEqual(env.broker("unix:///run/a%20b.sock?db=2"), "redis+socket:///run/a%20b.sock?virtual_host=2")
        self.assertEqual(env.broker("redis://cache:6379/1"), "redis://cache:6379/1")

    def test_anything_else_is_refused(self):
        with self.assertRaisesMessage(ImproperlyConfigured, "REDIS_URL must begin with redis://"):
            env.redis("localhost:6379")
