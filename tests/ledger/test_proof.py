"""The ledger proves itself, and notices whatever was changed behind its back."""

import json
from io import StringIO
from uuid import uuid4

from django.core.management import call_command
from django.db import connection
from django.test import TransactionTestCase

from ledger.commands import PostHold, ReverseTransaction, VoidHold
from ledger.handlers import end_hold, reverse
from ledger.models import Account, Hold, Transaction
from ledger.proof import Finding, prove
from tests.ledger.examples import BANK, credit, hold, open_customer, withdraw


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

    def test_a_ledger_with_holds_and_reversals_agrees(self):
        self.hold_and_reverse()
        self.assertEqual(list(prove()), [])

    def hold_and_reverse(self) -> list[Hold]:
        rows = [hold(self.account, 100) for _ in range(4)]
        rows += [hold(self.account, 100, credit_account=self.other.code), hold(self.account, 100, debit_account=BANK)]
        receipt = end_hold(PostHold(hold_id=rows[0].pk, amount="60"))
        end_hold(VoidHold(hold_id=rows[1].pk, reason="late"))
        for row in (Transaction.objects.get(hold=receipt.hold), self.transfer):
            reverse(ReverseTransaction(transaction_id=row.pk, amount="10", reason_code="duplicate", reason="?"))
        return rows

    def test_a_changed_hold_is_found(self):
        row = self.hold_and_reverse()[2]
        behind_its_back("UPDATE ledger_hold SET amount = amount + 1 WHERE id = %s", row.pk)
        self.assertEqual(self.found(), {("ledger_hold", str(row.pk), "amount"), ("ledger_account", self.account.code, "debits_pending")})

    def test_a_hold_that_was_ended_behind_its_back_is_found(self):
        row = self.hold_and_reverse()[4]
        behind_its_back(
            "UPDATE ledger_hold SET state = 'voided', ended_at = now(), released_amount = amount WHERE id = %s",
            row.pk,
        )
        told = {(table, field) for table, _, field in self.found()}
        self.assertLessEqual({("ledger_hold", "state"), ("ledger_account", "debits_pending"), ("ledger_account", "credits_pending")}, told)

    def test_a_hold_without_its_row_or_its_events_is_found(self):
        row = self.hold_and_reverse()[5]
        behind_its_back("UPDATE ledger_hold SET id = %s WHERE id = %s", smuggled := uuid4(), row.pk)
        found = self.found()
        self.assertIn(("ledger_hold", str(row.pk), "row"), found)
        self.assertIn(("ledger_hold", str(smuggled), "version"), found)

    def test_a_pending_counter_that_moved_is_found(self):
        behind_its_back("UPDATE ledger_account SET debits_pending = 5 WHERE id = %s", self.account.pk)
        self.assertEqual(self.found(), {("ledger_account", self.account.code, "debits_pending")})

    def test_a_reversal_that_lost_its_original_is_found(self):
        self.hold_and_reverse()
        row = Transaction.objects.filter(reverses=self.transfer).get()
        behind_its_back("UPDATE ledger_transaction SET reverses_id = NULL WHERE id = %s", row.pk)
        self.assertEqual(self.found(), {("ledger_transaction", str(row.pk), "reverses_id")})

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
