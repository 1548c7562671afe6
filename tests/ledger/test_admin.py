"""What staff see of money."""

from django.contrib.auth.models import User
from django.test import TestCase
from django.urls import reverse

from eventstore.testing import deliver_everything
from ledger.models import Account, Entry, Transaction
from tests.ledger.examples import BANK, credit, open_customer, withdraw


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

    def test_nothing_can_be_edited(self):
        for name, row in (("balance", self.account.pk), ("transaction", Transaction.objects.latest("pk").pk)):
            self.assertEqual(self.client.get(reverse(f"admin:ledger_{name}_add")).status_code, 403)
            self.assertEqual(self.client.get(reverse(f"admin:ledger_{name}_delete", args=[row])).status_code, 403)
        self.assertFalse(Account.objects.filter(code=BANK).exists())
