"""docs/a-third-app.md does what it says: walked from top to bottom in a temporary copy of the tree, wrong turns and all."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

from django.test import SimpleTestCase

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs" / "a-third-app.md"
WRONG = "When you take a wrong turn"
SERVERS = ("DATABASE_URL", "REDIS_URL")

_block = re.compile(r"^```(\w+)\n(.*?)^```$", re.S | re.M)
#: The first line of a block that is a file: `# shipping/events.py`, or {# … #} around it in a template.
_named = re.compile(r"(?:#|\{#) (\S+\.(?:py|html))(?: #\})?\n(.*)", re.S)
_command = re.compile(r"^\$ (.+)\n((?:(?!\$ ).*\n)*)", re.M)


def blocks() -> Iterator[tuple[str, str, str]]:
    """(section, language, text) of each block, in order."""
    for section in DOCUMENT.read_text().split("\n## ")[1:]:
        for language, text in _block.findall(section):
            yield section.splitlines()[0], language, text


def missing(shown: str, said: str) -> str:
    """The first line that the page shows and that is not printed, after those before it; … stands for anything."""
    for line in filter(str.strip, shown.splitlines()):
        pattern = ".*".join(re.escape(part) for part in line.strip().split("…"))
        found = re.search(rf"^[ \t]*{pattern}[ \t]*$", said, re.M)
        if not found:
            return line
        said = said[found.end() :]
    return ""


def lacking(tree: Path) -> set[str]:
    """The import contracts that speak of the ledger and not of shipping: an edit that finds nothing to edit says nothing."""
    contracts = tomllib.loads((tree / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    return {told["name"] for told in contracts if "ledger" in str(told) and "shipping" not in str(told)}


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"}


class ThirdApp(SimpleTestCase):
    def setUp(self) -> None:
        place = Path(self.enterContext(tempfile.TemporaryDirectory()))
        place.chmod(0o755)  # where root runs the tests, servers run as somebody else
        self.tree = place / "tree"
        told = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True)
        for name in filter(None, told.stdout.decode().split("\0")):
            if (ROOT / name).is_file():
                (self.tree / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, self.tree / name)
        subprocess.run(["git", "init", "-q"], cwd=self.tree, check=True)  # the shape of the house is what git knows
        self.python_in(place / "bin")

    def python_in(self, folder: Path) -> None:
        """An environment of this very interpreter, in which nothing points back to the data and settings of this run."""
        folder.mkdir()
        (folder / "python3").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        (folder / "python3").chmod(0o755)
        kept = {name: value for name, value in os.environ.items() if name not in SERVERS and not name.startswith(("DAYBOOK_", "DJANGO_"))}
        path = os.pathsep.join([str(folder), sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath)])
        own_place = {"DAYBOOK_DATA_DIR": str(folder.parent / "data"), "DJANGO_SECRET_KEY": "walk"}
        self.environment = kept | own_place | {"PATH": path, "PYTHONPATH": "", "COLUMNS": "200"}

    def run_there(self, script: str) -> tuple[int, str]:
        # makemigrations looks into a database, and looks only: ours will do. Servers of its own would cost seconds each time.
        lent = {name: os.environ[name] for name in SERVERS if name in os.environ}
        done = subprocess.run(
            ["sh", "-eu"],
            input=script,
            cwd=self.tree,
            env=self.environment | ({} if "manage.py test" in script else lent),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return done.returncode, done.stdout

    def walk(self, language: str, text: str, *, into_a_wall: bool = False) -> None:
        if language == "sh":
            code, said = self.run_there(text)
            self.assertEqual(code, 0, f"{text}\n{said}")
        elif language == "console":
            for command, shown in _command.findall(text):
                code, said = self.run_there(command)
                self.assertEqual(bool(code), into_a_wall, f"{command}\n{said}")
                self.assertTrue(shown.strip(), f"the page does not say what {command} prints")
                self.assertEqual(missing(shown, said), "", f"{command} says otherwise:\n{said}")
        elif named := _named.match(text):
            path = self.tree / named[1]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(named[2])

    def test_the_page_leads_to_an_app_whose_stories_and_contracts_hold_and_names_each_wrong_turn(self):
        before = files_of(self.tree / "eventstore")
        walked = [block for block in blocks() if block[0] != WRONG]
        for section, language, text in walked:
            with self.subTest(section, text=text.splitlines()[0]):
                self.walk(language, text)
        self.assertEqual({language for _, language, _ in walked}, {"sh", "python", "html", "console"})

        # This one guards the ledger; shipping has its own of the kind.
        self.assertEqual(lacking(self.tree), {"Apps speak through commands and events"})

        right = self.tree.parent / "right"
        shutil.copytree(self.tree / "shipping", right)
        for section, language, text in blocks():
            if section == WRONG:
                with self.subTest(section, text=text.splitlines()[0]):
                    self.walk(language, text, into_a_wall=True)
                    if language == "console":
                        shutil.rmtree(self.tree / "shipping")
                        shutil.copytree(right, self.tree / "shipping")
        self.assertEqual(files_of(self.tree / "eventstore"), before)
