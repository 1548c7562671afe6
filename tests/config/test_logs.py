"""Lines that machines read, with the ids that lead from one to the next."""

import json
import logging
import sys

from django.http import HttpResponse
from django.test import RequestFactory, SimpleTestCase

from config.logs import formatter
from config.requests import RequestLog
from config.task_logs import bind_ids, carry_ids, unbind_ids
from eventstore.context import acting
from eventstore.tasks import trim


def line(message: str = "something", style: str = "json", exc_info=None, **extra) -> str:
    logger = logging.getLogger("test.lines")
    record = logger.makeRecord("test.lines", logging.WARNING, __file__, 1, message, (), exc_info, extra=extra)
    return formatter(style).format(record)


class Lines(SimpleTestCase):
    def test_a_line_says_when_what_and_on_whose_behalf(self):
        with acting(actor="user:7", correlation="story", request="r1"):
            told = json.loads(line("stream_repair", partition=3))
        self.assertRegex(told.pop("at"), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00$")
        self.assertEqual(
            told,
            {
                "level": "warning",
                "event": "stream_repair",
                "logger": "test.lines",
                "partition": 3,
                "actor": "user:7",
                "correlation": "story",
                "request": "r1",
            },
        )

    def test_an_exception_comes_as_one_line_without_the_values_it_quotes(self):
        try:
            raise ValueError("no such customer: ada@example.org")
        except ValueError:
            told = line("broken", exc_info=sys.exc_info())
        self.assertNotIn("\n", told)
        self.assertIn("ValueError: no such customer", json.loads(told)["exception"])
        self.assertNotIn("ada@", told)

    def test_what_frameworks_hang_on_a_record_stays_out(self):
        told = json.loads(line("Bad request", request=RequestFactory().get("/"), status_code=400, data={"args": ["secret"]}))
        self.assertEqual(told["status_code"], 400)
        self.assertFalse({"request", "data", "exc_info"} & set(told))

    def test_text_that_is_no_text_does_not_stop_the_log(self):
        self.assertEqual(json.loads(line("half a pair: \ud800"))["event"], "half a pair: \ud800")

    def test_a_path_cannot_steer_the_terminal_that_shows_it(self):
        self.assertNotIn("\x1b[2J", line(style="console", path="/\x1b[2J"))


class Requests(SimpleTestCase):
    def test_each_request_is_told_once_without_its_query(self):
        with self.assertLogs("config.requests", "INFO") as told:
            RequestLog(lambda request: HttpResponse(status=404))(RequestFactory().get("/api/v1/orders", {"customer_ref": "ada"}))
        (record,) = told.records
        said = record.__dict__
        self.assertEqual((said["method"], said["path"], said["status"]), ("GET", "/api/v1/orders", 404))
        self.assertGreaterEqual(said["ms"], 0)

    def test_probes_are_not_worth_a_line_unless_they_fail(self):
        with self.assertNoLogs("config.requests", "INFO"):
            RequestLog(lambda request: HttpResponse())(RequestFactory().get("/readyz"))
        with self.assertLogs("config.requests", "INFO"):
            RequestLog(lambda request: HttpResponse(status=503))(RequestFactory().get("/readyz"))


class Tasks(SimpleTestCase):
    def run_task(self, headers):
        trim.push_request(id="task-1", **headers)  # type: ignore[call-arg]
        self.addCleanup(trim.pop_request)
        bind_ids(task_id="task-1", task=trim)
        self.addCleanup(unbind_ids)

    def test_a_task_knows_which_request_woke_it(self):
        headers: dict[str, str] = {}
        with acting(request="r1", correlation="story"):
            carry_ids(headers=headers)
        self.run_task(headers)
        told = json.loads(line())
        self.assertEqual((told["task"], told["task_id"]), ("eventstore.trim", "task-1"))
        self.assertEqual((told["woken_by_request"], told["woken_by_correlation"]), ("r1", "story"))

    def test_and_so_do_the_tasks_that_it_sends_for(self):
        self.run_task({"woken_by_request": "r1"})
        headers: dict[str, str] = {}
        carry_ids(headers=headers)
        self.assertEqual(headers, {"woken_by_request": "r1"})

    def test_the_next_task_of_the_process_knows_nothing_of_it(self):
        self.run_task({"woken_by_request": "r1"})
        unbind_ids()
        self.assertFalse({"task", "task_id", "woken_by_request"} & set(json.loads(line())))
