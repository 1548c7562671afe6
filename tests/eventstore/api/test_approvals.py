"""Approvals over HTTP: what waits is listed, a second person decides, and whoever comes too late is told."""

from uuid import UUID

from eventstore.approvals import approvals
from eventstore.log import read_stream
from eventstore.models import Approval
from tests.clients import ApiCase, ApiClient, make_key
from tests.eventstore.approvals.examples import ID, SUBJECT, ask_for, change

APPROVALS = "/api/v1/approvals"
ONE = f"{APPROVALS}/{ID}"


class Approvals(ApiCase):
    scopes = ("approvals:read", "approvals:decide")

    def setUp(self):
        super().setUp()
        change()
        ask_for(due_in=3600, facts={"total": "12.00 GBP"})

    def names(self) -> list[str]:
        return [envelope.name for envelope in read_stream(approvals.stream(ID))]

    def test_they_are_listed_by_state_and_subject_in_pages(self):
        change("counter-2")
        ask_for(approval_id=UUID(int=8), subject="counter-2")
        page = self.api.read(f"{APPROVALS}?limit=1").json()
        rest = self.api.read(f"{APPROVALS}?cursor={page['next_cursor']}").json()
        self.assertEqual([row["subject"] for row in page["data"] + rest["data"]], ["counter-2", SUBJECT])
        self.assertEqual([row["id"] for row in self.api.read(f"{APPROVALS}?subject={SUBJECT}&state=pending").json()["data"]], [str(ID)])
        self.assertEqual(self.api.read(f"{APPROVALS}?state=granted").json()["data"], [])
        self.assertProblem(self.api.read(f"{APPROVALS}?state=maybe"), 400, "invalid_parameter")

    def test_one_is_read_with_what_whoever_decides_should_know(self):
        answer = self.api.read(ONE)
        told = answer.json()
        self.assertEqual((told["state"], told["facts"], told["requested_by"]), ("pending", {"total": "12.00 GBP"}, "user:ada"))
        self.assertEqual((told["subject_version"], told["reasons"], answer["ETag"]), (1, ["above_limit"], '"1"'))
        self.assertProblem(self.api.read(f"{APPROVALS}/{UUID(int=1)}"), 404, "approval_not_found")

    def test_a_second_person_grants_and_may_repeat_that(self):
        for _ in range(2):
            answer = self.api.send(f"{ONE}/grant", {"comment": "fine"}, key="k1")
            self.assertEqual((answer.status_code, answer.json()["state"]), (200, "granted"))
        self.assertEqual(answer["Idempotency-Replayed"], "true")
        self.assertEqual(self.api.send(f"{ONE}/grant", {}).json()["granted_by"], ["key:shop"])
        self.assertEqual(self.names(), ["approvals.requested", "approvals.granted"])

    def test_whoever_asked_does_not_grant(self):
        ada = ApiClient(make_key("ada"))
        told = self.assertProblem(ada.send(f"{ONE}/grant", {}), 403, "four_eyes_required")
        self.assertEqual(told["detail"], "A second person must decide this: it was ada who asked for it.")

    def test_a_refusal_says_why(self):
        self.assertProblem(self.api.send(f"{ONE}/refuse", {}), 422, "validation_error")
        told = self.api.send(f"{ONE}/refuse", {"comment": "unknown customer"}).json()
        self.assertEqual((told["state"], told["why"]), ("refused", "unknown customer"))
        self.assertProblem(self.api.send(f"{ONE}/grant", {}), 409, "approval_refused")

    def test_a_change_withdraws_it_and_the_answer_is_no_for_ever(self):
        """What was recorded stays, although the answer is a refusal; a repetition gets the same answer."""
        change()
        for _ in range(2):
            answer = self.api.send(f"{ONE}/grant", {}, key="late")
            told = self.assertProblem(answer, 409, "approval_withdrawn")
            self.assertIn("counter-1 moved on to version 2", told["detail"])
        self.assertEqual(answer["Idempotency-Replayed"], "true")
        self.assertEqual((self.names(), Approval.objects.get().state), (["approvals.requested", "approvals.withdrawn"], "withdrawn"))

    def test_the_version_that_was_seen(self):
        self.assertProblem(self.api.send(f"{ONE}/grant", {}, if_match='"2"'), 412, "version_mismatch")
        self.assertEqual(self.api.send(f"{ONE}/grant", {}, if_match='"1"').status_code, 200)

    def test_reading_is_not_deciding(self):
        looking = ApiClient(make_key("looks", scopes=("approvals:read",)))
        self.assertEqual(looking.read(ONE).status_code, 200)
        self.assertProblem(looking.send(f"{ONE}/grant", {}), 403, "scope_missing")
