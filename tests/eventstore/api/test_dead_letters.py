"""Dead letters over HTTP: a poison event stops nothing but its own stream, and staff bring it through in order."""

from uuid import UUID, uuid4

from eventstore.delivery import drain, transport
from eventstore.log import partition_of, read_stream
from eventstore.models import Correction, ParkedKey
from eventstore.runs import drive
from eventstore.testing import deliver_everything
from tests.clients import ApiCase, ApiClient, make_key
from tests.eventstore.delivery.recording import Recording, record

LETTERS = "/api/v1/dead-letters"
STREAM = "counter-29"


class Waiting(ApiCase):
    scopes = ("ops:read", "ops:write")

    def setUp(self):
        super().setUp()
        transport().flush()
        self.told = Recording(self)
        self.told.rule = self.refuse
        self.poison = {2}

    def refuse(self, envelope):
        if envelope.version in self.poison and envelope.event.by == 13:
            raise ValueError("unlucky")

    def parked(self, stream=STREAM):
        record(stream)
        record(stream, by=13)
        record(stream, 2)
        drain(self.told.consumer, partition_of(stream))
        return f"{LETTERS}/{ParkedKey.objects.get(key=stream).pk}"

    def versions(self, stream=STREAM):
        return [version for found, version in self.told.seen if found == stream]

    def send(self, path, status=200, **body):
        answer = self.api.send(path, body if path.endswith("dry-run") else {"reason": "because"} | body)
        self.assertEqual(answer.status_code, status, answer.content)
        return answer.json()


class Looking(Waiting):
    def test_the_list_in_pages_by_consumer_state_and_kind(self):
        self.parked()
        self.parked("counter-1")
        page = self.api.read(f"{LETTERS}?limit=1").json()
        self.assertEqual((page["data"][0]["key"], page["data"][0]["error"]), ("counter-1", "ValueError: unlucky"))
        (second,) = self.api.read(f"{LETTERS}?cursor={page['next_cursor']}").json()["data"]
        self.assertEqual(second["key"], STREAM)
        for query, count in (("consumer=test.recording", 2), ("consumer=x", 0), ("state=dead", 0), (f"group={second['fingerprint']}", 2)):
            self.assertEqual(len(self.api.read(f"{LETTERS}?{query}").json()["data"]), count, query)
        (group,) = self.api.read(f"{LETTERS}/groups").json()["data"]
        self.assertEqual((group["open"], group["consumer"]), (2, "test.recording"))
        self.send(f"{LETTERS}/groups/{group['fingerprint']}/assign", 422, assignee="ada")
        answer = self.api.send(f"{LETTERS}/groups/{group['fingerprint']}/assign", {"assignee": "ada"})
        self.assertEqual(answer.json(), {"fingerprint": group["fingerprint"], "assignee": "ada", "note": ""})

    def test_one_of_them_with_everything_that_staff_need(self):
        told = self.api.read(self.parked()).json()
        self.assertEqual((told["followers"], told["data"], told["event"]), (2, {"by": 13, "note": ""}, "test.raised"))
        self.assertEqual(told["event_id"], str(read_stream(STREAM)[1].id))
        self.assertIn("raise ValueError", told["failures"][0]["traceback"])
        self.assertProblem(self.api.read(f"{LETTERS}/{UUID(int=1)}"), 404, "dead_letter_not_found")

    def test_a_key_that_may_only_look_does_nothing(self):
        letter = self.parked()
        looks = ApiClient(make_key("eyes", ("ops:read",)))
        self.assertEqual(looks.read(letter).status_code, 200)
        for verb in ("retry", "edit", "skip", "redirect", "discard", "restore", "dry-run"):
            self.assertProblem(looks.send(f"{letter}/{verb}", {"reason": "x"}), 403, "scope_missing")


class Acting(Waiting):
    def test_retried_it_says_what_became_of_it(self):
        letter = self.parked()
        told = self.send(f"{letter}/retry")
        self.assertEqual((told["became"], told["attempts"], told["error"]), ("failed again", 2, "ValueError: unlucky"))
        self.poison = set()
        self.assertEqual(self.send(f"{letter}/retry")["became"], "processed")
        self.assertEqual(self.versions(), [1, 2, 3, 4])
        self.assertEqual(self.send(f"{letter}/retry", 409)["code"], "not_waiting")
        told = read_stream("operations")[-1]
        self.assertEqual((told.actor, told.event.what, told.event.reason), ("key:shop", "retried", "because"))

    def test_the_same_request_twice_skips_one_event(self):
        letter = self.parked()
        self.poison = {2, 3}
        self.told.rule = lambda envelope: 1 / 0 if envelope.version in self.poison else None
        first = self.api.send(f"{letter}/skip", {"reason": "a joke"}, key="once")
        again = self.api.send(f"{letter}/skip", {"reason": "a joke"}, key="once")
        self.assertEqual((first.json()["became"], again.content), ("skipped", first.content))
        self.poison = set()
        self.send(f"{letter}/retry")
        self.assertEqual(self.versions(), [1, 3, 4])

    def test_only_the_event_that_was_looked_at(self):
        letter = self.parked()
        self.assertEqual(self.send(f"{letter}/skip", 409, event_id=str(uuid4()))["code"], "not_waiting")
        self.assertEqual(self.send(f"{letter}/edit", 409, data={"by": 1}, event_id=str(uuid4()))["code"], "moved_on")
        seen = self.api.read(letter).json()["event_id"]
        self.assertEqual(self.send(f"{letter}/skip", event_id=seen)["became"], "skipped")

    def test_put_away_and_taken_back(self):
        letter = self.parked()
        self.assertEqual(self.send(f"{letter}/discard")["state"], "discarded")
        self.assertEqual(self.api.read(LETTERS).json()["data"], [])
        self.assertEqual(self.send(f"{letter}/restore")["state"], "dead")
        self.poison = set()
        self.send(f"{letter}/retry")
        self.assertEqual(self.versions(), [1, 2, 3, 4])

    def test_redirected(self):
        letter = self.parked()
        other = Recording(self, name="test.other")
        self.assertEqual(self.send(f"{letter}/redirect", 422, to="test.othr")["code"], "unknown_name")
        other.rule = self.refuse
        self.assertEqual(self.send(f"{letter}/redirect", 409, to="test.other")["code"], "redirect_failed")
        other.rule = lambda envelope: None
        self.assertEqual(self.send(f"{letter}/redirect", to="test.other")["became"], "processed")
        self.assertEqual(self.versions(), [1, 2, 3, 4], "2 by the other one, 3 and 4 by this one")

    def test_an_edit_that_does_not_fit_lists_every_mistake_and_keeps_nothing(self):
        told = self.send(f"{self.parked()}/edit", 422, data={"by": "many", "note": 7})
        self.assertEqual((told["code"], {error["pointer"] for error in told["errors"]}), ("schema_mismatch", {"#/by", "#/note"}))
        self.assertTrue(all(error["code"] for error in told["errors"]))
        self.assertEqual(Correction.objects.count(), 0)

    def test_many_are_retried_as_a_run_that_tells_what_became_of_each(self):
        letters = [self.parked(), self.parked("counter-1")]
        ids = [letter.rpartition("/")[2] for letter in letters]
        self.told.rule = lambda envelope: 1 / 0 if (envelope.stream, envelope.version) == ("counter-1", 2) else None
        answer = self.api.send(f"{LETTERS}/retry", {"ids": ids, "reason": "mended, I hope"})
        self.assertEqual((answer.status_code, answer.json()["total"], self.versions()), (202, 2, [1]))
        drive(UUID(answer.json()["id"]))
        items = self.api.read(f"{answer['Location']}/items").json()["data"]
        self.assertEqual({item["id"]: item["became"] for item in items}, dict(zip(ids, ["processed", "failed again"], strict=True)))
        self.assertEqual(self.api.read(answer["Location"]).json()["state"], "completed")

    def test_a_whole_group_is_retried_as_it_waits_now(self):
        self.parked()
        self.parked("counter-1")
        fingerprint = self.api.read(f"{LETTERS}/groups").json()["data"][0]["fingerprint"]
        self.assertEqual(self.send(f"{LETTERS}/retry", 202, group=fingerprint)["total"], 2)
        self.assertEqual(self.send(f"{LETTERS}/retry", 422)["code"], "validation_error")
        self.assertEqual(self.send(f"{LETTERS}/retry", 409, ids=[str(uuid4())])["code"], "not_waiting")


class APoisonOrder(Waiting):
    """A story: it stops nothing but itself, is tried without consequences, corrected, and brought through with its followers."""

    def test_from_the_failure_to_the_last_follower(self):
        letter = self.parked()
        record("counter-1", 3)
        deliver_everything()
        self.assertEqual((self.versions("counter-1"), self.versions()), ([1, 2, 3], [1]), "everybody else goes on")

        told = self.api.read(letter).json()
        self.assertEqual((told["followers"], told["error"]), (2, "ValueError: unlucky"))
        tried = self.send(f"{letter}/dry-run")
        self.assertEqual((tried["error"], tried["changes"]), ("ValueError: unlucky", []))
        tried = self.send(f"{letter}/dry-run", data={"by": 12})
        self.assertEqual((tried["error"], tried["changes"][0]["table"], tried["changes"][0]["inserted"]), ("", "test_effect", 1))
        self.assertEqual((self.versions(), ParkedKey.objects.get().state), ([1], "retrying"), "nothing has happened")

        edited = self.send(f"{letter}/edit", data={"by": 12}, event_id=told["event_id"], reason="a typo in the till")
        self.assertEqual((edited["became"], edited["state"], edited["correction"]["outcome"]), ("processed", "resolved", "processed"))
        self.assertEqual(edited["correction"]["patch"], [{"op": "replace", "path": "/by", "value": 12}])
        self.assertEqual(edited["correction"]["author"], "key:shop")
        self.assertEqual(self.versions(), [1, 2, 3, 4], "in order, with everything that waited behind it")
        self.assertEqual(read_stream(STREAM)[1].event.by, 13, "the log keeps the original")
        record(STREAM)
        deliver_everything()
        self.assertEqual(self.versions(), [1, 2, 3, 4, 5])
