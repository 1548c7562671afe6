"""Who acts when nobody asked: beat's timetable, or a worker that a hint woke."""

from unittest.mock import patch

from django.test import SimpleTestCase

from eventstore import tasks
from eventstore.context import acting, current_facts
from eventstore.delivery import wakeups

TRACE = {"trace": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "tracestate": "till=7"}
HEADERS = {"traceparent": TRACE["trace"], "tracestate": "till=7"}


class Actors(SimpleTestCase):
    def facts_within(self, task, **headers):
        """As a worker runs it: what is in a message's headers stands in the task's request."""
        task.push_request(id="task-1", **headers)
        tasks.open_door(task_id="task-1", task=task)
        try:
            return current_facts()
        finally:
            tasks.close_door(task_id="task-1")
            task.pop_request()

    def test_what_the_timetable_does_was_done_by_beat(self):
        self.assertEqual(self.facts_within(tasks.trim), {"actor": "system:beat"})

    def test_what_a_hint_leads_to_was_done_by_a_worker_in_the_trace_of_whoever_sent_it(self):
        self.assertEqual(self.facts_within(tasks.retry, **HEADERS), {"actor": "system:worker"} | TRACE)

    def test_a_trace_that_is_none_is_left_out(self):
        self.assertEqual(self.facts_within(tasks.retry, traceparent="00-x", tracestate="till=7"), {"actor": "system:worker"})

    def test_afterwards_the_process_is_nobody_again(self):
        self.facts_within(tasks.retry, **HEADERS)
        self.assertEqual(current_facts(), {})

    def test_every_task_of_the_house_comes_through_this_door(self):
        with patch("eventstore.delivery.retry_due", side_effect=lambda: self.assertEqual(current_facts(), {"actor": "system:worker"})):
            tasks.retry.apply(throw=True)

    def test_a_hint_carries_the_trace_of_whoever_sends_it(self):
        with patch.object(wakeups.current_app, "send_task") as sent, acting(**TRACE):
            wakeups._send("eventstore.relay", [3])
        self.assertEqual(sent.call_args.kwargs["headers"], HEADERS)
