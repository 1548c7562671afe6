"""docs/testing.md does what it says: every example in it is executed, section by section."""

import re
import unittest
from io import StringIO
from pathlib import Path

from django.test import TransactionTestCase

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "testing.md"
_example = re.compile(r"```python\n(.*?)```", re.S)


def sections():
    """(title, code) of each section that has examples; the first is the imports, which all others begin with."""
    for part in DOCUMENT.read_text().split("\n## "):
        if examples := _example.findall(part):
            yield part.splitlines()[0], "\n".join(examples)


class Documentation(TransactionTestCase):
    def test_every_example_does_what_it_says(self):
        (_, imports), *told = sections()
        self.assertGreater(len(told), 6)
        for title, code in told:
            with self.subTest(title):
                names = {"__name__": "tests.documentation"}
                exec(compile(imports, f"{DOCUMENT} (imports)", "exec"), names)
                before = set(names)
                exec(compile(code, f"{DOCUMENT} ({title})", "exec"), names)
                mine = [kind for name, kind in names.items() if name not in before and _is_written_here(kind)]
                self.run_tests_of(mine)

    def run_tests_of(self, kinds):
        loader = unittest.defaultTestLoader
        suite = unittest.TestSuite(loader.loadTestsFromTestCase(kind) for kind in kinds)
        told = StringIO()
        result = unittest.TextTestRunner(stream=told).run(suite)
        self.assertTrue(result.wasSuccessful(), told.getvalue())
        self.assertGreaterEqual(result.testsRun, len(kinds))

    def test_every_name_of_the_kit_is_told(self):
        import eventstore.testing as kit

        text = DOCUMENT.read_text()
        untold = [name for name in kit.__all__ if name not in text]
        self.assertEqual(untold, [])


def _is_written_here(kind):
    return isinstance(kind, type) and issubclass(kind, unittest.TestCase) and kind.__module__ == "tests.documentation"
