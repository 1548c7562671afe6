"""Servers live as long as somebody uses them. Valkey stands for both: it starts in a few milliseconds."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from unittest import mock

from django.test import SimpleTestCase

from config.local import keeper, postgres
from config.local.accounts import Account, can_reach, server_account
from config.local.errors import CannotRun
from config.local.pids import is_ours
from config.local.places import CHECKOUT
from config.local.postgres import Postgres
from config.local.servers import Servers, secret_key, temporary


class LifeOfServers(SimpleTestCase):
    def test_fresh_servers_answer_and_leave_nothing_behind(self):
        with temporary(postgres=False) as servers:
            self.assertTrue(servers.valkey.is_running())
            self.assertEqual(list(servers.environment()), ["DAYBOOK_DATA_DIR", "DJANGO_SECRET_KEY", "REDIS_URL"])
        self.assertFalse(servers.valkey.is_running())
        self.assertFalse(servers.data.exists())

    def test_the_last_one_out_stops_them_and_no_earlier_one(self):
        with temporary(postgres=False) as first:
            second = Servers(first.data, postgres=False)
            second.enter()
            pid = second.valkey.pid
            second.leave()
            self.assertEqual((first.valkey.is_running(), first.valkey.pid), (True, pid))

    def test_kill_9_for_the_only_user_stops_them_too(self):
        script = (
            "import time; from config.local.servers import temporary; servers = temporary(postgres=False).__enter__(); "
            "print(servers.data, servers.valkey.pid, flush=True); time.sleep(600)"
        )
        user = subprocess.Popen([sys.executable, "-c", script], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True)
        assert user.stdout is not None
        data, pid = user.stdout.readline().split()
        user.kill()
        user.wait()
        user.stdout.close()
        until = time.monotonic() + 10
        while is_ours(int(pid), Path(data)) or Path(data).exists():
            self.assertLess(time.monotonic(), until, "the keeper did not turn off the lights")
            time.sleep(0.01)

    def test_a_server_that_was_killed_starts_again(self):
        with temporary(postgres=False) as servers:
            servers.valkey.kill9()
            self.assertFalse(servers.valkey.is_running())
            self.assertEqual(servers.revive(), ["Valkey"])
            self.assertEqual(servers.revive(), [])
            self.assertTrue(servers.valkey.is_running())

    def test_a_number_in_a_pid_file_that_belongs_to_somebody_else_is_no_server(self):
        with temporary(postgres=False) as servers:
            servers.valkey.kill9()
            (servers.valkey.home / "server.pid").write_text(str(os.getpid()))
            self.assertFalse(servers.valkey.is_running())
            servers.valkey.stop()  # and it is not stopped either

    def test_a_keeper_that_is_gone_is_replaced(self):
        with temporary(postgres=False) as servers:
            keeper.dismiss(servers.data)
            again = Servers(servers.data, postgres=False)
            again.enter()
            again.leave()
            self.assertTrue(is_ours(int((servers.data / keeper.KEEPER).read_text()), servers.data))


class Keeping(SimpleTestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="daybook-")
        self.addCleanup(folder.cleanup)
        self.data = Path(folder.name, "data")
        self.data.mkdir()

    def test_the_secret_is_made_once_and_closed_to_others(self):
        first = secret_key(self.data)
        self.assertEqual(secret_key(self.data), first)
        self.assertGreater(len(first), 49)
        self.assertEqual([path.name for path in self.data.iterdir()], ["secret_key"])
        self.assertEqual((self.data / "secret_key").stat().st_mode & 0o777, 0o600)

    def test_data_of_another_postgresql_are_not_touched(self):
        cluster = self.data / "postgres" / "cluster"
        cluster.mkdir(parents=True)
        (cluster / "PG_VERSION").write_text("9\n")
        with self.assertRaisesMessage(CannotRun, "were made by PostgreSQL 9, this is PostgreSQL"):
            Postgres(self.data).start()

    def test_only_the_number_in_an_old_lock_file_is_distrusted(self):
        cluster = self.data / "postgres" / "cluster"
        cluster.mkdir(parents=True)
        (cluster / "postmaster.pid").write_text(f"{os.getpid()}\n/data\n1700000000\n5432\n")
        Postgres(self.data)._distrust_old_numbers()
        self.assertEqual((cluster / "postmaster.pid").read_text(), f"{postgres.NOBODYS_NUMBER}\n/data\n1700000000\n5432\n")
        with self.assertRaises(ProcessLookupError):
            os.kill(postgres.NOBODYS_NUMBER, signal.SIG_DFL)

    def test_values_are_quoted_as_postgresql_conf_wants_them(self):
        self.assertEqual(postgres.quoted("/it's\\here"), "'/it''s\\\\here'")


class Accounts(SimpleTestCase):
    def test_we_ourselves_run_the_servers_unless_we_are_root(self):
        with mock.patch.object(os, "geteuid", return_value=1000):
            self.assertEqual(server_account().uid, 1000)
        with mock.patch.object(os, "geteuid", return_value=0):
            self.assertNotEqual(server_account().uid, 0)

    def test_a_path_behind_a_closed_folder_is_out_of_reach_for_others(self):
        with tempfile.TemporaryDirectory() as folder:
            inner = Path(folder, "inner")
            inner.mkdir(mode=0o755)
            stranger = Account("nobody", os.geteuid() + 1, 0)
            Path(folder).chmod(0o700)
            self.assertFalse(can_reach(inner, stranger))
            Path(folder).chmod(0o711)
            self.assertTrue(can_reach(inner, stranger))
