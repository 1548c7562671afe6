"""The rules of approving, told as stories."""

from datetime import timedelta
from typing import Any

from django.test import SimpleTestCase
from msgspec.structs import replace

from eventstore.approvals import (
    ApprovalExpired,
    ApprovalGranted,
    ApprovalGrantedInPart,
    ApprovalRefused,
    ApprovalState,
    ApprovalWithdrawn,
    Around,
    ExpireApproval,
    GrantApproval,
    RefuseApproval,
    RequestApproval,
    WithdrawApproval,
    approvals,
    decide,
)
from eventstore.testing import Story
from tests.eventstore.approvals.examples import ID, LATER, NOON, SUBJECT, requested

request = RequestApproval(approval_id=ID, subject=SUBJECT, subject_version=1, reasons=("above_limit",), due_in=3600)
grant, refuse = GrantApproval(approval_id=ID, comment="fine"), RefuseApproval(approval_id=ID, comment="no")
withdraw, expire = WithdrawApproval(approval_id=ID, reason="cancelled"), ExpireApproval(approval_id=ID)
about: dict[str, Any] = {"approval_id": ID, "subject": SUBJECT, "subject_version": 1}
withdrawn = ApprovalWithdrawn(**about, reason="cancelled")
granted = ApprovalGranted(**about, granted_by=("staff:ben",), comment="fine")
refused = ApprovalRefused(**about, by="staff:ben", comment="no")
expired = ApprovalExpired(**about, due_at=LATER)
MOVED = ApprovalWithdrawn(**about, reason="counter-1 moved on to version 3; what was asked for was version 1.")


class Stories(SimpleTestCase):
    def story(self, by: str = "staff:ben", *, at=NOON, version: int = 1) -> Story:
        around = Around(at=at, subject_version=version, by=by)
        return Story(lambda state, command: decide(state, command, around), approvals.evolve, ApprovalState())

    def assertRefused(self, code: str, story: Story, command) -> str:
        return str(story.when(command).then_refused(code=code))


class Asking(Stories):
    def test_the_question_is_bound_to_what_it_was_about_and_to_a_time(self):
        self.story("user:ada").when(request).then(requested)

    def test_asked_again_it_is_the_same_question(self):
        self.story("user:ada", at=LATER, version=5).given(requested).when(request).then()

    def test_under_its_id_nothing_else_can_be_asked(self):
        self.assertRefused("approval_exists", self.story("user:ada").given(requested), replace(request, needed=2))

    def test_reasons_are_a_set(self):
        twice = replace(request, reasons=("late", "above_limit", "late"))
        self.assertEqual(self.story("user:ada").when(twice).happened[0].reasons, ("above_limit", "late"))

    def test_what_is_not_there_is_not_approved(self):
        self.assertRefused("subject_not_found", self.story("user:ada", version=0), request)

    def test_what_has_changed_already_is_not_approved(self):
        told = self.assertRefused("subject_moved", self.story("user:ada", version=2), request)
        self.assertEqual(told, "counter-1 is at version 2; version 1 cannot be approved.")

    def test_a_saga_asks_for_somebody(self):
        asked = self.story("saga:orders.fulfilment").when(replace(request, requested_by="key:shop")).happened[0]
        self.assertEqual(asked.requested_by, "key:shop")


class Deciding(Stories):
    def test_a_second_person_grants(self):
        self.story().given(requested).when(grant).then(granted)

    def test_whoever_asked_does_not_grant_whatever_door_they_come_through(self):
        for by in ("user:ada", "staff:ada", "key:ada", "shell:ada", "ada"):
            with self.subTest(by):
                told = self.assertRefused("four_eyes_required", self.story(by).given(requested), grant)
                self.assertEqual(told, "A second person must decide this: it was ada who asked for it.")

    def test_nobody_and_no_machine_grants(self):
        for by in ("", "consumer:x", "saga:orders.fulfilment", "system:approvals", "system"):
            with self.subTest(by):
                self.assertRefused("four_eyes_required", self.story(by).given(requested), grant)

    def test_where_two_are_needed_they_are_two(self):
        two = replace(requested, needed=2)
        part = ApprovalGrantedInPart(**about, by="staff:ben", missing=1, comment="fine")
        self.story().given(two).when(grant).then(part)
        told = self.assertRefused("four_eyes_required", self.story("key:ben").given(two, part), grant)
        self.assertEqual(told, "Another person must decide this: ben has granted it already, and 2 people have to.")
        both = replace(granted, granted_by=("staff:ben", "staff:eve"))
        self.story("staff:eve").given(two, part).when(grant).then(both)

    def test_a_grant_that_is_repeated_was_given_already(self):
        self.story("key:ben").given(requested, granted).when(grant).then()
        self.assertRefused("approval_granted", self.story("staff:eve").given(requested, granted), grant)

    def test_whoever_asked_may_say_no(self):
        self.story("user:ada").given(requested).when(refuse).then(replace(refused, by="user:ada"))

    def test_a_refusal_that_is_repeated_was_given_already(self):
        self.story("staff:eve").given(requested, refused).when(refuse).then()

    def test_what_is_over_stays_as_it_is(self):
        for last, code in ((refused, "refused"), (withdrawn, "withdrawn"), (expired, "expired")):
            for command in (grant, refuse, withdraw):
                if (code, command) in (("refused", refuse), ("withdrawn", withdraw)):
                    continue
                with self.subTest(code, command=command):
                    self.assertRefused(f"approval_{code}", self.story().given(requested, last), command)
        for command in (refuse, withdraw):
            self.assertRefused("approval_granted", self.story().given(requested, granted), command)

    def test_what_nobody_asked_for(self):
        for command in (grant, refuse, withdraw, expire):
            with self.subTest(command):
                self.assertRefused("approval_not_found", self.story(), command)


class Ending(Stories):
    def test_a_change_of_the_subject_withdraws_instead_of_granting(self):
        for command in (grant, refuse):
            self.story(version=3).given(requested).when(command).then(MOVED)

    def test_even_for_whoever_may_not_grant(self):
        self.story("user:ada", version=3).given(requested).when(grant).then(MOVED)

    def test_after_its_time_nobody_grants(self):
        self.story(at=LATER).given(requested).when(grant).then(expired)
        self.story(at=LATER - timedelta(microseconds=1)).given(requested).when(grant).then(granted)

    def test_its_time_comes_once(self):
        self.story(at=LATER).given(requested).when(expire).then(expired)
        self.story(at=LATER).given(requested, expired).when(expire).then()
        self.story(at=LATER).given(requested, granted).when(expire).then()

    def test_its_time_does_not_come_early(self):
        self.story(at=NOON).given(requested).when(expire).then()
        self.story(at=LATER).given(replace(requested, due_at=None)).when(expire).then()

    def test_whoever_asked_withdraws(self):
        self.story("user:ada").given(requested).when(withdraw).then(withdrawn)
        self.story("user:ada").given(requested, withdrawn).when(withdraw).then()
