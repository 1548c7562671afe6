"""The ledger proves itself, and notices whatever was changed behind its back."""

import json
from io import StringIO
from uuid import uuid4

from django.core.management import call_command
from django.db import connection
from django.test import TransactionTestCase

from ledger.models import Account, Transaction
from ledger.proof import Finding, prove
from tests.ledger.examples import BANK, credit, open_customer, withdraw


def behind_its_back(sql: str, *values: object) -> None:
    """As the owner could, with the guards switched off."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        try:
            cursor.execute(sql, list(map(str, values)))
        finally:
            cursor.execute("SET session_replication_role = origin")


class Proof(TransactionTestCase):
    def setUp(self):
        self.account, self.other = open_customer(), open_customer()
        credit(self.account, 5000)
        withdraw(self.account, 1200)
        self.transfer = withdraw(self.account, 300, counterparty=self.other.code)

    def found(self) -> set[tuple[str, str, str]]:
        return {(finding.table, finding.key, finding.field) for finding in prove()}

    def test_an_honest_ledger_agrees(self):
        self.assertEqual(list(prove()), [])
        out = StringIO()
        call_command("ledger_check", stdout=out)
        self.assertEqual(out.getvalue().strip(), "Every figure agrees.")

    def test_a_changed_counter_is_found(self):
        behind_its_back("UPDATE ledger_account SET credits_posted = credits_posted + 1 WHERE id = %s", self.account.pk)
        told = {str(finding) for finding in prove()}
        self.assertEqual(told, {f"ledger_account {self.account.code}: credits_posted is 5001, expected 5000"})

    def test_a_changed_entry_is_found(self):
        behind_its_back("UPDATE ledger_entry SET amount = amount + 1 WHERE transaction_id = %s AND side = 'D'", self.transfer.pk)
        found = self.found()
        self.assertIn(("ledger_entry", "JPY", "credits"), found)
        self.assertIn(("ledger_account", self.account.code, "debits_posted"), found)
        self.assertIn(("ledger_transaction", str(self.transfer.pk), "entries"), found)

    def test_a_changed_transaction_is_found(self):
        behind_its_back("UPDATE ledger_transaction SET external_id = 'other' WHERE id = %s", self.transfer.pk)
        self.assertEqual(self.found(), {("ledger_transaction", str(self.transfer.pk), "external_id")})

    def test_a_deleted_transaction_is_found(self):
        behind_its_back("DELETE FROM ledger_entry WHERE transaction_id = %s", self.transfer.pk)
        behind_its_back("DELETE FROM ledger_transaction WHERE id = %s", self.transfer.pk)
        self.assertIn(("ledger_transaction", str(self.transfer.pk), "row"), self.found())

    def test_a_transaction_that_the_log_never_saw_is_found(self):
        smuggled, bank = uuid4(), Account.objects.get(code=BANK)
        columns = "(id, external_id, kind, effective_at, recorded_at) VALUES (%s, 'x', 'credit', now(), now())"
        behind_its_back(f"INSERT INTO ledger_transaction {columns}", smuggled)
        self.assertEqual(self.found(), {("ledger_transaction", str(smuggled), "event")})
        self.assertEqual(bank.balance.posted, 3800)

    def test_an_account_without_its_row_is_found(self):
        lonely = open_customer()
        behind_its_back("DELETE FROM ledger_account WHERE id = %s", lonely.pk)
        self.assertEqual(self.found(), {("ledger_account", lonely.code, "row")})

    def test_the_command_tells_machines_and_exits_with_3(self):
        behind_its_back("UPDATE ledger_account SET owner_ref = 'somebody' WHERE id = %s", self.other.pk)
        out = StringIO()
        with self.assertRaises(SystemExit) as caught:
            call_command("ledger_check", "--json", stdout=out)
        self.assertEqual(caught.exception.code, 3)
        finding = Finding(table="ledger_account", key=self.other.code, field="owner_ref", expected="None", found="somebody")
        self.assertEqual(json.loads(out.getvalue()), {"findings": [{name: getattr(finding, name) for name in Finding.__struct_fields__}]})

    def test_nothing_is_written_while_proving(self):
        self.assertEqual((list(prove()), Transaction.objects.count()), ([], 3))
