"""Where the data of a checkout live, told without touching the disk."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

from django.test import SimpleTestCase

from config import env
from config.local import places


@contextmanager
def machine(uid: int = 1000, **variables: str) -> Iterator[None]:
    """A user on a machine with these variables and no others."""
    with mock.patch.dict(os.environ, variables, clear=True), mock.patch.object(os, "geteuid", return_value=uid):
        yield


class DataDirectories(SimpleTestCase):
    def setUp(self):
        home = tempfile.TemporaryDirectory()
        self.addCleanup(home.cleanup)
        self.home = home.name

    def test_a_chosen_place_is_taken(self):
        with machine(DAYBOOK_DATA_DIR="/srv/shop"):
            self.assertEqual(places.data_dir(), Path("/srv/shop"))

    def test_otherwise_it_is_a_folder_of_this_checkout_below_the_cache(self):
        with machine(HOME=self.home):
            self.assertEqual(places.data_dir().parent, Path(self.home, ".cache/daybook"))
        with machine(HOME=self.home, XDG_CACHE_HOME="/fast"):
            self.assertEqual(places.data_dir().parent, Path("/fast/daybook"))

    def test_a_relative_cache_is_ignored_as_its_standard_says(self):
        with machine(HOME=self.home, XDG_CACHE_HOME="cache"):
            self.assertEqual(places.cache_dir(), Path(self.home, ".cache/daybook"))

    def test_root_keeps_nothing_in_its_closed_home(self):
        with machine(uid=0, HOME="/root", XDG_CACHE_HOME="/root/.cache"):
            self.assertEqual(places.cache_dir(), Path("/var/cache/daybook"))

    def test_a_user_without_a_home_has_a_place_all_the_same(self):
        for home in ("", "/no/such/home"):
            with self.subTest(home=home), machine(uid=987_654, HOME=home):
                self.assertEqual(places.cache_dir(), Path("/tmp/daybook-987654"))

    def test_two_checkouts_never_meet(self):
        self.assertNotEqual(places.short_hash(Path("/a/daybook")), places.short_hash(Path("/b/daybook")))


class Sockets(SimpleTestCase):
    def test_sockets_are_inside_the_data_as_long_as_the_path_is_short(self):
        self.assertEqual(places.sockets_dir(Path("/srv/shop")), Path("/srv/shop/run"))

    def test_a_deep_path_gets_a_short_folder_of_its_own(self):
        deep = Path("/srv", "a-rather-deep-folder/" * 6)
        for name in (places.POSTGRES_SOCKET, places.VALKEY_SOCKET):
            self.assertLessEqual(len(os.fsencode(places.sockets_dir(deep) / name)), places.SOCKET_PATH_LIMIT)
        self.assertNotEqual(places.sockets_dir(deep), places.sockets_dir(deep / "other"))

    def test_bytes_count_not_letters(self):
        data = Path("/srv", "帳" * 30)
        self.assertNotEqual(places.sockets_dir(data), data / "run")

    def test_the_addresses_survive_every_character_of_a_path(self):
        data = Path("/srv/my shop's 50% & co?")
        database = env.database(places.database_url(data))
        self.assertEqual((database["HOST"], database["NAME"]), (str(data / "run"), "daybook"))
        from redis import ConnectionPool

        settings = ConnectionPool.from_url(env.redis(places.redis_url(data))).connection_kwargs
        self.assertEqual(settings["path"], str(data / "run" / "valkey.sock"))
