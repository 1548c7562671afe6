"""The inbox of the second person: what waits comes first, who may not grant is told before the click, a late word is told as late."""

from datetime import timedelta
from uuid import UUID

from django.db.models.functions import Now
from django.test import TestCase
from django.urls import reverse

from eventstore.approvals import approvals
from eventstore.log import read_stream
from eventstore.models import Approval
from tests import staff
from tests.eventstore.approvals.examples import ID, SUBJECT, ask_for, change, grant

LIST = reverse("admin:eventstore_approval_changelist")
PAGE = reverse("admin:eventstore_approval_change", args=[ID])


class Inbox(TestCase):
    def setUp(self):
        change()
        ask_for(due_in=3600, facts={"total": "1,234.56 GBP", "customer": "<b>C42</b>", "pay_from": "725000 USD"})
        self.client.force_login(staff.ben())

    def say(self, what, **sent):
        sent = {"comment": "known for years", "seen": str(Approval.objects.get(pk=ID).version)} | sent
        return self.client.post(reverse("admin:eventstore_approval_act", args=[ID, what]), sent, follow=True)

    def state(self):
        return Approval.objects.get(pk=ID).state

    def test_the_list_begins_with_what_is_due_first(self):
        for number, due in ((8, 60), (9, None)):
            change(f"counter-{number}")
            ask_for(approval_id=UUID(int=number), subject=f"counter-{number}", due_in=due)
        ask_for(approval_id=UUID(int=10), reasons=("late",))
        grant("staff:eve", UUID(int=10))
        found = [row.pk.int for row in self.client.get(LIST).context["cl"].result_list]
        self.assertEqual(found, [8, ID.int, 9])
        self.assertEqual(len(self.client.get(f"{LIST}?state=all").context["cl"].result_list), 4)
        self.assertEqual(len(self.client.get(f"{LIST}?q=counter-8").context["cl"].result_list), 1)
        self.assertContains(self.client.get(reverse("admin:live_badges")), "3 wait for a second person")
        self.assertContains(self.client.get(reverse("admin:index")), PAGE)

    def test_the_page_says_what_it_is_about(self):
        page = self.client.get(PAGE)
        for text in (
            "above limit",
            "1,234.56 GBP",
            "&lt;b&gt;C42",
            "Pay from",
            "7,250.00 USD",
            "user:ada",
            "?from=1#v1",
            "Grant…",
            "Refuse…",
        ):
            self.assertContains(page, text)

    def test_a_second_person_grants_with_a_comment(self):
        self.assertContains(self.say("grant"), "It is granted.")
        last = read_stream(approvals.stream(ID))[-1]
        self.assertEqual((last.name, last.actor, last.event.comment), ("approvals.granted", "staff:ben", "known for years"))
        self.assertContains(self.client.get(PAGE), "known for years")
        self.assertContains(self.say("grant"), "this is not possible any more")

    def test_a_refusal_says_why(self):
        self.assertContains(self.say("refuse", comment=""), "“Why not” is missing.")
        self.assertContains(self.say("refuse", comment="never heard of them"), "It is refused.")
        self.assertEqual(Approval.objects.get(pk=ID).why, "never heard of them")

    def test_who_may_not_grant_is_told_before_the_click(self):
        self.client.force_login(staff.ada())
        page = self.client.get(PAGE)
        self.assertContains(page, "A second person must decide this: it was ada who asked for it.")
        self.assertNotContains(page, "Grant…")
        self.assertContains(page, "Refuse…")
        self.assertContains(self.say("grant"), "Nothing was done: A second person must decide this")
        self.assertEqual(self.state(), "pending")

    def test_of_two_people_each_gives_one_word(self):
        ask_for(approval_id=UUID(int=8), reasons=("late",), needed=2)
        page = reverse("admin:eventstore_approval_change", args=[UUID(int=8)])
        act = reverse("admin:eventstore_approval_act", args=[UUID(int=8), "grant"])
        answer = self.client.post(act, {"seen": "1"}, follow=True)
        self.assertContains(answer, "another person has to agree as well")
        self.assertContains(self.client.get(page), "Another person must decide this: ben has granted it already")

    def test_what_changed_is_told_before_the_click_and_withdrawn_after_it(self):
        change()
        self.assertContains(self.client.get(PAGE), "counter-1 is at version 2 by now")
        self.assertContains(self.say("grant"), "is withdrawn: counter-1 moved on to version 2")
        self.assertEqual(self.state(), "withdrawn")

    def test_whoever_is_late_is_told(self):
        Approval.objects.update(due_at=Now() - timedelta(seconds=1))
        self.assertContains(self.say("grant"), "is expired: Nobody decided until")
        self.assertEqual(self.state(), "expired")

    def test_what_changed_under_the_page_is_looked_at_again(self):
        for seen in ("2", "x", ""):
            self.assertContains(self.say("grant", seen=seen), "it changed meanwhile")
        self.assertEqual(self.state(), "pending")

    def test_the_jump_box_finds_it(self):
        for text in (str(ID), f"approval-{ID}", SUBJECT):
            self.assertContains(self.client.get(reverse("admin:jump_offers"), {"q": text}), PAGE)

    def test_rights_are_respected(self):
        self.client.force_login(staff.cleo())
        self.assertNotContains(self.client.get(PAGE), 'data-open="act-')
        self.assertEqual(self.say("grant").status_code, 403)
        self.client.force_login(staff.dan())
        for url in (LIST, PAGE):
            self.assertEqual(self.client.get(url).status_code, 403)
