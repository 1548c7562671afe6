"""Runs over HTTP: measured before they start, watched while they go, approved by somebody else, swapped and taken back."""

from unittest.mock import patch
from uuid import UUID

from django.test import TestCase
from msgspec.structs import replace

from eventstore import runs
from eventstore.delivery import transport
from eventstore.log import read_stream
from eventstore.models import Run
from eventstore.runs import blasts, drive, starting, swapping
from eventstore.testing import deliver_everything
from orders.commands import PlaceOrder
from orders.events import Line
from orders.handlers import handle
from orders.models import OrderSummary
from tests.clients import ApiCase, ApiClient, make_key
from tests.eventstore.delivery.recording import Recording, execute, record

RUNS = "/api/v1/runs"
START = {"consumer": "test.recording", "reason": "the receiver lost them", "effects": "run"}


class Replaying(ApiCase):
    scopes = ("ops:read", "ops:write")

    def setUp(self):
        super().setUp()
        transport().flush()
        self.told = Recording(self, replay="allow")
        for number in range(4):
            record(f"counter-{number}", 3)
        deliver_everything()
        execute("DELETE FROM test_effect")

    def start(self, **more):
        answer = self.api.send(RUNS, START | more)
        self.assertEqual(answer.status_code, 202, answer.content)
        self.assertEqual(answer["Location"], f"{RUNS}/{answer.json()['id']}")
        return answer.json()

    def act(self, run, verb, status=200, **more):
        answer = self.api.send(f"{RUNS}/{run['id']}/{verb}", {"reason": "because"} | more)
        self.assertEqual(answer.status_code, status, answer.content)
        return answer.json()

    def test_it_is_measured_before_anything_happens(self):
        asked = {"consumer": "test.recording", "effects": "run", "selection": {"streams": ["counter-1"]}}
        told = self.api.send(f"{RUNS}/measure", asked).json()
        self.assertEqual((told["events"], told["by_name"], told["must_be_typed"]), (3, {"test.raised": 3}, False))
        self.assertFalse(Run.objects.exists())
        self.assertEqual(self.api.send(f"{RUNS}/measure", {"consumer": "orders.order_list"}).json()["tables"], ["orders_ordersummary"])

    def test_it_goes_on_in_the_background_and_can_be_watched(self):
        run = self.start()
        self.assertEqual((run["state"], run["total"], self.told.seen), ("running", 12, []))
        self.assertEqual(run["started_by"], "key:shop")
        drive(UUID(run["id"]))
        told = self.api.read(f"{RUNS}/{run['id']}").json()
        self.assertEqual((told["state"], told["progress"]["handled"], told["progress"]["finished"]), ("completed", 12, True))
        started = read_stream("operations")[0]
        self.assertEqual((started.actor, started.event.reason), ("key:shop", "the receiver lost them"))

    def test_the_same_request_twice_is_one_run(self):
        first = self.api.send(RUNS, START, key="once")
        again = self.api.send(RUNS, START, key="once")
        self.assertEqual((first.json()["id"], again["Idempotency-Replayed"]), (again.json()["id"], "true"))
        self.assertEqual(Run.objects.count(), 1)

    def test_a_worker_is_told_after_the_answer_is_kept(self):
        with patch.object(starting.wakeups, "wake_run") as wake, self.captureOnCommitCallbacks(execute=True):
            run = self.start()
            wake.assert_not_called()
        wake.assert_called_once_with(UUID(run["id"]))

    def test_only_what_was_selected(self):
        run = self.start(selection={"streams": ["counter-2"], "names": ["test.raised"], "since": "2020-01-01T00:00:00Z"})
        self.assertEqual(run["total"], 3)
        answer = self.api.send(RUNS, START | {"selection": {"since": "2020-01-01T00:00:00", "steams": ["counter-2"]}})
        told = self.assertProblem(answer, 422, "validation_error")
        self.assertIn("#/selection/steams", {error["pointer"] for error in told["errors"]})

    def test_names_that_nobody_knows_are_told_what_was_meant(self):
        told = self.assertProblem(self.api.send(RUNS, START | {"consumer": "test.recordin"}), 422, "unknown_name")
        self.assertIn("Did you mean test.recording?", told["detail"])
        self.assertProblem(self.api.send(RUNS, START | {"selection": {"names": ["test.rased"]}}), 422, "unknown_name")
        self.assertProblem(self.api.send(RUNS, START | {"consumer": "orders.order_list"}), 409, "replay_into_live_rows")
        self.assertProblem(self.api.read(f"{RUNS}/{UUID(int=1)}"), 404, "run_not_found")
        self.assertProblem(self.api.send(f"{RUNS}/{UUID(int=1)}/pause", {"reason": "x"}), 404, "run_not_found")

    def test_nobody_replays_very_many_events_by_a_slip(self):
        with patch.object(blasts, "TYPED_ABOVE", 10):
            told = self.assertProblem(self.api.send(RUNS, START), 409, "name_must_be_typed")
            self.assertEqual((told["blast"]["events"], Run.objects.count()), (12, 0))
            self.start(typed="test.recording")

    def test_paused_resumed_cancelled(self):
        run = self.start()
        self.assertEqual(self.act(run, "pause")["state"], "paused")
        self.assertEqual(drive(UUID(run["id"])), 0)
        self.assertEqual(self.act(run, "resume", 202)["state"], "running")
        self.assertEqual(self.act(run, "cancel")["state"], "cancelled")
        self.assertProblem(self.api.send(f"{RUNS}/{run['id']}/resume", {"reason": "x"}), 409, "run_cancelled")
        self.assertProblem(self.api.send(f"{RUNS}/{run['id']}/resume", {"reason": ""}), 422, "validation_error")

    def test_money_that_moves_again_needs_a_second_key(self):
        def measure(*words, **options):
            return replace(blasts.measure(*words, **options), needs_approval=True)

        with patch.object(starting, "measure", measure):
            run = self.start()
        self.assertEqual(run["state"], "waiting")
        path = f"{RUNS}/{run['id']}/approve"
        self.assertProblem(self.api.send(path, {"reason": "I am sure"}), 403, "four_eyes_required")
        changed = ApiClient(make_key("shop", self.scopes))  # the same client, changing its key
        self.assertProblem(changed.send(path, {"reason": "I am still sure"}), 403, "four_eyes_required")
        other = ApiClient(make_key("till", self.scopes))
        self.assertEqual(other.send(path, {"reason": "asked the bank"}).json()["approved_by"], "key:till")
        self.assertEqual(drive(UUID(run["id"])), 12)

    def test_the_list_has_the_newest_first_in_pages(self):
        ids = [self.start()["id"] for _ in range(3)]
        page = self.api.read(f"{RUNS}?limit=2").json()
        self.assertEqual([run["id"] for run in page["data"]], [ids[2], ids[1]])
        self.assertEqual([run["id"] for run in self.api.read(f"{RUNS}?cursor={page['next_cursor']}").json()["data"]], [ids[0]])
        self.assertEqual(self.api.read(f"{RUNS}?state=paused").json()["data"], [])
        self.assertEqual(len(self.api.read(f"{RUNS}?consumer=test.recording").json()["data"]), 3)

    def test_a_key_that_may_only_look_starts_nothing(self):
        looks = ApiClient(make_key("eyes", ("ops:read",)))
        self.assertProblem(looks.send(RUNS, START), 403, "scope_missing")
        self.assertEqual(looks.send(f"{RUNS}/measure", {"consumer": "test.recording"}).status_code, 200)
        self.assertProblem(ApiClient(make_key("shop", ("events:read",))).read(RUNS), 403, "scope_missing")


class RebuildingBeside(TestCase):
    def setUp(self):
        self.api = ApiClient(make_key(scopes=("ops:read", "ops:write")))
        for number in range(5):
            line = Line(sku="tea", quantity=2, unit_price="450")
            handle(PlaceOrder(order_id=UUID(int=number), currency="JPY", customer_ref="C1", lines=(line,)))
        deliver_everything()
        self.right = self.rows()
        OrderSummary.objects.filter(pk=UUID(int=3)).update(line_count=7)
        self.wrong = self.rows()

    def rows(self):
        return list(OrderSummary.objects.order_by("pk").values())

    def rebuild(self):
        answer = self.api.send("/api/v1/projections/orders.order_list/rebuild", {"shadow": True, "reason": "seven"})
        self.assertEqual((answer.status_code, answer.json()["events"]), (202, 5), answer.content)
        drive(UUID(answer.json()["run_id"]))
        return answer["Location"]

    def send(self, path, body, status=200):
        answer = self.api.send(path, body)
        self.assertEqual(answer.status_code, status, answer.content)
        return answer.json()

    def test_previewed_refused_approved_and_taken_back(self):
        run = self.rebuild()
        self.assertEqual(self.api.read(run).json()["state"], "ready")
        self.assertEqual(self.send(f"{run}/approve", {"reason": "in a hurry"}, 409)["code"], "not_previewed")
        told = self.send(f"{run}/preview", {})
        self.assertEqual((told["diff"]["changed"], told["diff"]["columns"]), (1, {"line_count": 1}))
        self.assertEqual(told["diff"]["rows"][0]["event"], "orders.order_placed")
        refused = self.send(f"{run}/swap", {"reason": "hopeful", "expected": ["total"]}, 409)
        self.assertEqual((refused["code"], refused["diff"]["changed"], self.rows()), ("undeclared_differences", 1, self.wrong))
        self.assertEqual(self.send(f"{run}/approve", {"reason": "I looked"}, 428)["code"], "preview_not_named")
        swapped = self.send(f"{run}/approve", {"reason": "I looked", "seen": told["diff"]["digest"]})
        self.assertEqual((swapped["state"], swapped["outcome"]["swapped"], self.rows()), ("completed", True, self.right))
        self.assertEqual(self.send(f"{run}/rollback", {"reason": "wrong after all"})["outcome"]["rolled_back"], True)
        self.assertEqual(self.rows(), self.wrong)

    def test_an_approval_is_bound_to_the_preview_that_was_seen(self):
        run = self.rebuild()
        seen = self.send(f"{run}/preview", {})["diff"]["digest"]
        self.assertEqual(self.api.read(run).json()["diff"]["digest"], seen)
        OrderSummary.objects.filter(pk=UUID(int=2)).update(line_count=9)
        refused = self.send(f"{run}/approve", {"reason": "I looked", "seen": seen}, 409)
        self.assertEqual(
            (refused["code"], "1 rows of orders.order_list differ otherwise" in refused["detail"]), ("differences_moved", True)
        )
        newest = self.send(f"{run}/preview", {})["diff"]["digest"]
        refused = self.send(f"{run}/approve", {"reason": "I looked", "seen": seen}, 412)
        self.assertEqual((refused["code"], refused["digest"]), ("other_preview", newest))
        refused = self.send(f"{run}/swap", {"reason": "declared", "expected": ["line_count"], "seen": seen}, 412)
        self.send(f"{run}/swap", {"reason": "declared", "expected": ["line_count"], "seen": newest})
        self.assertEqual(self.rows(), self.right)

    def test_what_was_expected_goes_through_the_gate(self):
        run = self.rebuild()
        self.send(f"{run}/swap", {"reason": "declared", "expected": ["line_count"]})
        self.assertEqual(self.rows(), self.right)

    def test_far_behind_it_catches_up_in_the_background_first(self):
        run = self.rebuild()
        handle(PlaceOrder(order_id=UUID(int=9), currency="JPY", customer_ref="C1", lines=(Line(sku="tea", quantity=1, unit_price="1"),)))
        with patch.object(swapping, "NEAR", 0), patch.object(runs, "NEAR", 0):
            with patch.object(swapping.wakeups, "wake_run") as wake, self.captureOnCommitCallbacks(execute=True):
                self.assertIsNone(self.send(f"{run}/preview", {}, 202)["diff"])
            wake.assert_called_once()
            drive(Run.objects.get().pk)
            self.assertEqual(self.send(f"{run}/preview", {})["diff"]["changed"], 1)
