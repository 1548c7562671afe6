"""The port of the web server is ours, or somebody is told which other one to take."""

from django.test import SimpleTestCase

from config.local import ports
from config.local.errors import CannotRun


class Ports(SimpleTestCase):
    def test_a_taken_port_is_told_with_a_free_one(self):
        with ports.listen(0) as taken:
            port = taken.getsockname()[1]
            with self.assertRaisesRegex(CannotRun, f"Port {port} is taken by another program: choose another, for example --port [0-9]+"):
                ports.listen(port)

    def test_what_is_no_port_is_told(self):
        with self.assertRaisesMessage(CannotRun, "70000 is not a port"):
            ports.listen(70000)
