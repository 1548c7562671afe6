"""The import contracts of pyproject.toml, so that `manage.py test` covers them."""

import subprocess
import sys
from pathlib import Path

from django.test import SimpleTestCase

ROOT = Path(__file__).resolve().parents[1]


class Layers(SimpleTestCase):
    def test_every_import_contract_is_kept(self):
        lint = "from importlinter.cli import lint_imports_command; lint_imports_command()"
        checked = subprocess.run([sys.executable, "-c", lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True)
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)
