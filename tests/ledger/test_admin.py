"""What staff see of money."""

from django.contrib.auth.models import User
from django.test import TestCase
from django.urls import reverse

from eventstore.log import read_stream
from eventstore.testing import deliver_everything
from ledger.commands import PostHold
from ledger.handlers import end_hold
from ledger.models import Account, Entry, Hold, Transaction
from tests import staff
from tests.ledger.examples import BANK, credit, hold, open_customer, withdraw


class Screens(TestCase):
    def setUp(self):
        self.client.force_login(User.objects.create_superuser("ada", password="x"))
        self.account = open_customer("EUR", code="customer:C42:EUR")
        credit(self.account, 500000, external_id="in-1")
        withdraw(self.account, 120000, external_id="out-1", description="<b>cash</b> out")
        deliver_everything()

    def shown(self, name: str, *arguments: object, **query: str) -> str:
        answer = self.client.get(reverse(f"admin:ledger_{name}", args=arguments), query)
        self.assertEqual(answer.status_code, 200)
        return answer.content.decode()

    def test_accounts_are_listed_with_what_they_have(self):
        page = self.shown("balance_changelist")
        for text in ("customer:C42:EUR", "3,800.00 EUR", "bank:main:EUR"):
            self.assertIn(text, page)
        self.assertIn("bank:main:EUR", self.shown("balance_changelist", q="bank:main:EUR"))
        self.assertNotIn("bank:main:EUR", self.shown("balance_changelist", posting="locked"))

    def test_an_account_shows_its_statement(self):
        page = self.shown("balance_change", self.account.pk)
        for text in ("in-1", "out-1", "5,000.00 EUR", "1,200.00 EUR", "3,800.00 EUR"):
            self.assertIn(text, page)

    def test_the_journal_shows_debit_and_credit(self):
        page = self.shown("transaction_changelist")
        for text in ("in-1", "out-1", "1,200.00 EUR", "&lt;b&gt;cash&lt;/b&gt; out"):
            self.assertIn(text, page)
        self.assertNotIn("in-1", self.shown("transaction_changelist", kind="withdrawal"))

    def test_a_transaction_shows_its_entries(self):
        page = self.shown("transaction_change", Transaction.objects.get(external_id="out-1").pk)
        for text in ("customer:C42:EUR", "bank:main:EUR", "1,200.00 EUR", "3,800.00 EUR"):
            self.assertIn(text, page)

    def test_an_entry_leads_to_its_transaction(self):
        self.assertIn("out-1", self.shown("entry_changelist"))
        entry = Entry.objects.filter(account=self.account).latest("pk")
        answer = self.client.get(reverse("admin:ledger_entry_change", args=[entry.pk]))
        self.assertRedirects(answer, reverse("admin:ledger_transaction_change", args=[entry.transaction_id]))

    def test_an_account_shows_what_is_pending_and_a_hold_how_it_ends(self):
        rows = [hold(self.account, amount, external_id=name, ttl_seconds=60) for amount, name in ((70000, "order-1"), (5000, "order-2"))]
        deliver_everything()
        page = self.shown("balance_change", self.account.pk)
        for text in ("Pending", "order-1", "700.00 EUR", "750.00 EUR", "3,050.00 EUR"):
            self.assertIn(text, page)
        self.assertIn("order-2", self.shown("hold_changelist", state="pending"))
        self.assertNotIn("order-2", self.shown("hold_changelist", q="order-1"))
        self.assertIn("unearned:EUR", self.shown("hold_change", rows[0].pk))
        self.act("hold", rows[0].pk, "void", reason="the customer rang")
        self.assertEqual(Hold.objects.get(pk=rows[0].pk).state, "voided")
        page = self.shown("hold_change", rows[0].pk)
        self.assertIn("the customer rang", page)
        self.assertNotIn("Void hold", page)
        posting = end_hold(PostHold(hold_id=rows[1].pk)).hold.transaction_id
        self.assertIn(str(posting), self.shown("hold_change", rows[1].pk))
        self.assertIn(str(rows[1].pk), self.shown("transaction_change", posting))

    def test_a_transaction_is_taken_back_with_a_reason(self):
        row = Transaction.objects.get(external_id="out-1")
        self.assertIn("What is left of it, 1,200.00 EUR", self.shown("transaction_change", row.pk))
        self.act("transaction", row.pk, "reverse", reason="typed twice", amount="20000")
        page = self.shown("transaction_change", row.pk)
        for text in ("Reversed by", "1,000.00 EUR"):
            self.assertIn(text, page)
        self.act("transaction", row.pk, "reverse", reason="typed twice")
        self.assertNotIn("Reverse…", self.shown("transaction_change", row.pk))
        reversal = row.reversals.earliest("pk")
        page = self.shown("transaction_change", reversal.pk)
        self.assertIn(str(row.pk), page)
        self.assertNotIn("Reverse…", page)
        envelope = read_stream(f"transaction-{row.pk}")[0]
        self.assertEqual(envelope.actor, "staff:ada")

    def test_a_wrong_amount_takes_nothing_back(self):
        row = Transaction.objects.get(external_id="out-1")
        for amount in ("120001", "1.5"):
            self.act("transaction", row.pk, "reverse", reason="typed twice", amount=amount)
        self.assertFalse(row.reversals.exists())

    def test_who_only_looks_is_offered_nothing(self):
        row = hold(self.account, 100)
        self.client.force_login(staff.cleo())
        self.assertNotIn("Void hold", self.shown("hold_change", row.pk))
        self.act("hold", row.pk, "void", status=403, reason="?")

    def act(self, name: str, row: object, what: str, status: int = 302, **sent: str) -> None:
        answer = self.client.post(reverse(f"admin:ledger_{name}_act", args=[row, what]), sent)
        self.assertEqual(answer.status_code, status)

    def test_nothing_can_be_edited(self):
        for name, row in (("balance", self.account.pk), ("transaction", Transaction.objects.latest("pk").pk)):
            self.assertEqual(self.client.get(reverse(f"admin:ledger_{name}_add")).status_code, 403)
            self.assertEqual(self.client.get(reverse(f"admin:ledger_{name}_delete", args=[row])).status_code, 403)
        self.assertFalse(Account.objects.filter(code=BANK).exists())
