"""The first run on a fresh machine, told with a pretended pip: the real one takes a minute and a network."""

import ast
import sys
import tempfile
from pathlib import Path
from unittest import mock

from django.test import SimpleTestCase

from config.local import bootstrap
from config.local.places import CHECKOUT


class OldPythons(SimpleTestCase):
    def test_an_old_python_can_read_manage_py_as_far_as_the_sentence(self):
        source = (CHECKOUT / "manage.py").read_text()
        ast.parse(source, feature_version=(3, 4))
        # Python 2 refuses any other character without a declaration.
        source.encode("ascii")

    def test_before_the_packages_are_there_only_the_standard_library_is_imported(self):
        for module in ("manage.py", "config/__init__.py", "config/local/__init__.py", "config/local/bootstrap.py"):
            for node in ast.walk(ast.parse((CHECKOUT / module).read_text())):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
                for name in names:
                    self.assertTrue(name == "config.local" or name.partition(".")[0] in sys.stdlib_module_names, f"{module}: {name}")


class MakingTheEnvironment(SimpleTestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        self.venv = self.root / ".venv"
        self.python = self.venv / "bin" / "python"
        self.made_from = self.venv / "made-from"
        (self.root / "requirements.lock").write_text("django==5.2\n")
        self.commands: list[str] = []
        self.answers = {"venv": (0, ""), "pip": (0, "pip 26"), "install": (0, ""), "import": (0, "")}
        for name, value in (
            ("CHECKOUT", self.root),
            ("LOCK", self.root / "requirements.lock"),
            ("VENV", self.venv),
            ("PYTHON", self.python),
            ("MADE_FROM", self.made_from),
            ("run", self.pretend),
            ("say", lambda sentence: None),
        ):
            patch = mock.patch.object(bootstrap, name, value)
            patch.start()
            self.addCleanup(patch.stop)

    def pretend(self, *command, lock=None):
        said = " ".join(map(str, command))
        kind = "import" if " -c " in said else "install" if " install " in said else "pip" if " pip " in said else "venv"
        self.commands.append(kind)
        if kind == "venv" and self.answers["venv"][0] == 0:
            self.python.parent.mkdir(parents=True, exist_ok=True)
            self.python.touch()
        return self.answers[kind]

    def refusal(self) -> str:
        with self.assertRaises(SystemExit) as leaving:
            bootstrap.make_environment()
        return str(leaving.exception)

    def test_a_fresh_machine_gets_an_environment_with_a_stamp(self):
        bootstrap.make_environment()
        self.assertEqual(self.commands, ["venv", "pip", "install"])
        self.assertEqual(self.made_from.read_text(), "django==5.2\n")

    def test_a_finished_one_is_left_alone(self):
        bootstrap.make_environment()
        self.commands.clear()
        bootstrap.make_environment()
        self.assertEqual(self.commands, [])

    def test_an_interrupted_one_is_begun_anew(self):
        self.answers["install"] = (-9, "")
        self.assertIn("Run this again", self.refusal())
        (self.venv / "half-installed").touch()
        self.answers["install"] = (0, "")
        bootstrap.make_environment()
        self.assertFalse((self.venv / "half-installed").exists())
        self.assertEqual(self.made_from.read_text(), "django==5.2\n")

    def test_a_changed_lock_is_installed_into_what_is_there(self):
        bootstrap.make_environment()
        (self.venv / "kept").touch()
        (self.root / "requirements.lock").write_text("django==5.3\n")
        self.commands.clear()
        bootstrap.make_environment()
        self.assertEqual(self.commands, ["pip", "install"])
        self.assertTrue((self.venv / "kept").exists())
        self.assertEqual(self.made_from.read_text(), "django==5.3\n")

    def test_without_a_network_a_changed_lock_leaves_the_old_environment_usable(self):
        bootstrap.make_environment()
        (self.root / "requirements.lock").write_text("django==5.3\n")
        self.answers["install"] = (1, "ERROR: No matching distribution found (from versions: none)")
        self.assertIn("The first run needs a network", self.refusal())
        self.assertEqual(self.made_from.read_text(), "django==5.2\n")

    def test_an_environment_made_by_hand_is_its_owners_business_while_it_works(self):
        self.python.parent.mkdir(parents=True)
        self.python.touch()
        bootstrap.make_environment()
        self.assertEqual(self.commands, ["import"])
        self.assertFalse(self.made_from.exists())

    def test_one_that_lost_its_packages_is_made_again(self):
        bootstrap.make_environment()
        self.commands.clear()
        self.answers["import"] = (1, "ModuleNotFoundError")
        bootstrap.make_environment(distrusted=True)
        self.assertEqual(self.commands, ["import", "venv", "pip", "install"])

    def test_a_full_disk_and_a_python_without_pip_are_told_with_their_fix(self):
        self.answers["install"] = (1, "OSError: [Errno 28] No space left on device")
        self.assertIn("is full: free about", self.refusal())
        self.answers["pip"] = (1, "No module named pip")
        self.assertIn("apt-get install python3-venv", self.refusal())
