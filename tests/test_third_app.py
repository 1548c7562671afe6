"""docs/a-third-app.md does what it says: walked from top to bottom in a temporary copy of the tree, wrong turns and all."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

from django.test import SimpleTestCase

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs" / "a-third-app.md"
WRONG = "When you take a wrong turn"

_block = re.compile(r"^```(\w+)\n(.*?)^```$", re.S | re.M)
#: The first line of a block that is a file: `# shipping/events.py`, or {# … #} around it in a template.
_named = re.compile(r"(?:#|\{#) (\S+\.(?:py|html))(?: #\})?\n(.*)", re.S)
_command = re.compile(r"^\$ (.+)\n((?:(?!\$ ).*\n)*)", re.M)


def blocks() -> Iterator[tuple[str, str, str]]:
    """(section, language, text) of each block, in order."""
    for section in DOCUMENT.read_text().split("\n## ")[1:]:
        for language, text in _block.findall(section):
            yield section.splitlines()[0], language, text


def pattern_of(shown: str) -> re.Pattern[str]:
    """What the page shows, line by line; … stands for anything, and lines that tell nothing may be left out."""
    lines = [".*".join(re.escape(part) for part in line.split("…")) for line in shown.splitlines()]
    return re.compile("".join(rf"^\s*{line.strip()}\s*$.*?" for line in lines if line.strip()), re.M | re.S)


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
        """An environment of this very interpreter, in which nothing points back to the servers and settings of this run."""
        folder.mkdir()
        (folder / "python3").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        (folder / "python3").chmod(0o755)
        own = ("DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE", "PYTHONPATH", "PYTHONWARNINGS")
        kept = {name: value for name, value in os.environ.items() if name not in own}
        path = os.pathsep.join([str(folder), sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath)])
        # makemigrations would like to ask a database whether its history is consistent; there is none here.
        quiet = "ignore:Got an error checking a consistent migration history"
        self.environment = kept | {"PATH": path, "DJANGO_SECRET_KEY": "walk", "PYTHONWARNINGS": quiet, "COLUMNS": "200"}

    def run_there(self, script: str) -> tuple[int, str]:
        done = subprocess.run(
            ["sh", "-eu"],
            input=script,
            cwd=self.tree,
            env=self.environment,
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
                self.assertRegex(said, pattern_of(shown), command)
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
